"""Axes are words: `batch token (head qkv head_dim)` is shape, label, colour, tick marks and check at once.

Words stand in the order of the tensor's dimensions. Words in brackets share one dimension, slowest first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mha_core.errors import AxesError
from mha_core.words import listed

WORDS = {
    "batch": "Independent inputs that are worked on together. Nothing ever mixes two of them.",
    "token": "Positions of the input: one word each, where the input is words.",
    "query": "The token that asks. Same size as token here, but another role.",
    "key": "The token that is asked. In self-attention keys are the same tokens as queries.",
    "head": "Attention heads: each attends on its own, in its own head_dim numbers.",
    "head_dim": "Numbers in one head's query, key or value vector: d_model / num_heads.",
    "qkv": "The three roles that one fused projection makes: query, key and value.",
    "d_model": "Numbers of a token inside the attention: num_heads times head_dim.",
    "input_dim": "Numbers of a token as it comes in.",
    "1": "An axis of size one: the same for every index of the other tensor's axis.",
}

# The labels that learners know. Any other bracket is labelled by its words, since num_heads x head_dim
# need not be d_model in real models. The second entry is the word whose colour the edge takes.
FUSED = {
    ("head", "qkv", "head_dim"): ("3·d_model", "d_model"),
    ("qkv", "head", "head_dim"): ("3·d_model", "d_model"),
    ("qkv", "head_dim"): ("3·head_dim", "head_dim"),
    ("head", "head_dim"): ("d_model", "d_model"),
}

PIECE = re.compile(r"\(([^()]*)\)|(\S+)")


@dataclass(frozen=True)
class Edge:
    """One dimension of a tensor: a word, or several words that share it, slowest first."""

    words: tuple[str, ...]

    @property
    def label(self) -> str:
        """What the edge is called: `head`, or `3·d_model` for a bracket."""
        if len(self.words) == 1:
            return self.words[0]
        return FUSED.get(self.words, (" × ".join(self.words), ""))[0]

    @property
    def colour(self) -> str:
        """The word whose colour the edge takes."""
        return FUSED[self.words][1] if self.words in FUSED else self.words[0]

    @property
    def key(self) -> str:
        """The edge's name as a keyword of `Trace.window`: `head`, `head_qkv_head_dim`."""
        return "_".join(self.words)

    def sizes(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return the size of each word, in order.

        Raises:
            AxesError: a word has no size.
        """
        for word in self.words:
            if word not in sizes:
                raise AxesError(
                    "The axis {word!r} has no size; sizes are given for {known}.",
                    word=word,
                    known=listed(sizes),
                )
        return tuple(sizes[word] for word in self.words)


@lru_cache(maxsize=256)
def edges(axes: str) -> tuple[Edge, ...]:
    """Read a string of axes into its edges, one for each dimension.

    Raises:
        AxesError: a bracket is empty, nested or left open, a word is unknown, or it stands twice.
    """
    found = tuple(Edge(tuple((bracket or word).split())) for bracket, word in PIECE.findall(axes))
    words = [word for edge in found for word in edge.words]
    if any("(" in word or ")" in word for word in words) or not all(edge.words for edge in found):
        raise AxesError("The axes {axes!r} have a bracket that is empty, nested or left open.", axes=axes)
    for word in words:
        if word not in WORDS:
            raise AxesError(
                "The axes {axes!r} name {word!r}; axes are called {known}.",
                axes=axes,
                word=word,
                known=listed(WORDS),
            )
        if words.count(word) > 1 and word != "1":  # axes of size one cannot be mistaken for each other
            raise AxesError("The axes {axes!r} name {word!r} twice.", axes=axes, word=word)
    return found


def by_item(axes: str) -> bool:
    """Say whether the first axis is the batch: then a tensor has a part for each of its items."""
    return edges(axes)[0].words == ("batch",)


def shape_of(axes: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the shape that a tensor with these axes has.

    Raises:
        AxesError: the axes cannot be read, or a word has no size.
    """
    return shape_for(axes, tuple(sizes.items()))


@lru_cache(maxsize=1024)  # asked of every tensor at every run: uncached it costs as much as small stages
def shape_for(axes: str, sizes: tuple[tuple[str, int], ...]) -> tuple[int, ...]:
    """Return the same for sizes as pairs, which whoever asks often makes once."""
    return tuple(math.prod(edge.sizes(dict(sizes))) for edge in edges(axes))


def split_index(edge: Edge, index: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Say where an index along an edge stands in each of its words: 17 -> head 1, qkv 1, head_dim 1."""
    parts: dict[str, int] = {}
    for word, size in zip(reversed(edge.words), reversed(edge.sizes(sizes)), strict=True):
        index, parts[word] = divmod(index, size)
    return {word: parts[word] for word in edge.words}

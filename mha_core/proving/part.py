"""Which part of a run a check looks at: all of it within a budget, else whole rows, heads and items.

Nothing here approximates: what is looked at is looked at number by number, and it is told how much it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mha_core.axes import edges
from mha_core.config import Config
from mha_core.errors import ExplorerError
from mha_core.inputs import linear, seed_of

Places = tuple[Sequence[int], ...]
"""For each axis of what was taken, where its cells stand in the whole tensor."""

CUT_SHORT = (
    "At these sizes even the smallest part that can be checked exactly would take longer than a page may "
    "wait, so this was not checked."
)


class NotApplicableError(ExplorerError):
    """A check that has nothing to say about a run; the sentence says why."""


@dataclass(frozen=True)
class Part:
    """Batch items, heads and tokens of a run, by index, in order."""

    items: tuple[int, ...]
    heads: tuple[int, ...]
    tokens: tuple[int, ...]

    def whole(self, config: Config) -> bool:
        """Say whether nothing is left out."""
        sizes = (config.batch_size, config.num_heads, config.sequence_length)
        return (len(self.items), len(self.heads), len(self.tokens)) == sizes


def fit(  # noqa: PLR0913 - a cost, what it may be, and what may be cut
    config: Config,
    cost: Callable[[int, int, int], float],
    budget: float,
    *,
    least_heads: int = 1,
    cut_heads: bool = True,
    cut_tokens: bool = True,
) -> Part:
    """Choose as much of a run as a budget allows: fewer items first, then fewer heads, then fewer tokens.

    Items and heads are drawn from the seed, items that have at least two real tokens first; of the tokens
    the first ones stay, since what comes later must not matter to them.

    Args:
        config: the run's settings.
        cost: what so many items, heads and tokens cost; it grows with each.
        budget: what it may cost.
        least_heads: fewer are never chosen, unless the run has fewer.
        cut_heads: whether heads may be left out.
        cut_tokens: whether tokens may be left out.

    Raises:
        NotApplicableError: the least does not fit either.
    """
    items, heads, tokens = config.batch_size, config.num_heads, config.sequence_length
    items = _most(items, 1, lambda count: cost(count, heads, tokens) <= budget)
    if cut_heads:
        least = min(least_heads, heads)
        heads = _most(heads, least, lambda count: cost(items, count, tokens) <= budget)
    if cut_tokens:
        tokens = _most(tokens, min(2, tokens), lambda count: cost(items, heads, count) <= budget)
    if cost(items, heads, tokens) > budget:
        raise NotApplicableError(CUT_SHORT)
    drawn = torch.Generator().manual_seed(seed_of(config.seed, "proofs"))
    order = torch.randperm(config.batch_size, generator=drawn).tolist()
    order.sort(key=lambda item: config.item_lengths[item] < 2)
    chosen = torch.randperm(config.num_heads, generator=drawn).tolist()[:heads]
    return Part(tuple(sorted(order[:items])), tuple(sorted(chosen)), tuple(range(tokens)))


def _most(most: int, least: int, fits: Callable[[int], bool]) -> int:
    return next((count for count in range(most, least, -1) if fits(count)), least)


def places(axes: str, part: Part, sizes: Mapping[str, int]) -> Places:
    """Return where the cells of a part stand in a whole tensor, axis by axis; keys always come whole.

    A fused axis keeps the columns of the chosen heads.
    """
    chosen = {"batch": part.items, "head": part.heads, "query": part.tokens, "token": part.tokens}
    found: list[Sequence[int]] = []
    for edge in edges(axes):
        spans = edge.sizes(sizes)
        kept = [len(chosen.get(word, range(size))) for word, size in zip(edge.words, spans, strict=True)]
        if tuple(kept) == spans:
            found.append(range(math.prod(spans)))
            continue
        index = torch.arange(math.prod(spans)).reshape(spans)
        for place, word in enumerate(edge.words):
            if word in chosen and len(chosen[word]) < spans[place]:
                index = index.index_select(place, torch.tensor(chosen[word]))
        found.append(tuple(index.flatten().tolist()))
    return tuple(found)


def take(tensor: Tensor, axes: str, part: Part, sizes: Mapping[str, int]) -> tuple[Tensor, Places]:
    """Take a part of a tensor by the words of its axes, with the places at which its cells stand."""
    found = places(axes, part, sizes)
    for axis, index in enumerate(found):
        if len(index) < tensor.shape[axis]:
            tensor = tensor.index_select(axis, torch.tensor(index, device=tensor.device))
    return tensor, found


def rows_of(head: int, num_heads: int, head_dim: int, layout: str) -> Tensor:
    """Return the rows of qkv_layer that make one head's q, k and v, in the layout's own order."""
    if layout == "per_head":
        return torch.arange(3 * num_heads * head_dim).reshape(num_heads, 3 * head_dim)[head]
    return torch.arange(3 * num_heads * head_dim).reshape(3, num_heads, head_dim)[:, head].flatten()


def layer_of(qkv_layer: nn.Linear, heads: tuple[int, ...], config: Config, layout: str) -> nn.Linear:
    """Return the fused layer of some heads alone, its rows in the order in which they stood."""
    if len(heads) == config.num_heads:
        return qkv_layer
    rows = torch.cat([rows_of(head, config.num_heads, config.head_dim, layout) for head in heads])
    rows = rows.sort().values.to(qkv_layer.weight.device)
    bias = None if qkv_layer.bias is None else qkv_layer.bias.detach()[rows]
    return linear(qkv_layer.weight.detach()[rows], bias)

"""Cells, their numbers and their places, in words."""

from __future__ import annotations

import math

from torch import Tensor

from mha_core.axes import Edge, edges, split_index
from mha_core.figures.cells import ROLES
from mha_core.figures.words import LABELS
from mha_core.origins import ranges
from mha_core.run import Trace
from mha_core.stage import Cell
from mha_core.words import listed, say

TOKENS = ("token", "query", "key")
"""The axes whose indices are the input's words."""


def number(value: float, digits: int = 9) -> str:
    """Write a number with its digits, as the drawing does: nine name a float32, seventeen a float64."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    return (f"{value:.{digits}g}" if digits < 17 else repr(value)).replace("-", "−")


def written(name: str, index: Cell) -> str:
    """Write a cell: `q[0, 3, 2, 17]`."""
    return say(LABELS["cell"], name=name, index=listed(index))


def flag(value: float) -> str:
    """Write yes or no."""
    return say(LABELS["true" if value else "false"])


class Teller:
    """Says what stands in the cells of a run, and where they are; of one batch item."""

    def __init__(self, trace: Trace, item: int) -> None:
        """Tell of one batch item of `trace`."""
        self.trace, self.item, self.sizes = trace, item, trace.config.sizes
        self.digits = 17 if trace.config.dtype == "float64" else 9

    def value(self, name: str, index: Cell) -> float:
        """Return the number that the run shows."""
        return float(self.trace[name][index])

    def is_flag(self, name: str) -> bool:
        """Say whether a tensor's cells are yes and no."""
        return name in self.trace.names and self.trace.made(name).values == "flag"

    def text(self, name: str, index: Cell) -> str:
        """Write what stands in a cell: a number, or True or False."""
        value = self.value(name, index)
        return flag(value) if self.is_flag(name) else number(value, self.digits)

    def edges_of(self, name: str) -> tuple[Edge, ...]:
        """Return a tensor's edges."""
        return edges(self.trace.made(name).axes)

    def places(self, name: str, index: Cell) -> dict[str, str]:
        """Say by axis word where a cell stands: head 3, query 2 “saw”, head_dim 17."""
        found = {}
        for edge, at in zip(self.edges_of(name), index, strict=True):
            for word, part in split_index(edge, at, self.sizes).items():
                if word != "1":
                    found[word] = self._place(word, part)
        return found

    def place(self, name: str, index: Cell) -> str:
        """Say where a cell stands, in the words of its axes but the batch's."""
        return listed(said for word, said in self.places(name, index).items() if word != "batch")

    def _word(self, axis: str, at: int) -> str | None:
        words = self.trace.config.words
        return words[self.item][at] if words and axis in TOKENS else None

    def _place(self, axis: str, at: int) -> str:
        if axis == "qkv":
            return ROLES[at]
        text = self._word(axis, at)
        return say(LABELS["place" if text is None else "place_word"], word=axis, index=at, text=text)

    def region(self, name: str, cells: Tensor) -> str:
        """Say where marked cells lie: the ranges along every axis; of a parameter along row and column."""
        if name in self.trace.names:
            labels = [(axis, edge.label) for axis, edge in enumerate(self.edges_of(name))][1:]
        else:
            labels = [(axis, LABELS[word]) for axis, word in enumerate(("row", "column")[: cells.ndim])]
        found = []
        for axis, label in labels:
            if label == "1":
                continue
            others = tuple(other for other in range(cells.ndim) if other != axis)
            along = cells.any(dim=others) if others else cells
            spans = ranges(along.nonzero().flatten().tolist())
            places = listed(self._span(label, low, high) for low, high in spans)
            found.append(say(LABELS["place"], word=label, index=places))
        return listed(found)

    def _span(self, axis: str, low: int, high: int) -> str:
        if high - low > 1:
            return say(LABELS["range"], first=low, last=high - 1)
        text = self._word(axis, low)
        return str(low) if text is None else say(LABELS["index_word"], index=low, text=text)

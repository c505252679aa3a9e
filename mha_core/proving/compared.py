"""Two tensors that must agree: how far apart they are, what was set apart, and where they part."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from mha_core.proving.part import Places
from mha_core.stage import Cell


@dataclass(frozen=True)
class Broke:
    """The cell at which two numbers lie furthest apart: the one that is there, and the one that must be.

    `theirs` is None where no other number was at hand. `index` is a cell of the tensor, or a row of it.
    """

    name: str
    index: Cell
    mine: float
    theirs: float | None


@dataclass(frozen=True)
class Compared:
    """How one tensor compares with what it must be.

    Attributes:
        name: the tensor.
        largest: the largest difference; infinite where one side alone is finite.
        tolerance: what it may be.
        count: numbers that were compared.
        unknown: numbers that were not, because neither side is finite.
        broke: where the largest difference is, if it is more than the tolerance.
    """

    name: str
    largest: float
    tolerance: float
    count: int
    unknown: int = 0
    broke: Broke | None = None

    @property
    def excess(self) -> float:
        """The largest difference in tolerances: above 1 it is too large."""
        if self.largest == 0 or self.tolerance == 0:
            return math.inf if self.largest else 0.0
        return self.largest / self.tolerance


def compare(  # noqa: PLR0913 - two tensors, and what is known of them
    name: str,
    mine: Tensor,
    theirs: Tensor,
    *,
    tolerance: float,
    places: Places,
    apart: Tensor | None = None,
) -> Compared:
    """Compare two tensors of one shape, number by number, in float64.

    Args:
        name: what the first is called.
        mine: the numbers on show.
        theirs: what they must be.
        tolerance: the largest difference allowed.
        places: where the cells stand in the whole tensor, axis by axis.
        apart: cells to leave out, as far as it can be broadcast; cells where neither side is finite are left
            out anyway, since of those nothing can be told.
    """
    left, right = mine.detach().double().cpu(), theirs.detach().double().cpu()
    unknown = ~left.isfinite() & ~right.isfinite()
    out = unknown
    if apart is not None:
        out, unknown = unknown | apart.cpu(), unknown & ~apart.cpu()
    difference = (left - right).abs().nan_to_num(nan=math.inf, posinf=math.inf).masked_fill(out, 0.0)
    largest = float(difference.max())
    broke = None
    if largest > tolerance:
        cell = torch.unravel_index(difference.argmax(), difference.shape)
        local = tuple(int(index) for index in cell)
        where = tuple(axis[index] for axis, index in zip(places, local, strict=True))
        broke = Broke(name, where, float(left[local]), float(right[local]))
    return Compared(name, largest, tolerance, int((~out).sum()), int(unknown.sum()), broke)


STEPS = {torch.float64: 8, torch.float32: 8, torch.bfloat16: 1, torch.float16: 1}
"""Rounding steps that a number may be off for each that the mathematics accounts for.

With 16 bits, sums are kept in float32 and only what is stored is rounded; with more, the sums themselves
round. Of 3000 runs of every kind, with gains from 0.001 to 8, none used more than half of this
(tests/core/test_proving.py tries others).
"""

TOO_COARSE = 0.5
"""Above this tolerance for a probability nothing would be shown by agreeing."""


def step(dtype: torch.dtype, reach: float = 0.0) -> float:
    """Return how far a probability may be off by rounding: `STEPS x eps x (1 + reach)`.

    A rounding of eps in a score changes the exponential by the same share, and scores themselves are off by
    eps times the products they are sums of: hence the reach.
    """
    return STEPS[dtype] * torch.finfo(dtype).eps * (1 + reach)


def reach(q: Tensor, k: Tensor) -> float:
    """Return the largest size that a scaled score of these queries and keys can have.

    The product of the longest query and the longest key, over the root of head_dim.
    """
    return longest(q) * longest(k) / math.sqrt(q.shape[-1])


def longest(rows: Tensor) -> float:
    """Return the length of the longest row; rows with numbers that are not finite are left out."""
    precise = torch.float64 if rows.dtype == torch.float64 else torch.float32
    return largest(torch.linalg.vector_norm(rows.detach(), dim=-1, dtype=precise))


def largest(numbers: Tensor) -> float:
    """Return the largest size of the finite numbers."""
    return float(numbers.detach().abs().nan_to_num(0.0, 0.0, 0.0).max())


def worst(compared: Iterable[Compared]) -> Compared:
    """Return the comparison that is nearest to its tolerance, or furthest beyond."""
    return max(compared, key=lambda each: each.excess)

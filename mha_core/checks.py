"""Comparing runs: the first number that differs, and how far apart two tensors are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mha_core.errors import InputError
from mha_core.run import Trace
from mha_core.stage import Cell


@dataclass(frozen=True)
class Difference:
    """Where two tensors first differ, both numbers there, and the largest difference anywhere."""

    name: str
    index: Cell
    mine: float
    theirs: float
    largest: float


def largest_difference(mine: Tensor, theirs: Tensor) -> float:
    """Return the largest difference of two tensors' numbers, in float64.

    Equal infinities and two NaNs at the same place count as no difference.

    Raises:
        InputError: the shapes differ.
    """
    if mine.shape != theirs.shape:
        raise InputError(
            "Shapes {mine} and {theirs} cannot be compared number by number.",
            mine=tuple(mine.shape),
            theirs=tuple(theirs.shape),
        )
    apart = _apart(mine, theirs)
    return float(apart.max()) if apart.numel() else 0.0


def _apart(mine: Tensor, theirs: Tensor) -> Tensor:
    left, right = mine.detach().double().cpu(), theirs.detach().double().cpu()
    same = (left == right) | (left.isnan() & right.isnan())
    apart = (left - right).abs().masked_fill(same, 0.0)
    return apart.masked_fill(apart.isnan(), torch.inf)


def first_difference(trace: Trace, others: Mapping[str, Tensor], tolerance: float = 0.0) -> Difference | None:
    """Return the first tensor, in the order made, that differs by more than `tolerance`; None: none does.

    Args:
        trace: the run to compare with.
        others: tensors by the names of the trace; names that the trace does not have are refused.
        tolerance: what counts as equal.

    Raises:
        InputError: an unknown name, or a tensor of another shape.
    """
    unknown = [name for name in others if name not in trace.names]
    if unknown:
        raise InputError(
            "There is no tensor {name!r} to compare with; there are {known}.",
            name=unknown[0],
            known=", ".join(trace.names),
        )
    for name in trace.names:
        if name not in others:
            continue
        largest = largest_difference(trace[name], others[name])
        if largest > tolerance:
            places = (_apart(trace[name], others[name]) > tolerance).nonzero()
            index = tuple(int(place) for place in places[0])
            return Difference(name, index, float(trace[name][index]), float(others[name][index]), largest)
    return None

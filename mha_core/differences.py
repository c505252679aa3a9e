"""How far apart two tensors are."""

from __future__ import annotations

import torch
from torch import Tensor

from mha_core.errors import InputError

ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 2**-4, torch.float16: 2**-7}
"""What rounding alone may change, as a share of a tensor's largest number: measured faults change more."""


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
    found = apart(mine, theirs)
    return float(found.max()) if found.numel() else 0.0


def apart(mine: Tensor, theirs: Tensor) -> Tensor:
    """Return how far apart the numbers are, cell by cell, in float64."""
    left, right = mine.detach().double().cpu(), theirs.detach().double().cpu()
    same = (left == right) | (left.isnan() & right.isnan())
    found = (left - right).abs().masked_fill(same, 0.0)
    return found.masked_fill(found.isnan(), torch.inf)


def rounding(tensor: Tensor) -> float:
    """Return how far apart rounding alone can put two tensors of these numbers."""
    finite = tensor[tensor.isfinite()]
    largest = float(finite.abs().max()) if finite.is_floating_point() and finite.numel() else 0.0
    return ROUNDING.get(tensor.dtype, 0.0) * largest

"""What would explain a difference: an exchange of axes, another order, a factor, a lost axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from torch import Tensor

from mha_core.axes import edges
from mha_core.differences import largest_difference, rounding
from mha_core.errors import InputError
from mha_core.words import listed, say

if TYPE_CHECKING:
    from mha_core.run import Trace

EXCHANGED = "Yours agrees after .transpose({first}, {second}): two of its axes are exchanged."
REORDERED = (
    "Yours holds the same numbers in another order: a permute is missing, or stands on the wrong side of a "
    "reshape."
)
MULTIPLE = "Each of your numbers is {factor} times this run's."
LARGEST_HINT = 4_000_000
"""Numbers of a tensor up to which a hint is looked for: it sorts them."""


def _orders(rank: int) -> Iterator[tuple[int, ...]]:
    """Yield orders of axes, those that only exchange two first."""
    for first, second in combinations(range(rank), 2):
        order = list(range(rank))
        order[first], order[second] = second, first
        yield tuple(order)
    yield from permutations(range(rank))


def hint(mine: Tensor, theirs: Tensor, allowed: float) -> str:
    """Return a sentence on what would explain other numbers in the same shape; nothing where nothing does."""
    if not 1 < mine.numel() <= LARGEST_HINT:
        return ""
    for first, second in combinations(range(mine.ndim), 2):
        turned = theirs.transpose(first, second)
        if turned.shape == mine.shape and largest_difference(mine, turned) <= allowed:
            return say(EXCHANGED, first=first, second=second)
    top = int(mine.double().nan_to_num(0.0, 0.0, 0.0).abs().argmax())
    factor = float(theirs.double().flatten()[top]) / (float(mine.double().flatten()[top]) or 1.0)
    told = math.isfinite(factor) and factor not in (0.0, 1.0)
    if told and largest_difference(mine.double() * factor, theirs) <= allowed * abs(factor):
        return say(MULTIPLE, factor=f"{factor:.6g}")
    ordered = (tensor.double().cpu().flatten().sort().values for tensor in (mine, theirs))
    return REORDERED if largest_difference(*ordered) <= allowed else ""


def misfit(trace: Trace, name: str, theirs: Tensor) -> InputError:
    """Say how another shape came about, where one forgotten step would explain it."""
    mine, axes = trace[name], trace.made(name).axes
    expected, given = tuple(mine.shape), tuple(theirs.shape)
    facts = {"name": name, "given": given, "expected": expected, "axes": axes}
    fits = [
        order
        for order in (_orders(len(given)) if sorted(given) == sorted(expected) else ())
        if tuple(given[axis] for axis in order) == expected
    ]
    if fits:
        agree = (order for order in fits if largest_difference(mine, theirs.permute(order)) <= rounding(mine))
        order = next(agree, fits[0])
        moved = [axis for axis, place in enumerate(order) if axis != place]
        if len(moved) == 2:
            return InputError(
                "{name!r} has shape {given}; in this run it is {expected} ({axes}). Two of its axes are "
                "exchanged: .transpose({first}, {second}) would fit.",
                **facts,
                first=moved[0],
                second=moved[1],
            )
        return InputError(
            "{name!r} has shape {given}; in this run it is {expected} ({axes}). Its axes stand in another "
            "order: .permute({order}) would fit.",
            **facts,
            order=listed(order),
        )
    lost = [axis for axis in range(len(expected)) if expected[:axis] + expected[axis + 1 :] == given]
    if lost:
        edge = edges(axes)[lost[0]]
        if expected[lost[0]] == 1:
            return InputError(
                "{name!r} has shape {given}; in this run it is {expected} ({axes}). It lacks the axis {axis} "
                "of size 1: .unsqueeze({place}) would fit.",
                **facts,
                axis=edge.label,
                place=lost[0],
            )
        return InputError(
            "{name!r} has shape {given}; in this run it is {expected} ({axes}). It lacks the axis {axis} of "
            "size {size}, as after taking one index of it or averaging over it.",
            **facts,
            axis=edge.label,
            size=expected[lost[0]],
        )
    if theirs.numel() == mine.numel():
        return InputError(
            "{name!r} has shape {given}; in this run it is {expected} ({axes}). It holds as many numbers, so "
            "a reshape, or a permute before it, is missing.",
            **facts,
        )
    return InputError("{name!r} has shape {given}; in this run it is {expected} ({axes}).", **facts)

"""What each head does, in numbers: how broad, how far, how much goes to itself, the neighbours, the first.

Every number stands beside its value under uniform attention over the keys that the query may see: a causal
mask alone makes a staircase, and only what goes beyond it is the weights' own doing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mha_core.run import Trace

NAMED_FROM = 0.4
"""The lift from which a head may be named after what it does."""

TEXTS, TOKENS = 4, 16
"""The least evidence for a name. On one text, or on short ones, random heads pass for something."""

OFFSETS = {"itself": 0, "previous": -1, "next": 1}
PLACES = (*OFFSETS, "first")
"""The keys that a measure of weight can look at, in the order in which they are shown."""


@dataclass(frozen=True)
class Measure:
    """One number of one head.

    Attributes:
        value: the mean over the counted queries.
        uniform: the same under uniform attention over the visible keys.
        lift: (value - uniform) / (1 - uniform): 0 is no more than uniform, 1 is all; None where it says
            nothing.
        queries: how many queries were counted.
    """

    value: float
    uniform: float
    lift: float | None
    queries: int


@dataclass(frozen=True)
class Counted:
    """Which queries count: all but the wholly masked, the broken and the filling's."""

    queries: int
    wholly_masked: int
    broken: int
    filling: int


@dataclass(frozen=True)
class HeadMeasures:
    """All measures of one head; one without a query to count is left out.

    `role` is the measure that the head may be named after, `none` where it does none of them enough, and
    empty where the evidence is too thin to say.
    """

    head: int
    entropy: Measure | None
    distance: Measure | None
    weights: dict[str, Measure]
    counted: Counted
    role: str


def uniform(hidden: Tensor) -> Tensor:
    """Return uniform attention over the visible keys, in float64; a wholly masked row is NaN."""
    visible = (~hidden).double()
    return visible / visible.sum(-1, keepdim=True)


def hidden_of(trace: Trace, item: int | None = None) -> Tensor:
    """Return what the mask hides, `batch 1 query key`, of one batch item or of all."""
    batch = slice(None) if item is None else slice(item, item + 1)
    return trace.window("mask", batch=batch)


def measure(trace: Trace, item: int | None = None) -> tuple[HeadMeasures, ...]:
    """Measure every head of one batch item, or over all items pooled.

    Raises:
        WindowError: there is no such item.
    """
    batch = slice(None) if item is None else slice(item, item + 1)
    weights = trace.window("weights", batch=batch)
    return measure_weights(weights, hidden_of(trace, item))


def measure_weights(weights: Tensor, hidden: Tensor) -> tuple[HeadMeasures, ...]:
    """Measure heads by their weights alone.

    Args:
        weights: `batch head query key`, any floating type; worked on in float64.
        hidden: `batch 1 query key`, True where the key is hidden.

    Returns:
        One entry a head. Queries whose keys are all masked, whose weights are NaN or infinite, and those of
        the filling (tokens that nobody may see) are counted and left out.
    """
    wide, masked = weights.detach().double(), hidden[:, 0]
    even = uniform(masked)
    wholly = masked.all(-1)  # batch query
    filling = masked.all(-2) & ~wholly
    found = []
    for head in range(wide.shape[1]):
        rows = wide[:, head]
        broken = ~rows.isfinite().all(-1) & ~wholly
        good = ~(wholly | broken | filling)
        counted = Counted(
            int(good.sum()), int(wholly.sum()), int((broken & ~filling).sum()), int(filling.sum())
        )
        places = {
            name: each
            for name in PLACES
            if (each := _weight_on(_keys(name, masked), rows, even, good)) is not None
        }
        texts = int(good.any(-1).sum())
        shortest = int(good.sum(-1)[good.any(-1)].min()) if texts else 0
        found.append(
            HeadMeasures(
                head,
                _entropy(rows, masked, good),
                _distance(rows, even, good),
                places,
                counted,
                role_of(places, texts, shortest),
            )
        )
    return tuple(found)


def role_of(weights: dict[str, Measure], texts: int, tokens: int) -> str:
    """Return what a head may be called: the largest lift, if it and the evidence are large enough."""
    if texts < TEXTS or tokens < TOKENS:
        return ""
    lifts = {name: each.lift for name, each in weights.items() if each.lift is not None}
    best = max(lifts, key=lambda name: lifts[name], default="none")
    return best if lifts.get(best, 0.0) >= NAMED_FROM else "none"


def _keys(name: str, masked: Tensor) -> Tensor:
    """Mark the key that a measure looks at, `batch query key`; a query has none where it is hidden."""
    tokens = masked.shape[-1]
    marks = torch.zeros(tokens, tokens, dtype=torch.bool, device=masked.device)
    if name == "first":
        marks[1:, 0] = True  # the first token itself looks at "itself"
    else:
        marks.diagonal(OFFSETS[name]).fill_(True)
    return marks & ~masked


def _weight_on(keys: Tensor, rows: Tensor, even: Tensor, good: Tensor) -> Measure | None:
    asked = keys.any(-1) & good
    queries = int(asked.sum())
    if not queries:
        return None
    value = float(rows.masked_fill(~keys, 0.0).sum(-1)[asked].mean())
    wanted = float(even.masked_fill(~keys, 0.0).sum(-1)[asked].mean())
    lift = (value - wanted) / (1 - wanted) if wanted < 1 else None  # one visible key: nothing could be more
    return Measure(value, wanted, lift, queries)


def _entropy(rows: Tensor, masked: Tensor, good: Tensor) -> Measure | None:
    """Average the entropy of the rows with more than one key, as a share of the largest it could be."""
    visible = (~masked).sum(-1)
    asked = good & (visible > 1)
    if not asked.any():
        return None
    share = torch.special.entr(rows[asked].clamp(min=0)).sum(-1) / visible[asked].double().log()
    return Measure(float(share.mean()), 1.0, None, int(asked.sum()))


def _distance(rows: Tensor, even: Tensor, good: Tensor) -> Measure | None:
    if not good.any():
        return None
    place = torch.arange(rows.shape[-1], device=rows.device, dtype=torch.float64)
    apart = (place[:, None] - place).abs()
    value, wanted = (float((apart * each).sum(-1)[good].mean()) for each in (rows, even))
    return Measure(value, wanted, None, int(good.sum()))


def mean_entropy(measures: tuple[HeadMeasures, ...]) -> float:
    """Return the mean entropy over the heads; NaN where no head has one."""
    known = [each.entropy.value for each in measures if each.entropy is not None]
    return math.fsum(known) / len(known) if known else math.nan

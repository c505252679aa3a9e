"""How sharply a head can tell positions apart: arithmetic of sines and cosines, before there are weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

TOKENS = 128
"""Tokens that every planted head is built for, the most that a text may have: weights never read the text."""

LEAD = 6.0
"""By how much the right key's scaled score leads: e^6 is 403, so one rival leaves 0.998 of the weight.

Of words, over each that differs in a quarter of the signs compared; one that differs in fewer is nearer.
"""

LEAST = 0.9
"""The weight on its intended keys that a head of waves must reach, at TOKENS tokens, to be offered.

A head that compares words is offered from a head_dim on, and may put less on them in a long text.
"""

BLUR = 6
"""The window head has the previous-token head's gain divided by this."""


def wave(pair: int, half: int) -> float:
    """Return the angle by which a pair of sine and cosine turns from one token to the next."""
    return float(10000 ** (-2 * pair / half))


@cache
def contrast(pairs: int, half: int) -> float:
    """Return D: by how much the products of two neighbouring positions fall short of a position's own."""
    return sum(1 - math.cos(wave(pair, half)) for pair in range(pairs))


def _shares(pairs: int, half: int, lead: float) -> list[float]:
    """Return the unnormalised weight of a key so many tokens away from the right one, which has 1."""
    factor = lead / contrast(pairs, half)
    waves = [wave(pair, half) for pair in range(pairs)]
    return [math.exp(-factor * sum(1 - math.cos(angle * far) for angle in waves)) for far in range(TOKENS)]


def _lowest(shares: list[float], reach: int) -> float:
    """Return the lowest weight that a row has within `reach` of the token before it, nothing hidden."""
    sums = [0.0]
    for share in shares:
        sums.append(sums[-1] + share)

    def around(left: int, right: int) -> float:  # so many keys before the right one, so many after
        return sums[left + 1] + sums[right + 1] - shares[0]

    rows = ((place, TOKENS - 1 - place) for place in range(TOKENS - 1))
    return min(around(min(reach, left), min(reach, right)) / around(left, right) for left, right in rows)


@cache
def one_step_mass(head_dim: int, half: int) -> float:
    """Return the lowest weight that a head of one step puts on its key."""
    return _lowest(_shares(head_dim // 2, half, LEAD), 0)


@cache
def window_mass(head_dim: int, half: int) -> float:
    """Return the lowest weight that a window head puts within two of the token before."""
    return _lowest(_shares(head_dim // 2, half, LEAD / BLUR), 2)


@cache
def first_mass(head_dim: int, half: int) -> float:
    """Return the weight that a first-token head puts on its key among TOKENS."""
    return 1 / sum(_shares(min(head_dim, half // 2), half, LEAD))


Mass = Callable[[int, int], float]


@cache
def enough(mass: Mass, head_dim: int, half: int) -> tuple[int, int]:
    """Return a head_dim and an input_dim, from these on, that reach LEAST; the input stays where it can."""
    while mass(half - half % 2, half) < LEAST:
        half += 1
    low, high = head_dim - 2, half - half % 2  # a larger head is sharper: halve the way between
    while high - low > 2:
        middle = low + (high - low) // 4 * 2
        low, high = (low, middle) if mass(middle, half) >= LEAST else (middle, high)
    return high, 2 * half


def steady(half: int) -> float:
    """Return the slowest cosine at the last token: near 1, it can stand for a constant."""
    return math.cos(wave(max(half // 2 - 1, 0), half) * (TOKENS - 1))


def slow_pair(half: int) -> int | None:
    """Return the first pair whose sine rises over all TOKENS; None where every one turns sooner."""
    return next((pair for pair in range(half // 2) if wave(pair, half) * (TOKENS - 1) <= 1), None)

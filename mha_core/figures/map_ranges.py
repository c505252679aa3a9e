"""Where the colours of a heatmap's signed numbers end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mha_core.compare import MEAN, Selected
from mha_core.figures.cells import statistics, widened
from mha_core.run import Trace

UNEVEN = 10
"""How much larger than one head's own range the common one may be, so that its colours still show."""

LEAST = 0.01
"""The least range of a difference of weights: what the cells could write of less is 0.00."""

STEPS = 8
"""Rounding steps by which equal numbers may be apart, as in `mha_core.proving.compared`."""


def range_of_colours(trace: Trace, selected: Selected) -> tuple[float, bool]:
    """Return where the signed colours end, and whether some heads reach far beyond.

    The range is that of the tensor this one is compared with (scores and scaled share one): of one head its
    own, else of all heads, or, where that would leave some head without colour, the middle head's. Of two in
    the middle it is the lower one. Heads that hold nothing but a difference of rounding have no say.

    Weights run from 0 to 1, so that their differences need no such care: all heads share one range, and what
    is too small to be written is not painted in full colours.
    """
    name, heads = selected.wanted.name, selected.wanted.heads
    if selected.kind == "probability":
        return 1.0, False
    made = trace.made(name)
    shares = made.like if made.like and not selected.wanted.minus else name
    of = selected.all if shares == name else trace.window(shares, batch=selected.item)
    single = len(heads) == 1 and heads != (MEAN,)
    whole = statistics(widened(of[heads[0]] if single else of))[1]
    if made.values == "probability":
        return max(whole, LEAST), False
    if single or not whole:
        return whole or 1.0, False
    rounding = _rounding(trace.window(shares, batch=selected.item))
    each = sorted(limit for one in of if (limit := statistics(widened(one))[1]) > rounding)
    if each and UNEVEN * each[0] < whole:
        return each[(len(each) - 1) // 2], True
    return whole, False


def _rounding(of: Tensor) -> float:
    """Return how far equal numbers of a tensor may be apart when they are computed twice.

    Each is off by about eps times what it is a sum of, so that the largest of the tensor sets the measure.
    """
    values = widened(of)
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return STEPS * torch.finfo(of.dtype).eps * float(largest)

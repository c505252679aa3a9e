"""Comparing runs: the first number that differs, and how far apart two tensors are.

This file stands below run.py, whose Trace hands its own comparison on to it: it reads a run and makes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mha_core.axes import edges, split_index
from mha_core.differences import apart, largest_difference, rounding
from mha_core.errors import InputError
from mha_core.hints import hint, misfit
from mha_core.stage import Cell, maker_of
from mha_core.words import listed, say

if TYPE_CHECKING:
    from mha_core.run import Trace

FOUND = (
    "{name} is the first tensor that differs (step: {title}). {name}[{index}] is {mine} in this run and "
    "{theirs} in yours: {place}. The largest difference in {name} is {largest}."
)


@dataclass(frozen=True)
class Difference:
    """Where two tensors first differ, both numbers there, and the largest difference anywhere.

    Attributes:
        name: the tensor.
        index: the first cell that differs, in the order of memory.
        mine: the run's number there.
        theirs: the other's.
        largest: the largest difference in this tensor.
        title: the step that makes it.
        place: the cell in words: head 3, query 2.
        hint: a sentence on what would explain it, where something was found.
    """

    name: str
    index: Cell
    mine: float
    theirs: float
    largest: float
    title: str = ""
    place: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return it as sentences, for a notebook."""
        said = say(
            FOUND,
            name=self.name,
            title=self.title,
            index=listed(self.index),
            mine=f"{self.mine:.9g}",
            theirs=f"{self.theirs:.9g}",
            place=self.place,
            largest=f"{self.largest:.3g}",
        )
        return listed([said, self.hint] if self.hint else [said], "sentences")


def first_difference(
    trace: Trace, others: Mapping[str, Any], tolerance: float | None = 0.0, explain: bool = True
) -> Difference | None:
    """Return the first tensor, in the order made, that differs by more than `tolerance`; None: none does.

    Args:
        trace: the run to compare with.
        others: tensors or numpy arrays by the names of the trace; names that it does not have are refused.
        tolerance: what counts as equal; None: what `rounding` of each tensor allows.
        explain: whether to look for what would explain it, which costs a sort.

    Raises:
        InputError: an unknown name, something that is no tensor, or a tensor of another shape.
    """
    unknown = [name for name in others if name not in trace.names]
    if unknown:
        raise InputError(
            "There is no tensor {name!r} to compare with; there are {known}.",
            name=unknown[0],
            known=", ".join(trace.names),
        )
    for name in (name for name in trace.names if name in others):
        mine, theirs = trace[name], _tensor(name, others[name])
        if theirs.shape != mine.shape:
            raise misfit(trace, name, theirs)
        allowed = rounding(mine) if tolerance is None else tolerance
        largest = largest_difference(mine, theirs)
        if largest > allowed:
            index = tuple(int(place) for place in (apart(mine, theirs) > allowed).nonzero()[0])
            return Difference(
                name,
                index,
                float(mine[index]),
                float(theirs[index]),
                largest,
                title=maker_of(trace.pipeline, name)[0].title,
                place=_place(trace, name, index),
                hint=hint(mine, theirs, allowed) if explain else "",
            )
    return None


def _tensor(name: str, given: Any) -> Tensor:
    if given is None:
        raise InputError(
            "{name!r} is None, not a tensor. nn.MultiheadAttention gives None for its weights where it is "
            "called with need_weights=False.",
            name=name,
        )
    known = given.detach() if isinstance(given, Tensor) else _array(name, given)
    if known.is_complex() if isinstance(known, Tensor) else known.dtype.kind not in "biuf":
        raise InputError(
            "{name!r} is a {kind} of {dtype}; give a tensor or an array of real numbers.",
            name=name,
            kind=type(given).__name__,
            dtype=known.dtype,
        )
    if isinstance(known, Tensor):
        return known
    # torch has neither more than 64 bits nor another order of bytes than the machine's
    kind = np.dtype(np.float64) if known.dtype == np.longdouble else known.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):
        # copied: torch refuses arrays with negative strides, and warns of ones that cannot be written
        return torch.from_numpy(known.astype(kind, order="C", copy=True))


def _array(name: str, given: Any) -> Any:
    """Read what is no tensor as an array; lists may hold tensors, also ones that ask for gradients."""
    try:
        return np.asarray(_without_gradients(given))
    except (RuntimeError, TypeError, ValueError) as error:  # as numpy and torch raise
        raise InputError(
            "{name!r} is a {kind} that cannot be read as one array: {reason}. Give a tensor or an array of "
            "real numbers.",
            name=name,
            kind=type(given).__name__,
            reason=str(error).strip(". "),
        ) from error


def _without_gradients(given: Any) -> Any:
    if isinstance(given, list | tuple):
        return [_without_gradients(each) for each in given]
    if not isinstance(given, Tensor):
        return given
    bare = given.detach().cpu()
    return (bare.float() if bare.dtype == torch.bfloat16 else bare).numpy()


def _place(trace: Trace, name: str, index: Cell) -> str:
    parts = [
        f"{word} {part}"
        for edge, at in zip(edges(trace.made(name).axes), index, strict=True)
        for word, part in split_index(edge, at, trace.config.sizes).items()
        if word != "1"
    ]
    return listed(parts)

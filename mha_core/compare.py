"""Maps of heads to look at: as they are, their mean, and what is left when another map is taken away.

A map is `query key`. What is taken away may be another head, the same heads under another mask or for another
input, or uniform attention under the same mask; the weights of the two layers stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mha_core.axes import edges
from mha_core.config import Config
from mha_core.errors import InputError
from mha_core.measures import hidden_of, uniform
from mha_core.run import Trace, run
from mha_core.stage import Pipeline, Values, made_names, maker_of, tensor_inputs

MAP_AXES = ("head", "query", "key")
MEAN = -1
"""Stands in a list of heads for the mean over all of them."""


@dataclass(frozen=True)
class Wanted:
    """Which maps are wanted.

    Attributes:
        name: a tensor with a map for every head.
        heads: which heads, in order; `(MEAN,)` for the mean over all.
        minus: what is taken away: nothing, `uniform`, `head`, `mask`, `seed` or `text`.
        value: which head, mask, seed or text.
    """

    name: str = "weights"
    heads: tuple[int, ...] = (0,)
    minus: str = ""
    value: str = ""


@dataclass(frozen=True)
class Selected:
    """Maps, ready to be described.

    Attributes:
        wanted: what was asked for.
        item: the batch item.
        values: `map query key`, as the run made them; means and differences are worked out in float64.
        hidden: `query key`: hidden by the mask (of a difference: on both sides).
        kind: what the numbers are; a difference is signed.
        all: the same for all heads, so that a range of colours holds for all of them.
    """

    wanted: Wanted
    item: int
    values: Tensor
    hidden: Tensor
    kind: Values
    all: Tensor


def map_names(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the tensors that have a map of numbers for every head."""
    return tuple(
        name
        for name in made_names(pipeline)
        if tuple(edge.label for edge in edges(maker_of(pipeline, name)[1].axes)[1:]) == MAP_AXES
    )


def masked_by(pipeline: Pipeline, name: str) -> bool:
    """Say whether the mask has been at work on a tensor."""
    stage, _ = maker_of(pipeline, name)
    reads = tensor_inputs(pipeline, stage)
    return "mask" in reads or any(masked_by(pipeline, each) for each in reads if each in map_names(pipeline))


def select(trace: Trace, item: int, wanted: Wanted, other: Trace | None = None) -> Selected:
    """Return the maps that are wanted of a batch item.

    Args:
        trace: the run.
        item: the batch item.
        wanted: which maps.
        other: the run that is taken away, for `mask`, `seed` and `text` (see `other_run`).

    Raises:
        InputError: the other run's maps have another size, or there is no other batch item of that number.
    """
    every = _maps(trace, item, wanted.name)
    hidden = _hidden(trace, item, wanted.name)
    kind = trace.made(wanted.name).values
    if wanted.minus:
        kind = "signed"
        taken, also = _taken(trace, item, wanted, every, other)
        every, hidden = _difference(every, taken), hidden & also
        mean = every.mean(0, keepdim=True)
    else:
        mean = every.double().mean(0, keepdim=True)
    chosen = mean if wanted.heads == (MEAN,) else every[list(wanted.heads)]
    return Selected(wanted, item, chosen, hidden, kind, every)


def _maps(trace: Trace, item: int, name: str) -> Tensor:
    return trace.window(name, batch=item).detach().cpu()


def _hidden(trace: Trace, item: int, name: str) -> Tensor:
    hidden = hidden_of(trace, item)[0, 0].cpu()
    return hidden if masked_by(trace.pipeline, name) else torch.zeros_like(hidden)


def _taken(
    trace: Trace, item: int, wanted: Wanted, every: Tensor, other: Trace | None
) -> tuple[Tensor, Tensor]:
    """Return the maps that are taken away, and where those are hidden."""
    hidden = _hidden(trace, item, wanted.name)
    if wanted.minus == "uniform":
        return uniform(hidden)[None], hidden
    if wanted.minus == "head":
        return every[int(wanted.value)][None], hidden
    if other is None:
        raise InputError("A difference to another {kind} needs the other run.", kind=wanted.minus)
    if item >= other.config.batch_size:
        raise InputError(
            "The other text has {lines} lines, so there is no batch item {item} to compare with.",
            lines=other.config.batch_size,
            item=item,
        )
    theirs = _maps(other, item, wanted.name)
    if theirs.shape != every.shape:
        raise InputError(
            "The other text has {theirs} words in a line and this one {mine}; maps can be compared only "
            "where both are the same.",
            theirs=theirs.shape[-1],
            mine=every.shape[-1],
        )
    return theirs, _hidden(other, item, wanted.name)


def _difference(left: Tensor, right: Tensor) -> Tensor:
    """Subtract in float64; equal infinities leave nothing (minus infinity stands on both sides of a mask)."""
    mine, theirs = left.double(), right.double()
    apart: Tensor = mine - theirs
    return apart.masked_fill(mine == theirs, 0.0)


OTHERS: dict[str, Callable[[Config, str], Config]] = {
    "mask": lambda config, value: config.but(mask=value),
    "seed": lambda config, value: config.but(seed=int(value)),
    "text": lambda config, value: config.but(text=value),
}
"""The settings of the run that is compared with."""


def other_run(trace: Trace, minus: str, value: str) -> Trace | None:
    """Return the run that a comparison needs, or None where it needs none.

    It goes through the very layers that ran, so that another seed means another x and the same weights. An x
    of the caller's own stays the same under another mask.

    Raises:
        ConfigError: the mask, the seed or the text cannot be.
        InputError: another seed or text is wanted of a run on the caller's own x, which neither has made.
    """
    config = other_config(trace.config, minus, value)
    if config is None:
        return None
    if "given_x" not in trace.given:
        return run(config, parameters=trace.parameters)
    if minus != "mask":
        raise InputError(
            "The x of this run was handed in and not made from a {kind}, so there is no run of another "
            "{kind} to compare with; another mask or another head would do.",
            kind=minus,
        )
    return run(config, trace["x"], trace.parameters)


def other_config(config: Config, minus: str, value: str) -> Config | None:
    """Return the settings of the run that a comparison needs, or None where it needs none.

    Raises:
        ConfigError: the mask, the seed or the text cannot be.
    """
    return OTHERS[minus](config, value) if minus in OTHERS else None

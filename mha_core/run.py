"""One run: settings in, a frozen record of every tensor out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from mha_core.attention import PER_HEAD, STACKED
from mha_core.axes import edges
from mha_core.checks import Difference, first_difference
from mha_core.config import Config
from mha_core.errors import InputError, WindowError
from mha_core.inputs import DTYPES, checked, input_given, input_stage, linear
from mha_core.masks import mask_stage
from mha_core.planted import are_planted
from mha_core.planted import layers as settings_layers
from mha_core.stage import Made, Pipeline, Stage, Watch, execute, made_names, maker_of, unbiased
from mha_core.words import listed, say

PIPELINES: dict[str, Pipeline] = {"per_head": PER_HEAD, "stacked": STACKED}

SIZES = ("batch_size", "sequence_length", "input_dim", "d_model", "num_heads", "head_dim")
"""What stages may ask for besides tensors, parameters and indices."""

MISSING_DEVICE = "The device {device} is not there; this run took place on the CPU. Here there is {known}."
MISSING_NUMBER = (
    "The device {device} is not there; this run took place on the CPU. Here {kind} is numbered 0 to {last}."
)
OUT_OF_MEMORY = "The device {device} has too little memory for this run; it took place on the CPU."
REFUSED = (
    "The device {device} cannot do this run in {dtype}; it took place on the CPU. The device says: {reason}"
)

LONGEST_REASON = 200


@dataclass(frozen=True)
class Trace:
    """The record of one run. Treat it as read-only: pages share it.

    Attributes:
        config: the settings that ran (`device` is where the run took place).
        pipeline: the stages that ran, the one that makes x first.
        tensors: every tensor by name, in the order made.
        parameters: the layers that ran, `qkv_layer` and `out_layer`.
        given: everything else that the stages read, by name: sizes, indices, the words' table.
        notes: sentences about what differs from the settings asked for.
    """

    config: Config
    pipeline: Pipeline
    tensors: Mapping[str, Tensor]
    parameters: Mapping[str, nn.Linear]
    given: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Tensor:
        """Return a whole tensor by its name."""
        maker_of(self.pipeline, name)
        return self.tensors[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tensors, in the order made."""
        return made_names(self.pipeline)

    def made(self, name: str) -> Made:
        """Return a tensor's row: its axes and what its values are."""
        return maker_of(self.pipeline, name)[1]

    def stage(self, name: str) -> Stage:
        """Return the stage that makes a tensor."""
        return maker_of(self.pipeline, name)[0]

    @property
    def available(self) -> dict[str, Any]:
        """Everything a stage can ask for by name: tensors, parameters, sizes, indices."""
        return {**self.given, **self.parameters, **self.tensors}

    def window(self, name: str, **ranges: int | slice) -> Tensor:
        """Return part of a tensor, by the names of its axes; this is how drawings and pages read.

        Args:
            name: the tensor.
            ranges: for an axis a slice, or an index, which takes the axis away as it does in torch. A fused
                axis is called by its words: `head_qkv_head_dim`. Axes that are not named come whole.

        Raises:
            WindowError: an axis that the tensor does not have, or a range outside it.
        """
        tensor, keys = self[name], [edge.key for edge in edges(self.made(name).axes)]
        unknown = [axis for axis in ranges if axis not in keys]
        if unknown:
            raise WindowError(
                "{name!r} has no axis {axis!r}; its axes are {known}.",
                name=name,
                axis=unknown[0],
                known=listed(keys),
            )
        for axis, size in zip(keys, tensor.shape, strict=True):
            wanted = ranges.get(axis, slice(None))
            whole = slice(wanted, wanted + 1) if isinstance(wanted, int) else wanted
            start, stop = whole.start or 0, size if whole.stop is None else whole.stop
            if whole.step not in (None, 1):
                raise WindowError(
                    "The window of axis {axis!r} has step {step}; a window of {name!r} takes every index.",
                    axis=axis,
                    step=whole.step,
                    name=name,
                )
            if not 0 <= start < stop <= size:
                raise WindowError(
                    "The window {wanted} of axis {axis!r} is empty or outside {name!r}: it has {size}, "
                    "so 0 to {last}.",
                    wanted=wanted if isinstance(wanted, int) else f"{start}:{stop}",
                    axis=axis,
                    name=name,
                    size=size,
                    last=size - 1,
                )
        return tensor[tuple(ranges.get(axis, slice(None)) for axis in keys)]

    def first_difference(
        self, others: Mapping[str, Any], tolerance: float | None = None
    ) -> Difference | None:
        """Return the first tensor, in the order made, in which another computation differs; None: none does.

        Printed, the answer is a sentence: which step, which cell, both numbers, and what would explain it.

        Args:
            others: tensors or numpy arrays by the names of this run: `{"scores": mine, "out": also_mine}`.
            tolerance: the largest difference that counts as equal; None: what rounding explains.

        Raises:
            InputError: an unknown name, something that is no tensor, or a tensor of another shape; the
                sentence names the transpose or the permute that would fit.
        """
        return first_difference(self, others, tolerance)


def devices() -> tuple[str, ...]:
    """Return the devices that torch reports here, the CPU first."""
    found = ["cpu"]
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator()
        found += [str(kind.type)] if kind is not None else []
    return tuple(found)


def pipeline_for(config: Config, given_x: bool = False) -> Pipeline:
    """Return the stages that these settings run: x's own, the layout's, and the mask's after v."""
    stages = _rows(config, given_x)
    return stages if config.bias else tuple(map(unbiased, stages))


def _rows(config: Config, given_x: bool) -> Pipeline:
    base = PIPELINES[config.layout]
    after_v = (
        next(place for place, stage in enumerate(base) if "v" in {made.name for made in stage.makes}) + 1
    )
    return (input_stage(config, given_x), *base[:after_v], mask_stage(config.mask), *base[after_v:])


def _as_it_runs(stage: Stage, layers: Mapping[str, nn.Linear]) -> Stage:
    """Return a stage's row as it is true of the layers that it reads."""
    mine = [layers[name] for name in stage.inputs.values() if name in layers]
    return unbiased(stage) if mine and all(layer.bias is None for layer in mine) else stage


def run(
    config: Config,
    x: Tensor | None = None,
    parameters: Mapping[str, nn.Linear] | None = None,
    pipeline: Pipeline | None = None,
    watch: Watch | None = None,
) -> Trace:
    """Run multi-head attention once and keep every tensor.

    Args:
        config: the settings. Where its device is missing, too small or cannot do this kind of number, the run
            takes place on the CPU and the trace's notes say so.
        x: the caller's own input, `batch token input_dim`; None: made as the settings say.
        parameters: the caller's own `qkv_layer` and `out_layer` (or `q_layer`, `k_layer`, `v_layer` and
            `out_layer`); None: drawn or planted, as the settings say. They are copied where
            dtype or device differ; else the very layers run. Whether there is a bias is theirs to say: the
            trace's config has it as they have it, true where any of them has one. Other layers than planted
            settings plant have no jobs: the trace's config then has weights `initial`, and x, made of words
            beside positions all the same, counts as handed in.
        pipeline: other stages than the settings' own, the one that makes x included.
        watch: called before each stage, with the stage; what it raises ends the run.

    Raises:
        InputError: x or the parameters do not fit the config.
        ShapeError: a stage of the pipeline made another shape than its axes say.
    """
    if x is not None and tuple(x.shape) != (config.batch_size, config.sequence_length, config.input_dim):
        raise InputError(
            "x has shape {given}; with batch_size {batch}, sequence_length {token} and input_dim {input_dim} "
            "it must be {expected}.",
            given=tuple(x.shape),
            expected=(config.batch_size, config.sequence_length, config.input_dim),
            **{word: config.sizes[word] for word in ("batch", "token", "input_dim")},
        )
    layers = checked(config, parameters) if parameters is not None else settings_layers(config)
    if parameters is not None and config.weights == "planted" and (pipeline is None or x is not None):
        if not are_planted(config, layers):
            x = _made_x(config) if x is None else x
            config = config.but(weights="initial", jobs=())
    bias = any(layer.bias is not None for layer in layers.values())
    if bias != config.bias:
        config = config.but(bias=bias)
    stages = tuple(_as_it_runs(stage, layers) for stage in pipeline or _rows(config, x is not None))
    note = _missing(config.device)
    if not note:
        try:
            return _run_on(config, x, layers, stages, watch)
        except torch.OutOfMemoryError:
            note = say(OUT_OF_MEMORY, device=config.device)
        except (RuntimeError, TypeError) as error:  # as torch raises where a device lacks a dtype or a step
            if config.device.startswith("cpu"):
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0][:LONGEST_REASON]
            note = say(REFUSED, device=config.device, dtype=config.dtype, reason=reason)
    return replace(_run_on(config.but(device="cpu"), x, layers, stages, watch), notes=(note,))


def _made_x(config: Config) -> Tensor:
    """Return the x that settings make by themselves, on the CPU."""
    options = {"device": torch.device("cpu"), "dtype": DTYPES[config.dtype]}
    with torch.inference_mode():
        return execute((input_stage(config, given=False),), input_given(config, options), config.sizes)["x"]


def _missing(device: str) -> str:
    """Say that a device is not there; nothing where it is."""
    kind, _, number = device.partition(":")
    if kind not in devices():
        return say(MISSING_DEVICE, device=device, known=listed(devices()))
    last = 0 if kind == "cpu" else torch.accelerator.device_count() - 1
    return say(MISSING_NUMBER, device=device, kind=kind, last=last) if int(number or 0) > last else ""


def _run_on(
    config: Config,
    x: Tensor | None,
    layers: Mapping[str, nn.Linear],
    stages: Pipeline,
    watch: Watch | None,
) -> Trace:
    options: dict[str, Any] = {"device": torch.device(config.device), "dtype": DTYPES[config.dtype]}
    with torch.inference_mode():
        ready = {name: _moved(layer, options) for name, layer in layers.items()}
        index = torch.arange(config.sequence_length, device=options["device"])
        given = {
            **{name: getattr(config, name) for name in SIZES},
            "item_lengths": torch.tensor(config.item_lengths, device=options["device"]),
            "query_index": index,
            "key_index": index,
            **({"given_x": x.to(**options)} if x is not None else input_given(config, options)),
        }
        tensors = execute(stages, {**given, **ready}, config.sizes, watch)
    return Trace(config, stages, MappingProxyType(tensors), MappingProxyType(ready), MappingProxyType(given))


def _moved(layer: nn.Linear, options: dict[str, Any]) -> nn.Linear:
    if layer.weight.dtype == options["dtype"] and layer.weight.device == options["device"]:
        return layer
    bias = None if layer.bias is None else layer.bias.detach().to(**options)
    return linear(layer.weight.detach().to(**options), bias)

"""The very pipeline of a run, run again on part of its input with something changed."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from mha_core.config import Config
from mha_core.inputs import INPUT_STAGES, linear
from mha_core.proving.part import NotApplicableError, Part, layer_of
from mha_core.run import Trace, run
from mha_core.stage import Pipeline, Stage, maker_of, swap

MADE_WITH_OTHERS = "{name} cannot be changed by itself: the step that makes it makes other tensors too."
CANNOT_RERUN = "The pipeline could not be run again on changed input: {reason}"


class Rerun:
    """The very pipeline of a run, to be run again on part of its input with something changed."""

    def __init__(self, trace: Trace, part: Part, layout: str) -> None:
        """Cut input and parameters to the part; `layout` is how the rows of qkv_layer were written."""
        config, self.part = trace.config, part
        self.whole = part.whole(config)
        self.x = trace["x"] if self.whole else trace["x"][list(part.items)][:, list(part.tokens)]
        self.config = Config(
            batch_size=len(part.items),
            sequence_length=len(part.tokens),
            input_dim=config.input_dim,
            d_model=len(part.heads) * config.head_dim,
            num_heads=len(part.heads),
            layout=config.layout,
            mask=config.mask,
            lengths=tuple(min(config.item_lengths[item], len(part.tokens)) for item in part.items),
            dtype=config.dtype,
            device=config.device,
        )
        self.qkv_layer = layer_of(trace.parameters["qkv_layer"], part.heads, config, layout)
        self.out_layer = _block(trace.parameters["out_layer"], part.heads, config)
        self.pipeline = instead(trace.pipeline, "x", INPUT_STAGES["given"])
        self.before = self()
        """The part as it was."""

    def __call__(self, x: Tensor | None = None, **given: Tensor) -> Trace:
        """Run again, on another x, or with tensors of the run given instead of made: `mask`, `qkv`.

        Raises:
            NotApplicableError: the pipeline refuses.
        """
        pipeline = self.pipeline
        for name, tensor in given.items():
            pipeline = instead(pipeline, name, given_instead(tensor))
        layers = {"qkv_layer": self.qkv_layer, "out_layer": self.out_layer}
        try:
            return run(self.config, self.x if x is None else x, layers, pipeline)
        except Exception as error:  # the caller's own stages may raise anything
            raise NotApplicableError(CANNOT_RERUN, reason=str(error)) from error


def instead(pipeline: Pipeline, name: str, stage: Stage) -> Pipeline:
    """Return a pipeline in which one tensor comes from another stage.

    Raises:
        NotApplicableError: its own stage makes further tensors, which would then be missing.
    """
    maker, made = maker_of(pipeline, name)
    if maker.makes != (made,):
        raise NotApplicableError(MADE_WITH_OTHERS, name=name)
    return swap(pipeline, maker.run, replace(stage, makes=(made,)))


def given_instead(tensor: Tensor) -> Stage:
    """Return a stage that hands a tensor over as it is."""

    def take_given() -> Tensor:
        return tensor

    return Stage(take_given, (), title="", why="", operation="", part="attend")


def _block(out_layer: nn.Linear, heads: tuple[int, ...], config: Config) -> nn.Linear:
    """Return the block of out_layer that belongs to some heads: their columns, and as many rows."""
    if len(heads) == config.num_heads:
        return out_layer
    columns = torch.arange(config.d_model).reshape(config.num_heads, -1)[list(heads)].flatten()
    columns = columns.to(out_layer.weight.device)
    bias = None if out_layer.bias is None else out_layer.bias.detach()[columns]
    return linear(out_layer.weight.detach()[columns][:, columns], bias)

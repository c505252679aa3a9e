"""The weights themselves as tensors to look at: the layers of a run, cut into what each head reads them as.

A pipeline like any other, over the two layers in place of an input, so that everything that draws, follows or
explains a run does the same for its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from mha_core.config import Config
from mha_core.planted import decided_by
from mha_core.run import SIZES, Trace
from mha_core.stage import Made, Pipeline, Stage, execute


def take_weight(qkv_layer: nn.Linear) -> Tensor:
    """The layer's weight -> 1 (head qkv head_dim) input_dim."""
    return qkv_layer.weight[None]


def take_bias(qkv_layer: nn.Linear) -> Tensor:
    """The layer's bias -> 1 1 (head qkv head_dim)."""
    return qkv_layer.bias[None, None]


def split_weight(qkv_weight: Tensor, num_heads: int, head_dim: int, input_dim: int) -> Tensor:
    """1 (head qkv head_dim) input_dim -> 1 head (qkv head_dim) input_dim."""
    return qkv_weight.reshape(1, num_heads, 3 * head_dim, input_dim)


def split_bias(qkv_bias: Tensor, num_heads: int, head_dim: int) -> Tensor:
    """1 1 (head qkv head_dim) -> 1 head (qkv head_dim)."""
    return qkv_bias.reshape(1, num_heads, 3 * head_dim)


def cut_weight(weight_reshape: Tensor) -> tuple[Tensor, ...]:
    """1 head (qkv head_dim) input_dim -> three times 1 head head_dim input_dim."""
    return weight_reshape.chunk(3, dim=2)


def cut_bias(bias_reshape: Tensor) -> tuple[Tensor, ...]:
    """1 head (qkv head_dim) -> three times 1 head head_dim."""
    return bias_reshape.chunk(3, dim=2)


# The stacked layout cuts first.


def cut_weight_stacked(qkv_weight: Tensor) -> tuple[Tensor, ...]:
    """1 (qkv head head_dim) input_dim -> three times 1 (head head_dim) input_dim."""
    return qkv_weight.chunk(3, dim=1)


def cut_bias_stacked(qkv_bias: Tensor) -> tuple[Tensor, ...]:
    """1 1 (qkv head head_dim) -> three times 1 1 (head head_dim)."""
    return qkv_bias.chunk(3, dim=2)


def split_each_weight(  # noqa: PLR0913, PLR0917 - three tensors and three sizes, each by its name
    q_rows: Tensor, k_rows: Tensor, v_rows: Tensor, num_heads: int, head_dim: int, input_dim: int
) -> tuple[Tensor, ...]:
    """Three times 1 (head head_dim) input_dim -> 1 head head_dim input_dim."""
    q_weight = q_rows.reshape(1, num_heads, head_dim, input_dim)
    k_weight = k_rows.reshape(1, num_heads, head_dim, input_dim)
    v_weight = v_rows.reshape(1, num_heads, head_dim, input_dim)
    return q_weight, k_weight, v_weight


def split_each_bias(
    q_part: Tensor, k_part: Tensor, v_part: Tensor, num_heads: int, head_dim: int
) -> tuple[Tensor, ...]:
    """Three times 1 1 (head head_dim) -> 1 head head_dim."""
    q_bias = q_part.reshape(1, num_heads, head_dim)
    k_bias = k_part.reshape(1, num_heads, head_dim)
    v_bias = v_part.reshape(1, num_heads, head_dim)
    return q_bias, k_bias, v_bias


def take_out_weight(out_layer: nn.Linear) -> Tensor:
    """The layer's weight -> 1 d_model (head head_dim)."""
    return out_layer.weight[None]


def take_out_bias(out_layer: nn.Linear) -> Tensor:
    """The layer's bias -> 1 1 d_model."""
    return out_layer.bias[None, None]


TAKE_WHY = (
    "Every row of this weight makes one number of qkv: a token's numbers are multiplied with the row and "
    "added. So the rows have the order that qkv's columns have, and the columns are the numbers of x."
)
CUT_WHY = (
    "Each head has rows of its own for what it asks (q), for what it answers (k) and for what it hands on "
    "(v). No number moves: they are cut apart as q, k and v are."
)


def _taken(fused: str) -> tuple[Stage, Stage]:
    """Return the stages that take the first layer apart, for the order that its rows have."""
    return (
        Stage(
            take_weight,
            (Made("qkv_weight", f"1 {fused} input_dim", paint="role"),),
            title="Take the first layer's weight",
            why=TAKE_WHY,
            operation="weight",
            part="project",
            source="nn.Linear",
            note="nn.Linear keeps its weight turned round: a row for each number that comes out.",
            moves=True,
        ),
        Stage(
            take_bias,
            (Made("qkv_bias", f"1 1 {fused}", paint="role"),),
            title="Take the first layer's bias",
            why="The bias is added to every token's qkv, whatever the token is. A head that asks every token "
            "for the same thing asks with the bias of its q.",
            operation="bias",
            part="project",
            source="nn.Linear",
            moves=True,
        ),
    )


def _moved(run: Any, made: tuple[Made, ...], operation: str, title: str) -> Stage:
    source = f"torch.Tensor.{operation}"
    return Stage(run, made, title, CUT_WHY, operation, "project", source=source, moves=True)


def _three(ending: str, axes: str) -> tuple[Made, ...]:
    return tuple(Made(f"{role}_{ending}", axes) for role in "qkv")


BY_HEAD, BY_ROLE = "Read the rows by head", "Cut into query, key and value"
WEIGHTS, BIASES = _three("weight", "1 head head_dim input_dim"), _three("bias", "1 head head_dim")
HEAD_ROWS = (Made("weight_reshape", "1 head (qkv head_dim) input_dim", paint="role"),)
HEAD_BIAS = (Made("bias_reshape", "1 head (qkv head_dim)", paint="role"),)

OUT_WEIGHT = Stage(
    take_out_weight,
    (Made("out_weight", "1 d_model (head head_dim)", paint="head"),),
    title="Take the last layer's weight",
    why="Every row makes one number of out, every column reads one number of concat. The columns of a head "
    "are its slice, which no other head touches.",
    operation="weight",
    part="join",
    source="nn.Linear",
    moves=True,
)
OUT_BIAS = Stage(
    take_out_bias,
    (Made("out_bias", "1 1 d_model"),),
    title="Take the last layer's bias",
    why="The bias is added to every token's out.",
    operation="bias",
    part="join",
    source="nn.Linear",
    moves=True,
)


def _per_head() -> tuple[Pipeline, Pipeline]:
    weight, bias = _taken("(head qkv head_dim)")
    return (
        (
            weight,
            _moved(split_weight, HEAD_ROWS, "reshape", BY_HEAD),
            _moved(cut_weight, WEIGHTS, "chunk", BY_ROLE),
        ),
        (bias, _moved(split_bias, HEAD_BIAS, "reshape", BY_HEAD), _moved(cut_bias, BIASES, "chunk", BY_ROLE)),
    )


def _stacked() -> tuple[Pipeline, Pipeline]:
    weight, bias = _taken("(qkv head head_dim)")
    rows, part = _three("rows", "1 (head head_dim) input_dim"), _three("part", "1 1 (head head_dim)")
    return (
        (
            weight,
            _moved(cut_weight_stacked, rows, "chunk", BY_ROLE),
            _moved(split_each_weight, WEIGHTS, "reshape", BY_HEAD),
        ),
        (
            bias,
            _moved(cut_bias_stacked, part, "chunk", BY_ROLE),
            _moved(split_each_bias, BIASES, "reshape", BY_HEAD),
        ),
    )


# by layout: what becomes of the first layer's weight, and of its bias
FIRST_LAYER: dict[str, tuple[Pipeline, Pipeline]] = {"per_head": _per_head(), "stacked": _stacked()}


@cache
def parameter_pipeline(layout: str, bias: bool, out_bias: bool | None = None) -> Pipeline:
    """Return the stages that take the layers of a layout apart, biases only where there are any.

    Args:
        layout: the order of the first layer's rows.
        bias: whether the first layer has a bias.
        out_bias: whether the last layer has one; None: as the first.
    """
    weights, biases = FIRST_LAYER[layout]
    last = (OUT_WEIGHT, OUT_BIAS) if (bias if out_bias is None else out_bias) else (OUT_WEIGHT,)
    return (*weights, *biases, *last) if bias else (*weights, *last)


def parameter_trace(config: Config, parameters: Mapping[str, nn.Linear]) -> Trace:
    """Take the layers of a run apart: a record as of a run, whose tensors are views of the layers.

    Args:
        config: the settings whose layers these are; texts, batch and tokens play no part.
        parameters: `qkv_layer` and `out_layer`, in the layout of the settings. Which of them has a bias is
            theirs to say.
    """
    kept = decided_by(config).but(dtype=config.dtype, device=config.device)
    given = {name: getattr(kept, name) for name in SIZES}
    biased = {name: layer.bias is not None for name, layer in parameters.items()}
    pipeline = parameter_pipeline(config.layout, biased["qkv_layer"], biased["out_layer"])
    with torch.inference_mode():
        tensors = execute(pipeline, {**given, **parameters}, kept.sizes)
    layers = MappingProxyType(dict(parameters))
    return Trace(kept, pipeline, MappingProxyType(tensors), layers, MappingProxyType(given))

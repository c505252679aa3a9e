"""Pipelines with a well-known fault each: the shapes come out right, the numbers do not."""

import math
from dataclasses import replace

import torch

from mha_core import Config, swap
from mha_core.attention import cut, hide, join, scale, softmax, split_heads
from mha_core.masks import hide_future
from mha_core.stage import Pipeline, maker_of
from tests.core.grid import join_without_permute, split_as_head_token, with_run


def softmax_over_queries(masked):
    return torch.softmax(masked, dim=-2)


def softmax_over_heads(masked):
    return torch.softmax(masked, dim=1)


def softmax_in_float64(masked):
    return torch.softmax(masked.double(), dim=-1).to(masked.dtype)


def scale_by_d_model(scores, d_model):
    return scores / math.sqrt(d_model)


def no_scale(scores):
    return scores.clone()


def forget_the_mask(scaled):
    return scaled.clone()


def hide_the_seen(scaled, mask):
    return scaled.masked_fill(~mask, float("-inf"))


def multiply_the_mask(scaled, mask):
    return scaled * (~mask)


def add_a_billion(scaled, mask):
    return scaled.masked_fill(mask, 0) + (mask * -1e9).to(scaled.dtype)


def add_only_ten(scaled, mask):
    return scaled + (mask * -10.0).to(scaled.dtype)


def hide_itself_too(item_lengths, query_index, key_index):
    return (key_index >= query_index[:, None]).expand(len(item_lengths), 1, -1, -1)


def cut_with_nan(permute):
    q, k, v = permute.chunk(3, dim=-1)
    q = q.clone()
    if q.is_floating_point():  # a step that moves numbers is also run on indices, to draw where they go
        q[0, 0, 1, 0] = float("nan")
    return q, k, v


def cut_k_and_v_exchanged(permute):
    q, k, v = permute.chunk(3, dim=-1)
    return q, v, k


def join_head_fastest(context, batch_size, sequence_length, d_model):
    return context.permute(0, 2, 3, 1).reshape(batch_size, sequence_length, d_model)


def softmax_then_mask(config: Config) -> Pipeline:
    def soften_and_hide(masked, mask):
        return torch.softmax(masked, dim=-1).masked_fill(mask, 0)

    pipeline = with_run(config, hide, forget_the_mask, "masked")
    return swap(pipeline, softmax, replace(maker_of(pipeline, "weights")[0], run=soften_and_hide))


def swapped(old, new, name):
    return lambda config: with_run(config, old, new, name)


# fault -> its pipeline, and the checks that fail under a causal mask
FAULTS = {
    "softmax over queries": (
        swapped(softmax, softmax_over_queries, "weights"),
        {"module", "call", "rows", "future"},
    ),
    "softmax over heads": (
        swapped(softmax, softmax_over_heads, "weights"),
        {"module", "call", "rows", "slices", "finite"},
    ),
    "scaled by sqrt(d_model)": (swapped(scale, scale_by_d_model, "scaled"), {"module", "call"}),
    "not scaled": (swapped(scale, no_scale, "scaled"), {"module", "call"}),
    "mask after softmax": (softmax_then_mask, {"module", "call", "rows", "future"}),
    "mask forgotten": (swapped(hide, forget_the_mask, "masked"), {"module", "call", "future"}),
    "mask turned round": (
        swapped(hide, hide_the_seen, "masked"),
        {"module", "call", "rows", "future", "finite"},
    ),
    "mask multiplied": (swapped(hide, multiply_the_mask, "masked"), {"module", "call", "future"}),
    "mask hides itself": (swapped(hide_future, hide_itself_too, "mask"), {"module", "rows", "finite"}),
    "NaN in q": (swapped(cut, cut_with_nan, "q"), {"module", "rows", "order", "finite"}),
    "k and v exchanged": (swapped(cut, cut_k_and_v_exchanged, "q"), {"module"}),
    "joined without permute": (
        swapped(join, join_without_permute, "concat"),
        {"module", "future", "order", "slices"},
    ),
    "joined head fastest": (swapped(join, join_head_fastest, "concat"), {"module", "slices"}),
    "split as head, token": (
        swapped(split_heads, split_as_head_token, "reshape"),
        {"module", "future", "order", "slices"},
    ),
}

HARMLESS = {
    "-1e9 added": swapped(hide, add_a_billion, "masked"),
    "softmax in float64": swapped(softmax, softmax_in_float64, "weights"),
}


def faulty(name: str, config: Config) -> Pipeline:
    """Return a config's pipeline with one of the FAULTS."""
    return FAULTS[name][0](config)

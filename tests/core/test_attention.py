"""The whole against PyTorch's own attention with the same weights, and cases done on paper."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mha_core import Config, run, to_stacked
from mha_core.attention import compare, cut, heads_first, hide, join, mix, scale, softmax, split_heads
from mha_core.config import LAYOUTS, MASKS
from tests.core.grid import ONES, SIZES, assert_near, faulty_join, faulty_split, hidden_by_loop, small

TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
GRID = list(product(LAYOUTS, MASKS, (True, False), TOLERANCES))
PADDED = {"lengths": (7, 4)}


def stacked_weights(trace):
    """The fused layer in PyTorch's order, whatever the run's layout."""
    layer = trace.parameters["qkv_layer"]
    return to_stacked(layer, trace.config.num_heads) if trace.config.layout == "per_head" else layer


def torch_module(trace):
    """nn.MultiheadAttention with the run's own weights."""
    config, fused, last = trace.config, stacked_weights(trace), trace.parameters["out_layer"]
    module = nn.MultiheadAttention(
        config.d_model, config.num_heads, bias=config.bias, batch_first=True, dtype=fused.weight.dtype
    ).eval()
    with torch.no_grad():
        module.in_proj_weight.copy_(fused.weight)
        module.out_proj.weight.copy_(last.weight)
        if config.bias:
            module.in_proj_bias.copy_(fused.bias)
            module.out_proj.bias.copy_(last.bias)
    return module


def torch_result(trace):
    """out and per-head weights of nn.MultiheadAttention on the run's x; True hides, as here."""
    config = trace.config
    later = hidden_by_loop("causal", (7,), config.sequence_length)[0]
    filling = torch.tensor([[t >= length for t in range(7)] for length in config.item_lengths])
    with torch.inference_mode():
        return torch_module(trace)(
            trace["x"],
            trace["x"],
            trace["x"],
            attn_mask=later if config.mask in ("causal", "both") else None,
            key_padding_mask=filling if config.mask in ("padding", "both") else None,
            need_weights=True,
            average_attn_weights=False,
        )


def sdpa_result(trace):
    """out and per-head weights by three projections and F.scaled_dot_product_attention; there True keeps."""
    config, fused, last = trace.config, stacked_weights(trace), trace.parameters["out_layer"]
    biases = fused.bias.chunk(3) if config.bias else (None, None, None)
    q, k, v = (
        F.linear(trace["x"], weight, bias).unflatten(-1, (config.num_heads, -1)).transpose(1, 2)
        for weight, bias in zip(fused.weight.chunk(3), biases, strict=True)
    )
    kept = ~hidden_by_loop(config.mask, config.item_lengths, config.sequence_length)[:, None]
    context = F.scaled_dot_product_attention(q, k, v, attn_mask=kept)
    # values that are the unit vectors come back as the weights themselves
    units = torch.eye(config.sequence_length, dtype=q.dtype).expand(*q.shape[:2], -1, -1)
    weights = F.scaled_dot_product_attention(q, k, units, attn_mask=kept)
    return F.linear(context.transpose(1, 2).flatten(2), last.weight, last.bias), weights


@pytest.mark.parametrize(("layout", "mask", "bias", "dtype"), GRID)
def test_the_whole_equals_multihead_attention_per_head_weights_included(layout, mask, bias, dtype):
    # nn.MultiheadAttention takes only an input as wide as d_model
    trace = run(
        Config(**{**SIZES, "input_dim": 55}, layout=layout, mask=mask, bias=bias, dtype=dtype, **PADDED)
    )
    out, weights = torch_result(trace)
    assert_near(trace["out"], out, TOLERANCES[dtype])
    assert_near(trace["weights"], weights, TOLERANCES[dtype])


@pytest.mark.parametrize(("layout", "mask", "bias", "dtype"), GRID)
def test_the_whole_equals_scaled_dot_product_attention_with_an_input_of_another_size(
    layout, mask, bias, dtype
):
    trace = run(small(layout=layout, mask=mask, bias=bias, dtype=dtype, gain=3.0, **PADDED))
    out, weights = sdpa_result(trace)
    assert_near(trace["out"], out, TOLERANCES[dtype])
    assert_near(trace["weights"], weights, TOLERANCES[dtype])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mask", MASKS)
def test_every_size_may_be_one(layout, mask):
    trace = run(Config(**ONES, layout=layout, mask=mask, dtype="float64"))
    out, weights = sdpa_result(trace)
    assert_near(trace["out"], out, 1e-12)
    assert_near(trace["weights"], weights, 1e-12)
    assert trace["weights"].tolist() == [[[[1.0]]]]


@pytest.mark.parametrize("faulty", [faulty_join, faulty_split])
def test_a_well_known_fault_keeps_every_shape_and_is_far_from_pytorch(faulty):
    config = small(dtype="float64")
    right, wrong = run(config), run(config, pipeline=faulty(config))
    assert [wrong[name].shape for name in wrong.names] == [right[name].shape for name in right.names]
    assert_near(right["out"], sdpa_result(right)[0], 1e-12)
    assert (wrong["out"] - sdpa_result(right)[0]).abs().max() > 0.01


# Both 16-bit kinds hold 8 and 11 bits of a number. Sizes here make sums of at most 55 products of numbers
# around 1: twenty units in the last place of the largest number (3 or so) is a generous bound.
LOOSE = {"bfloat16": 20 * 2.0**-8, "float16": 20 * 2.0**-11}


@pytest.mark.parametrize("dtype", LOOSE)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mask", MASKS)
def test_sixteen_bit_runs_agree_loosely_with_float64(layout, mask, dtype):
    config = small(layout=layout, mask=mask, **PADDED)
    short, long = run(config.but(dtype=dtype)), run(config.but(dtype="float64"))
    assert {tensor.dtype for name, tensor in short.tensors.items() if name != "mask"} == {
        getattr(torch, dtype)
    }
    assert_near(short["out"], long["out"], LOOSE[dtype])
    assert_near(short["weights"], long["weights"], LOOSE[dtype])
    assert (short["out"].double() - long["out"]).abs().max() > 1e-6  # it did run in the short kind


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mask", ["padding", "both"])
def test_a_wholly_masked_row_is_nan_and_no_other_row_is(layout, mask):
    trace = run(small(layout=layout, mask=mask, lengths=(0, 4), dtype="float64"))
    for name in ("weights", "context", "concat", "out"):
        assert trace[name][0].isnan().all(), name
        assert not trace[name][1].isnan().any(), name
    for name in ("q", "scores", "scaled", "masked"):
        assert not trace[name].isnan().any(), name
    assert (trace["masked"][0] == -math.inf).all()
    whole = run(small(layout=layout, mask=mask, lengths=(7, 4), dtype="float64"))
    assert torch.equal(trace["out"][1], whole["out"][1])


# On paper.


def test_scores_compare_every_query_with_every_key():
    q, k = torch.ones(2, 3, 5, 7), torch.ones(2, 3, 13, 7)
    assert compare(q, k).shape == (2, 3, 5, 13)
    q = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    k = torch.tensor([[[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]])
    assert compare(q, k).tolist() == [[[[1, 2, 3], [3, 4, 7]]]]


def test_scaling_divides_by_the_root_of_head_dim():
    assert scale(torch.tensor([8.0, -4.0]), 16).tolist() == [2.0, -1.0]


def test_hiding_fills_with_minus_infinity_whatever_stood_there():
    scaled = torch.tensor([[[[1.0, math.nan], [math.inf, -2.0]]]])
    mask = torch.tensor([[[[False, True], [True, False]]]])
    assert hide(scaled, mask).tolist() == [[[[1.0, -math.inf], [-math.inf, -2.0]]]]


@pytest.mark.parametrize(
    ("masked", "weights"),
    [
        pytest.param([5.0, 5.0], [0.5, 0.5], id="equal scores share equally"),
        pytest.param([1.0, -math.inf], [1.0, 0.0], id="the first token sees itself alone"),
        pytest.param([math.log(3.0), 0.0], [0.75, 0.25], id="three to one"),
        pytest.param([1000.0, 0.0], [1.0, 0.0], id="a large score does not overflow"),
        pytest.param([-math.inf, -math.inf], [math.nan, math.nan], id="nothing to see is NaN"),
    ],
)
def test_a_row_of_scores_becomes_weights(masked, weights):
    found = softmax(torch.tensor([[[masked]]], dtype=torch.float64))
    assert_near(found, torch.tensor([[[weights]]], dtype=torch.float64), 1e-15)


def test_weights_are_a_share_along_the_keys_not_the_queries():
    weights = softmax(torch.tensor([[[[0.0, 0.0], [0.0, math.log(3.0)]]]], dtype=torch.float64))
    assert_near(weights.sum(-1), torch.ones(1, 1, 2, dtype=torch.float64), 1e-15)
    assert weights.sum(-2).flatten().tolist() == pytest.approx([0.75, 1.25])


def test_mixing_is_a_weighted_average_of_the_values():
    weights = torch.tensor([[[[0.25, 0.75]]]])
    v = torch.tensor([[[[4.0, 0.0], [8.0, 4.0]]]])
    assert mix(weights, v).tolist() == [[[[7.0, 3.0]]]]


def test_splitting_cutting_and_joining_put_every_number_where_counting_puts_it():
    batch, token, head, head_dim = 2, 7, 5, 11
    qkv = torch.arange(batch * token * head * 3 * head_dim).reshape(batch, token, -1)
    parts = cut(heads_first(split_heads(qkv, batch, token, head, head_dim)))
    for role, part in enumerate(parts):
        assert part.shape == (batch, head, token, head_dim)
        for b, h, t, d in ((0, 0, 0, 0), (1, 0, 2, 3), (0, 4, 6, 10), (1, 3, 5, 7)):
            column = h * 3 * head_dim + role * head_dim + d
            assert part[b, h, t, d] == qkv[b, t, column]
    joined = join(parts[0], batch, token, head * head_dim)
    assert all(
        joined[b, t, h * head_dim + d] == parts[0][b, h, t, d]
        for b, h, t, d in product(range(batch), range(head), range(token), range(head_dim))
    )

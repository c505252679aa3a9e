"""The two fused layouts and their converters; three projections made one; PyTorch's module read."""

import pytest
import torch
from torch import nn

from mha_core import Config, from_torch, fuse, run, to_per_head, to_stacked
from mha_core.config import DTYPES, LAYOUTS, MASKS
from mha_core.errors import InputError
from mha_core.inputs import initial, linear
from tests.core.grid import ONES, assert_near, own_x, small

HEADS, HEAD_DIM = 5, 11
OTHER = {"per_head": "stacked", "stacked": "per_head"}
CONVERT = {"stacked": to_stacked, "per_head": to_per_head}


def numbered(rows, columns=13):
    """A layer each of whose rows holds its own number."""
    return linear(torch.arange(float(rows))[:, None].expand(rows, columns), torch.arange(float(rows)))


def test_every_row_goes_where_counting_puts_it():
    stacked = to_stacked(numbered(165), HEADS)
    rows = [head * 33 + role * 11 + d for role in range(3) for head in range(HEADS) for d in range(HEAD_DIM)]
    assert stacked.weight[:, 0].tolist() == stacked.bias.tolist() == rows
    per_head = to_per_head(numbered(165), HEADS)
    rows = [role * 55 + head * 11 + d for head in range(HEADS) for role in range(3) for d in range(HEAD_DIM)]
    assert per_head.weight[:, 0].tolist() == per_head.bias.tolist() == rows


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back_gives_the_same_layer(layout, bias):
    layer = initial(small(layout=layout, bias=bias))["qkv_layer"]
    kept = layer.weight.clone()
    there = CONVERT[OTHER[layout]](layer, HEADS)
    back = CONVERT[layout](there, HEADS)
    assert not torch.equal(there.weight, layer.weight)
    assert torch.equal(back.weight, layer.weight) and torch.equal(layer.weight, kept)
    assert (back.bias is None) == (not bias)
    assert not bias or torch.equal(back.bias, layer.bias)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("bias", [True, False])
def test_both_layouts_compute_the_same(mask, bias):
    config = small(mask=mask, bias=bias, lengths=(7, 4), dtype="float64")
    per_head, stacked = run(config), run(config.but(layout="stacked"))
    for name in (
        "x",
        "q",
        "k",
        "v",
        "mask",
        "scores",
        "scaled",
        "masked",
        "weights",
        "context",
        "concat",
        "out",
    ):
        if name == "masked":
            assert torch.equal(per_head[name] == -torch.inf, stacked[name] == -torch.inf)
            continue
        assert_near(per_head[name], stacked[name], 1e-12)


def test_both_layouts_hold_the_same_rows():
    per_head, stacked = (initial(small(layout=layout))["qkv_layer"] for layout in ("per_head", "stacked"))
    assert torch.equal(to_stacked(per_head, HEADS).weight, stacked.weight)
    assert torch.equal(to_per_head(stacked, HEADS).bias, per_head.bias)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reading_one_layout_as_the_other_keeps_every_shape_and_gives_another_answer(layout):
    config = small(layout=layout, dtype="float64")
    right = run(config)
    wrong = run(config.but(layout=OTHER[layout]), parameters=right.parameters)
    mended = run(
        config.but(layout=OTHER[layout]),
        parameters={
            **right.parameters,
            "qkv_layer": CONVERT[OTHER[layout]](right.parameters["qkv_layer"], HEADS),
        },
    )
    shared = [name for name in right.names if name in wrong.names]
    assert [wrong[name].shape for name in shared] == [right[name].shape for name in shared]
    assert torch.equal(wrong["qkv"], right["qkv"])
    apart = (wrong["out"] - right["out"]).abs().max()
    assert apart > 0.1 and apart > right["out"].std()
    assert_near(mended["out"], right["out"], 1e-12)


def test_with_one_head_of_one_number_both_layouts_are_the_same_order():
    layer = numbered(3, 1)
    assert torch.equal(to_stacked(layer, 1).weight, layer.weight)
    assert torch.equal(to_per_head(layer, 1).weight, layer.weight)
    ones = Config(**ONES)
    assert torch.equal(run(ones)["out"], run(ones.but(layout="stacked"))["out"])


# Three projections.


def three(bias=True, dtype=torch.float64):
    generator = torch.Generator().manual_seed(5)
    return {
        f"{role}_layer": linear(
            torch.randn((55, 13), generator=generator, dtype=dtype),
            torch.randn(55, generator=generator, dtype=dtype) if bias else None,
        )
        for role in "qkv"
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bias", [True, False])
def test_three_projections_fused_give_what_each_gives(layout, bias):
    config = small(layout=layout, bias=bias, dtype="float64")
    own = three(bias)
    out_layer = initial(config)["out_layer"]
    trace = run(config, parameters={**own, "out_layer": out_layer})
    for role in "qkv":
        alone = own[f"{role}_layer"](trace["x"].clone()).unflatten(-1, (HEADS, HEAD_DIM)).transpose(1, 2)
        assert_near(trace[role], alone, 1e-12)
    fused = fuse(**own, num_heads=HEADS, layout=layout)
    assert torch.equal(trace.parameters["qkv_layer"].weight, fused.weight)
    assert (fused.bias is None) == (not bias)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param(
            linear(torch.ones(55, 12, dtype=torch.float64), torch.ones(55, dtype=torch.float64)),
            "q_layer, k_layer and v_layer have weights of shapes (55, 13), (55, 12), (55, 13); they can be "
            "fused only where all three agree.",
            id="another shape",
        ),
        pytest.param(
            linear(torch.ones(55, 13, dtype=torch.float64), None),
            "Of q_layer, k_layer and v_layer these have a bias: q_layer, v_layer. They can be fused only "
            "where all three have one, or none has.",
            id="no bias",
        ),
    ],
)
def test_projections_that_do_not_agree_are_refused(changed, sentence):
    with pytest.raises(InputError) as caught:
        fuse(**{**three(), "k_layer": changed}, num_heads=HEADS, layout="stacked")
    assert str(caught.value) == sentence


# PyTorch's module.


def module(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        made = nn.MultiheadAttention(55, HEADS, batch_first=True, **settings).eval()
        for part in (made.in_proj_bias, made.out_proj.bias):
            if part is not None:
                nn.init.normal_(part)  # torch starts them at zero, where a lost bias would not show
    return made


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_module_of_torch_runs_as_it_does_there(layout, bias):
    torchs = module(bias=bias, dtype=torch.float64)
    config, parameters = from_torch(torchs, layout, batch_size=2, sequence_length=7, mask="causal")
    assert (config.input_dim, config.d_model, config.num_heads) == (55, 55, HEADS)
    assert (config.bias, config.layout, config.dtype, config.mask) == (bias, layout, "float64", "causal")
    x = own_x(config).double()
    trace = run(config, x=x, parameters=parameters)
    later = torch.ones(7, 7, dtype=torch.bool).triu(1)
    with torch.no_grad():
        out, weights = torchs(x, x, x, attn_mask=later, average_attn_weights=False)
    assert_near(trace["out"], out, 1e-12)
    assert_near(trace["weights"], weights, 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_modules_kind_of_number_is_the_runs(dtype):
    config, parameters = from_torch(module(dtype=getattr(torch, dtype)))
    assert config.dtype == dtype
    assert run(config, parameters=parameters)["out"].dtype == getattr(torch, dtype)


def test_what_was_read_is_a_copy():
    torchs = module()
    _, parameters = from_torch(torchs)
    kept = parameters["qkv_layer"].weight.clone()
    with torch.no_grad():
        torchs.in_proj_weight.zero_()
    assert torch.equal(parameters["qkv_layer"].weight, kept)


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"kdim": 13}, "kdim 13, vdim 55, add_bias_kv False and add_zero_attn False"),
        ({"vdim": 13}, "kdim 55, vdim 13, add_bias_kv False and add_zero_attn False"),
        ({"add_bias_kv": True}, "kdim 55, vdim 55, add_bias_kv True and add_zero_attn False"),
        ({"add_zero_attn": True}, "kdim 55, vdim 55, add_bias_kv False and add_zero_attn True"),
    ],
)
def test_a_module_with_parts_that_are_not_here_is_refused(settings, given):
    with pytest.raises(InputError) as caught:
        from_torch(module(**settings))
    assert str(caught.value) == (
        f"This nn.MultiheadAttention has {given}; only one with a single input size and none of these "
        "can be read."
    )

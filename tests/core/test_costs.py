"""Parameters, FLOPs and bytes from the axes, against torch's own counters on runs that took place."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from mha_core import Config, run
from mha_core.axes import edges, shape_of
from mha_core.config import DTYPES, multiplications
from mha_core.costs import flop_counts, flops, parameter_bytes, parameter_counts, tensor_bytes, total
from mha_core.run import pipeline_for
from mha_core.stage import arguments
from tests.core.grid import ONES, SIZES, layouts_and_masks, own_x, small

KINDS = [
    pytest.param({}, id="all sizes different"),
    pytest.param({"sequence_length": 1, "bias": False}, id="one token, no bias"),
    pytest.param(ONES, id="all ones"),
]


def words(axes: str) -> set[str]:
    return {word for edge in edges(axes) for word in edge.words}


def counted(action) -> int:
    """What torch's own counter counts."""
    with FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops()


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_flops_and_parameters_are_what_torch_counts(layout, mask, settings):
    config = Config(**{**SIZES, **settings, "layout": layout, "mask": mask})
    trace = run(config)
    mine = total(flop_counts(trace.pipeline, config))
    assert mine == counted(lambda: run(config, parameters=trace.parameters))
    assert mine == 2 * multiplications(config)  # what the page says while a large run takes its time
    held = [each for layer in trace.parameters.values() for each in layer.parameters()]
    assert total(parameter_counts(trace.pipeline, config)) == sum(each.numel() for each in held)
    assert parameter_bytes(trace.pipeline, config) == sum(each.nbytes for each in held)


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_that_is_not_there_is_not_counted(bias):
    mixed = {
        "qkv_layer": run(small(bias=bias)).parameters["qkv_layer"],
        "out_layer": run(small(bias=not bias)).parameters["out_layer"],
    }
    trace = run(small(), parameters=mixed)
    held = {f"{layer}.{name}": each for layer in mixed for name, each in mixed[layer].named_parameters()}
    counts = parameter_counts(trace.pipeline, trace.config, trace.parameters)
    assert [(count.name, count.count) for count in counts] == [(name, held[name].numel()) for name in held]
    found = parameter_bytes(trace.pipeline, trace.config, trace.parameters)
    assert found == sum(each.nbytes for each in held.values())


@pytest.mark.parametrize("layout", ["per_head", "stacked"])
def test_every_parameter_has_the_shape_that_its_row_says(layout):
    config = small(layout=layout)
    trace = run(config)
    rows = {layer.name: layer for stage in trace.pipeline for layer in stage.layers}
    assert rows.keys() == trace.parameters.keys()
    for name, layer in rows.items():
        weight, bias = trace.parameters[name].weight, trace.parameters[name].bias
        assert shape_of(layer.axes, config.sizes) == weight.shape
        assert weight.shape[:1] == bias.shape
    for stage in trace.pipeline:  # a layer is a fact of the stage that reads it
        assert {layer.name for layer in stage.layers} == {*stage.inputs.values()} & rows.keys()


@pytest.mark.parametrize(("layout", "mask"), [("per_head", "none"), ("stacked", "both")])
def test_the_axes_that_are_added_over_are_those_of_the_arithmetic(layout, mask):
    trace = run(small(layout=layout, mask=mask, bias=False))
    multiplying = set()
    for stage in trace.pipeline:
        made = stage.makes[0].name
        cell = tuple(0 for _ in trace[made].shape)
        products = 0
        if stage.worked:
            inputs = {name: trace.available[name] for name in stage.inputs.values()}
            terms = stage.worked(made, cell, inputs)
            products = sum(len(term.factors) == 2 for term in terms.terms) if terms.joined_by == "sum" else 0
        count = flops(stage, trace.config)
        assert count.count == 2 * products * trace[made].numel(), stage.key
        multiplying |= {made} if products else set()
    assert multiplying == {"qkv", "scores", "context", "out"}


@pytest.mark.parametrize("layout", ["per_head", "stacked"])
def test_what_is_added_over_is_an_axis_of_the_inputs_and_none_of_what_is_made(layout):
    pipeline = pipeline_for(small(layout=layout))
    axes = {made.name: made.axes for stage in pipeline for made in stage.makes}
    axes |= {layer.name: layer.axes for stage in pipeline for layer in stage.layers}
    for stage in (stage for stage in pipeline if stage.over):
        over, made = words(stage.over), words(stage.makes[0].axes)
        read = set().union(*(words(axes[name]) for name in stage.inputs.values() if name in axes))
        assert over <= read and not over & made, stage.key


def test_a_wrong_axis_would_be_found():
    config = small()
    pipeline = pipeline_for(config)
    wrong = tuple(replace(stage, over="key") if stage.over == "head_dim" else stage for stage in pipeline)
    assert total(flop_counts(wrong, config)) != counted(lambda: run(config))


def test_a_count_reads_as_a_product_with_its_sizes_filled_in():
    counts = {count.name: count for count in flop_counts(pipeline_for(Config()), Config())}
    assert counts["qkv"].words == "2 × batch × token × 3·d_model × input_dim"
    assert counts["qkv"].numbers == "2 × 1 × 4 × 1536 × 512"
    assert counts["scores"].words == "2 × batch × head × query × key × head_dim"
    assert counts["out"].numbers == "2 × 1 × 4 × 512 × 512"
    for count in (*counts.values(), *parameter_counts(pipeline_for(Config()), Config())):
        assert math.prod(int(size) for size in count.numbers.split(" × ")) == count.count > 0
        assert count.words.count(" × ") == count.numbers.count(" × ")


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_parameters_bytes_are_those_of_their_kind(dtype):
    trace = run(small(dtype=dtype))
    held = [each for layer in trace.parameters.values() for each in layer.parameters()]
    assert parameter_bytes(trace.pipeline, trace.config) == sum(each.nbytes for each in held)


# What counters leave out.


def test_bias_scale_mask_and_softmax_are_not_counted_and_a_causal_mask_saves_nothing():
    config = small()
    trace = run(config)
    for stage in trace.pipeline:
        given = arguments(stage, trace.available)
        by_torch = counted(lambda stage=stage, given=given: stage.run(**given))
        assert by_torch == flops(stage, config).count, stage.key
    without_bias, causal = config.but(bias=False), config.but(mask="causal")
    assert len({total(flop_counts(pipeline_for(each), each)) for each in (config, without_bias, causal)}) == 1


def test_fused_attention_counts_nothing_on_the_cpu():
    trace = run(small())
    q, k, v = trace["q"], trace["k"], trace["v"]
    assert counted(lambda: scaled_dot_product_attention(q, k, v)) == 0
    assert counted(lambda: q @ k.transpose(-2, -1)) > 0
    config = Config(sequence_length=7, input_dim=55, d_model=55, num_heads=5)
    module = nn.MultiheadAttention(55, 5, batch_first=True).eval()
    x = own_x(config)
    with torch.inference_mode():
        with_weights = counted(lambda: module(x, x, x, need_weights=True))
        without = counted(lambda: module(x, x, x, need_weights=False))
    counts = {count.name: count.count for count in flop_counts(pipeline_for(config), config)}
    assert with_weights == sum(counts.values())
    assert without == counts["qkv"] + counts["out"]


# Bytes.


@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
@pytest.mark.parametrize("tokens", [1, 7])
def test_held_bytes_are_those_of_the_distinct_storages(layout, mask, tokens):
    trace = run(
        small(layout=layout, mask=mask, dtype="float64", sequence_length=tokens)
        if tokens > 1
        else Config(**{**SIZES, "sequence_length": 1}, layout=layout, mask=mask)
    )
    held = {each.name: each for each in tensor_bytes(trace)}
    assert list(held) == list(trace.names)
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in trace.tensors.values()
    }
    assert sum(each.held for each in held.values()) == sum(storages.values())
    for name, each in held.items():
        tensor = trace[name]
        assert (each.numbers, each.size) == (tensor.numel(), tensor.element_size())
        assert (each.held == 0) == bool(each.view_of)
        if each.view_of:
            owner = trace[each.view_of]
            assert owner.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
            assert not held[each.view_of].view_of
    views = {name: each.view_of for name, each in held.items() if each.view_of}
    assert {"q": "qkv", "k": "qkv", "v": "qkv"}.items() <= views.items()
    assert ("concat" in views) == (tokens == 1), "one token: the joined heads need no copy"


def test_a_mask_that_all_items_share_holds_less_than_its_numbers():
    trace = run(small(mask="causal"))
    (mask,) = [each for each in tensor_bytes(trace) if each.name == "mask"]
    assert (mask.numbers, mask.held) == (2 * 7 * 7, 7 * 7)

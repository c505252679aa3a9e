"""The weights taken apart: the very numbers of the layers, in the order that q, k and v read them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mha_core import Config, run
from mha_core.axes import by_item, edges
from mha_core.config import LAYOUTS
from mha_core.figures.cells import describe, faces, item_of, opened, places, statistics
from mha_core.figures.follow import follow_json
from mha_core.figures.to_bytes import run_bytes, unpack, unpacked
from mha_core.inputs import to_per_head
from mha_core.origins import item_sizes, labels, one_item, roots, trail
from mha_core.parameters import parameter_trace
from mha_core.presets import PRESETS
from mha_core.run import pipeline_for
from tests.core.grid import TEXT, cells_of, small
from tests.core.test_listing import assert_texts_are_what_ran
from tests.core.test_origins import assert_stage_is_as_brute_force_says

PLANTED = {"input": "words", "text": TEXT, "weights": "planted", "input_dim": 26, "d_model": 40}
EVERY = pytest.mark.parametrize("layout", LAYOUTS)
FORMS = pytest.mark.parametrize("bias", [True, False])


def taken(**settings):
    config = small(**settings)
    whole = run(config)
    return whole, parameter_trace(config, whole.parameters)


@EVERY
@FORMS
@pytest.mark.parametrize("kind", [{}, PLANTED], ids=["initial", "planted"])
def test_every_number_is_the_layers_own_where_q_k_and_v_read_it(layout, bias, kind):
    whole, trace = taken(layout=layout, bias=bias, **kind)
    config, layer = whole.config, whole.parameters["qkv_layer"]
    by_head = to_per_head(layer, config.num_heads) if layout == "stacked" else layer
    rows = by_head.weight.reshape(config.num_heads, 3, config.head_dim, config.input_dim)
    assert torch.equal(trace["qkv_weight"][0], layer.weight)
    assert torch.equal(trace["out_weight"][0], whole.parameters["out_layer"].weight)
    for place, role in enumerate("qkv"):
        assert torch.equal(trace[f"{role}_weight"][0], rows[:, place])
        # what the weight is called is what it does: x times its rows, plus its bias, is that q, k or v
        made = whole["x"][0] @ trace[f"{role}_weight"][0].transpose(-2, -1)
        if bias:
            made = made + trace[f"{role}_bias"][0][:, None]
        assert torch.allclose(made, whole[role][0], atol=1e-4)
    assert ("qkv_bias" in trace.names) == ("out_bias" in trace.names) == bias


@EVERY
@FORMS
def test_each_layer_may_have_a_bias_of_its_own(layout, bias):
    mixed = {
        "qkv_layer": run(small(layout=layout, bias=bias)).parameters["qkv_layer"],
        "out_layer": run(small(layout=layout, bias=not bias)).parameters["out_layer"],
    }
    whole = run(small(layout=layout), parameters=mixed)
    trace = parameter_trace(whole.config, whole.parameters)
    assert (("qkv_bias" in trace.names), ("out_bias" in trace.names)) == (bias, not bias)
    assert ({"q_bias", "k_bias", "v_bias"} <= {*trace.names}) == bias
    for name in ("qkv", "out"):
        kept = mixed[f"{name}_layer"].bias
        assert kept is None or torch.equal(trace[f"{name}_bias"].flatten(), kept)


@EVERY
@FORMS
def test_the_weights_are_views_and_the_code_that_is_shown_makes_them(layout, bias):
    whole, trace = taken(layout=layout, bias=bias)
    assert_texts_are_what_ran(trace)
    storage = whole.parameters["qkv_layer"].weight.untyped_storage().data_ptr()
    apart = [name for name in trace.names if trace[name].untyped_storage().data_ptr() == storage]
    assert {"qkv_weight", "q_weight", "k_weight", "v_weight"} <= {*apart}


@EVERY
def test_every_stage_reads_and_feeds_what_brute_force_finds(layout):
    config = Config(input_dim=2, d_model=8, num_heads=4, layout=layout)
    trace = parameter_trace(config, run(config).parameters)
    for stage in trace.pipeline:
        assert stage.moves
        assert_stage_is_as_brute_force_says(stage, one_item(trace, 0))


@EVERY
def test_every_cell_is_a_number_of_the_tensor_it_was_taken_in_and_knows_its_head_and_role(layout):
    _, trace = taken(layout=layout)
    sizes = item_sizes(trace.config.sizes)
    heads, head_dim = trace.config.num_heads, trace.config.head_dim
    for name, (root, flat) in roots(trace.pipeline, sizes).items():
        assert root in ("qkv_weight", "qkv_bias", "out_weight", "out_bias")
        assert torch.equal(trace[root].flatten()[flat], trace[name])
        head = labels(trace.pipeline, sizes, name, "head")
        role = labels(trace.pipeline, sizes, name, "role")
        assert labels(trace.pipeline, sizes, name, "token") is None
        if name.startswith("out"):
            assert role is None and (head is None) == (name == "out_bias")
            continue
        fused = flat // (trace.config.input_dim if root == "qkv_weight" else 1)
        first, second = fused // (3 * head_dim), fused // head_dim % 3
        if layout == "stacked":
            first, second = fused // head_dim % heads, fused // (heads * head_dim)
        assert torch.equal(head.expand(flat.shape), first), name
        assert torch.equal(role.expand(flat.shape), second), name


@EVERY
def test_a_weight_is_followed_back_to_its_layer_and_on_to_where_it_is_read(layout):
    _, trace = taken(layout=layout)
    found = trail(trace, "q_weight", (0, 3, 4, 5))
    row = 3 * 33 + 4 if layout == "per_head" else 3 * 11 + 4
    assert found["qkv_layer.weight"].nonzero().tolist() == [[row, 5]]
    assert found["qkv_weight"].nonzero().tolist() == [[0, row, 5]]
    told = follow_json(trace, "q_weight.0.3.4.5")
    assert "head 3, head_dim 4, input_dim 5" in told
    assert "batch" not in told


def test_only_a_batch_axis_is_cut_into_items():
    assert by_item("batch token") and not by_item("1 head head_dim input_dim")
    assert [edge.words for edge in edges("1 1 d_model")] == [("1",), ("1",), ("d_model",)]
    whole, trace = taken()
    for item in (0, 1):
        assert item_of(whole, "x", item).shape[0] == 1
        assert item_of(trace, "q_weight", item).shape == trace["q_weight"].shape
        assert faces(trace, "q_weight", item)[0].start == (0, 0, 0, 0)
        assert faces(whole, "q", item)[0].start == (item, 0, 0, 0)
    (piece,) = opened(trace, "q_weight", 1, 2)
    assert torch.equal(piece.values, trace["q_weight"])
    assert one_item(trace, 1)["k_weight"].shape == trace["k_weight"].shape


@EVERY
@pytest.mark.parametrize("budget", [10**9, 0], ids=["whole", "faces and what is open"])
def test_what_is_packed_of_the_open_weight_is_that_weight(layout, budget):
    _, trace = taken(layout=layout)
    for name in trace.names:
        header, buffers = unpack(run_bytes(trace, describe(trace, 0, name, budget=budget)))
        (entry,) = [tensor for tensor in header["tensors"] if tensor["name"] == name]
        assert entry["shape"] == list(trace[name].shape)
        whole = [piece for piece in entry["pieces"] if piece["shape"] == entry["shape"]]
        assert whole, f"{name} was not sent whole"
        for piece in whole:
            sent = torch.from_numpy(unpacked(piece, buffers).copy())
            assert torch.equal(sent, trace[name]), name


def test_what_reads_nothing_stands_aside_only_where_it_joins_a_way():
    for layout in LAYOUTS:
        pipeline = pipeline_for(small(layout=layout))
        assert [name for name, (_, column, _) in places(pipeline).items() if column is None] == ["mask"]
        _, trace = taken(layout=layout)
        where = places(trace.pipeline)
        assert all(column is not None for _, column, _ in where.values())
        assert {name for name, (_, column, _) in where.items() if column == 0} == {
            "qkv_weight",
            "qkv_bias",
            "out_weight",
            "out_bias",
        }


def test_the_weights_do_not_know_the_text():
    first, other = (taken(**{**PLANTED, "text": text})[1] for text in ("the cat saw it", "a\nb c d e"))
    assert first.config == other.config
    assert replace(first.config, text="x").batch_size == 1
    assert len([*cells_of(first["q_bias"])]) == 5 * 8


def test_weights_that_are_nearly_all_zero_keep_their_colours_apart():
    found, limit = statistics(np.array([0.0] * 999 + [2.0, -4.0, 8.0, 1.0], dtype=np.float32))
    assert (found.low, found.high, limit) == (-4.0, 8.0, 2.0)
    assert statistics(np.zeros(9, dtype=np.float32))[1] == 0.0
    config = PRESETS["planted"].config
    trace = parameter_trace(config, run(config).parameters)
    limits = {block.name: block.limit for block in describe(trace).blocks}
    assert limits["qkv_weight"] == limits["out_weight"] == 1.0

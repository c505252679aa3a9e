"""What a score is made of, and that concat-then-project equals the sum over heads, each by another way."""

import math

import pytest
import torch

from mha_core import Config, run
from mha_core.inputs import linear
from mha_core.shares import added, head_columns, head_parts, products, striking_cell
from tests.core.grid import assert_near, faulty_join, layouts_and_masks, small


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_products_make_the_score_and_stand_by_size(dtype):
    trace = run(small(dtype=dtype, gain=3.0))
    q, k = trace["q"][1, 3, 2].double(), trace["k"][1, 3, 6].double()
    score = products(trace, 1, 3, 2, 6)
    assert score.total == pytest.approx(float(q @ k), rel=1e-12)
    assert score.shown == float(trace["scores"][1, 3, 2, 6])
    sizes = [abs(each.value) for each in score.products]
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(each.dimension for each in score.products) == list(range(11))
    for each in score.products:
        assert (each.q, each.k) == (float(q[each.dimension]), float(k[each.dimension]))
        assert each.value == each.q * each.k
    half = score.half
    assert sum(sizes[:half]) >= sum(sizes) / 2 > sum(sizes[: half - 1])
    assert (score.scaled, score.weight) == (
        float(trace["scaled"][1, 3, 2, 6]),
        float(trace["weights"][1, 3, 2, 6]),
    )


def test_a_hidden_key_and_its_even_share_are_told():
    trace = run(small(mask="causal"))
    later, earlier = products(trace, 0, 0, 2, 6), products(trace, 0, 0, 3, 1)
    assert (later.hidden, later.uniform, later.weight) == (True, 0.0, 0.0)
    assert (earlier.hidden, earlier.uniform) == (False, 0.25)


def test_a_score_with_nan_and_infinities_is_taken_apart():
    config = small()
    x = torch.ones(2, 7, 13)
    x[0, 2, 0] = math.nan
    x[0, 3, 0] = math.inf
    trace = run(config, x)
    assert all(math.isnan(each.value) for each in products(trace, 0, 1, 2, 0).products)
    score = products(trace, 0, 1, 3, 0)
    assert {abs(each.value) for each in score.products} == {math.inf}
    assert 1 <= score.half <= 11


@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_what_the_heads_add_is_out(layout, mask):
    trace = run(small(layout=layout, mask=mask, dtype="float64"))
    for item in range(2):
        # by another way: put zeros for all other heads into concat, and project
        weight, bias = trace.parameters["out_layer"].weight, trace.parameters["out_layer"].bias
        parts = head_parts(trace, item)
        for head in range(5):
            alone = torch.zeros_like(trace["concat"][item])
            alone[:, 11 * head : 11 * head + 11] = trace["concat"][item][:, 11 * head : 11 * head + 11]
            assert_near(parts[head], alone @ weight.T, 1e-12)
        found = added(trace, item, 4)
        assert_near(found.total, trace["out"][item, 4], 1e-12)
        assert_near(found.bias, bias, 1e-15)
        assert found.largest < 1e-12
        assert sum(found.along) + found.bias_along == pytest.approx(float(found.total.norm()))
        assert found.lengths == pytest.approx([float(each.norm()) for each in found.heads])


def test_without_a_bias_nothing_is_added_beside_the_heads():
    found = added(run(small(bias=False)), 0, 0)
    assert not found.bias.any()
    assert found.largest < 1e-5


def test_heads_that_were_joined_wrongly_do_not_add_up_to_out():
    config = small()
    assert added(run(config, pipeline=faulty_join(config)), 0, 0).largest > 0.01


def test_each_head_has_its_own_columns():
    assert head_columns(run(small())).tolist() == torch.arange(55).reshape(5, 11).tolist()


def test_nan_adds_up_to_nan_and_a_lone_nan_is_a_difference():
    hidden = run(small(mask="padding", lengths=(0, 7)))
    assert added(hidden, 0, 1).largest == 0.0, "NaN on both sides"
    x = torch.ones(2, 7, 13)
    x[0, 0, 0] = math.inf
    assert added(run(small(), x), 1, 0).largest < 1e-5


def test_infinities_that_the_run_has_too_are_no_difference():
    layers = run(small()).parameters
    weight = layers["out_layer"].weight.clone()
    weight[3, 4] = math.inf
    own = {**layers, "out_layer": linear(weight, layers["out_layer"].bias)}
    found = added(run(small(), parameters=own), 1, 0)
    assert found.total[3].isinf() and found.shown[3] == found.total[3]
    assert found.largest < 1e-5


def test_without_a_choice_the_largest_weight_off_the_diagonal_is_looked_at():
    trace = run(small(mask="causal", gain=5.0))
    weights = trace["weights"][1, 2]
    query, key = striking_cell(trace, 1, 2, None, None)
    off = weights.masked_fill(torch.eye(7, dtype=torch.bool), -1)
    assert query != key and weights[query, key] == off.max()
    assert striking_cell(trace, 1, 2, 4, None) == (4, int(off[4].argmax()))
    assert striking_cell(trace, 1, 2, None, 3) == (int(off[:, 3].argmax()), 3)
    assert striking_cell(trace, 1, 2, 0, 6) == (0, 6)
    one = run(Config(sequence_length=1, input_dim=1, d_model=1, num_heads=1))
    assert striking_cell(one, 0, 0, None, None) == (0, 0)

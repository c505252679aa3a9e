"""Comparing runs, and the two layouts side by side."""

import math

import numpy as np
import pytest
import torch

from mha_core import Config, run
from mha_core.checks import first_difference
from mha_core.config import LAYOUTS
from mha_core.differences import ROUNDING, largest_difference, rounding
from mha_core.errors import InputError
from mha_core.layouts import read_both_ways
from tests.core.grid import faulty_join, faulty_split, own_x, small


@pytest.mark.parametrize(
    ("mine", "theirs", "apart"),
    [
        pytest.param([1.0, 2.0, 3.0], [1.0, 2.5, 2.75], 0.5, id="the largest of all"),
        pytest.param([-0.0], [0.0], 0.0, id="two zeros"),
        pytest.param([math.nan, math.inf], [math.nan, math.inf], 0.0, id="the same NaN and infinity"),
        pytest.param([math.nan], [1.0], math.inf, id="NaN on one side"),
        pytest.param([math.inf], [-math.inf], math.inf, id="infinities apart"),
        pytest.param([], [], 0.0, id="nothing"),
    ],
)
def test_the_largest_difference_is_the_one_found_by_hand(mine, theirs, apart):
    assert largest_difference(torch.tensor(mine), torch.tensor(theirs)) == apart


def test_differences_are_taken_in_float64_and_flags_count_as_numbers():
    close = torch.tensor([1.0 + 2**-40], dtype=torch.float64)
    assert largest_difference(close, torch.ones(1)) == 2**-40
    assert largest_difference(torch.tensor([True]), torch.tensor([False])) == 1.0


def test_tensors_of_other_shapes_are_not_compared():
    with pytest.raises(InputError) as caught:
        largest_difference(torch.ones(2, 5), torch.ones(5, 2))
    assert str(caught.value) == "Shapes (2, 5) and (5, 2) cannot be compared number by number."


def test_a_run_does_not_differ_from_itself_wholly_masked_rows_included():
    trace = run(small(mask="both", lengths=(0, 4)))
    assert trace["out"].isnan().any()
    assert first_difference(trace, trace.tensors) is None


@pytest.mark.parametrize(("faulty", "name"), [(faulty_split, "reshape"), (faulty_join, "concat")])
def test_the_first_tensor_that_differs_is_where_the_fault_is(faulty, name):
    config = small()
    right, wrong = run(config), run(config, pipeline=faulty(config))
    found = first_difference(right, wrong.tensors)
    assert found is not None and found.name == name
    assert (found.mine, found.theirs) == (right[name][found.index].item(), wrong[name][found.index].item())
    flat = int((right[name] != wrong[name]).flatten().nonzero()[0])
    assert found.index == tuple(
        int(place) for place in torch.unravel_index(torch.tensor(flat), right[name].shape)
    )
    assert found.largest == (right[name].double() - wrong[name].double()).abs().max()


def test_what_is_within_the_tolerance_is_equal():
    trace = run(small())
    moved = trace["out"].clone()
    moved[1, 2, 3] += 0.5
    assert first_difference(trace, {"out": moved}, tolerance=0.25).index == (1, 2, 3)
    assert first_difference(trace, {"out": moved}, tolerance=0.75) is None


def test_a_name_that_the_run_does_not_have_is_refused():
    trace = run(small())
    with pytest.raises(InputError) as caught:
        first_difference(trace, {"output": trace["out"]})
    assert str(caught.value) == (
        f"There is no tensor 'output' to compare with; there are {', '.join(trace.names)}."
    )


# In a notebook: trace.first_difference({"scores": mine}).


def test_what_rounding_does_is_no_difference_and_the_default_says_so():
    trace = run(small())
    near = trace["scores"] + 1e-6 * trace["scores"].abs().max()
    assert trace.first_difference({"scores": near}) is None
    assert trace.first_difference({"scores": near}, tolerance=0.0).name == "scores"
    assert trace.first_difference({"mask": ~trace["mask"]}).largest == 1.0
    assert trace.first_difference({"mask": (~trace["mask"]).numpy()}).largest == 1.0
    double = run(small(dtype="float64"))
    assert double.first_difference({"out": trace["out"]}).name == "out", "float32 is not float64"


def test_the_first_of_several_is_named_with_step_cell_and_both_numbers():
    trace = run(small())
    scaled = trace["scaled"].clone()
    scaled[1, 2, 3, 4] = 7.0
    found = trace.first_difference({"out": trace["out"] + 1, "scaled": scaled.numpy()})
    assert (found.name, found.index, found.title) == ("scaled", (1, 2, 3, 4), "Scale the scores")
    assert (found.mine, found.theirs) == (trace["scaled"][1, 2, 3, 4].item(), 7.0)
    assert str(found) == (
        "scaled is the first tensor that differs (step: Scale the scores). scaled[1, 2, 3, 4] is "
        f"{found.mine:.9g} in this run and 7 in yours: batch 1, head 2, query 3, key 4. The largest "
        f"difference in scaled is {found.largest:.3g}."
    )


@pytest.mark.parametrize(
    ("name", "change", "hint"),
    [
        ("scores", lambda t: t["scores"].transpose(2, 3), "Yours agrees after .transpose(2, 3): two of its"),
        ("scaled", lambda t: t["scores"] / 55**0.5, "Each of your numbers is 0.447214 times this run's."),
        ("scores", lambda t: t["scores"] / 1e-6, "Each of your numbers is 1e+06 times this run's."),
        ("masked", lambda t: t["masked"] * 2, "Each of your numbers is 2 times this run's."),
        ("concat", lambda t: t["context"].reshape(2, 7, 55), "Yours holds the same numbers in another order"),
        ("out", lambda t: t["out"] + t["out"].abs(), ""),
        ("out", lambda t: t["out"] * torch.nan, ""),
        ("out", lambda t: t["out"] * torch.inf, ""),
        ("out", lambda t: own_x(t.config.but(input_dim=55)) * 1e-7, ""),
    ],
)
def test_what_would_explain_a_difference_is_said(name, change, hint):
    trace = run(small(mask="causal"))
    found = trace.first_difference({name: change(trace)})
    assert found.hint.startswith(hint) and bool(found.hint) == bool(hint)
    assert str(found).endswith(found.hint)
    assert first_difference(trace, {name: change(trace)}, explain=False).hint == ""


def test_rounding_goes_by_the_largest_size_and_by_the_digits_that_a_kind_has():
    assert rounding(torch.tensor([-4.0, 1.0, torch.nan, -torch.inf])) == pytest.approx(4e-4)
    assert rounding(torch.tensor([True])) == rounding(torch.tensor([torch.nan])) == 0.0
    kinds = sorted(ROUNDING, key=lambda kind: torch.finfo(kind).eps)
    assert [ROUNDING[kind] for kind in kinds] == sorted(ROUNDING.values())


def test_an_axis_of_size_one_has_no_place_in_a_sentence():
    trace = run(small(mask="causal"))
    mask = trace["mask"].clone()
    mask[1, 0, 2, 5] = False
    assert "mask[1, 0, 2, 5] is 1 in this run and 0 in yours: batch 1, query 2, key 5." in str(
        trace.first_difference({"mask": mask})
    )


def test_a_fused_axis_is_told_by_its_words():
    trace = run(small(layout="per_head"))
    moved = trace["qkv"].clone()
    moved[0, 2, 33 + 11 + 5] += 1  # head 1, its key, number 5
    assert "batch 0, token 2, head 1, qkv 1, head_dim 5." in str(trace.first_difference({"qkv": moved}))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("q", lambda q: q.transpose(1, 2), "Two of its axes are exchanged: .transpose(1, 2) would fit."),
        ("q", lambda q: q.permute(3, 0, 1, 2), "another order: .permute(1, 2, 3, 0) would fit."),
        ("q", lambda q: q.flatten(0, 1), "as many numbers, so a reshape, or a permute before it,"),
        ("weights", lambda w: w.mean(1), "It lacks the axis head of size 5, as after taking one index of it"),
        ("out", lambda out: out[:, :5], "in this run it is (2, 7, 55) (batch query d_model)."),
        ("weights", lambda w: None, "'weights' is None, not a tensor. nn.MultiheadAttention gives None"),
        ("weights", lambda w: [[1.0], [2.0, 3.0]], "'weights' is a list that cannot be read as one array"),
        ("weights", lambda w: [w[0], w[0, 0]], "'weights' is a list that cannot be read as one array: set"),
        ("weights", lambda w: ["abc"], "'weights' is a list of <U3; give a tensor or an array of real"),
        ("weights", lambda w: w.numpy() * 1j, "'weights' is a ndarray of complex64; give a tensor or an"),
        ("weights", lambda w: w * 1j, "'weights' is a Tensor of torch.complex64; give a tensor or an array"),
    ],
)
def test_what_cannot_be_compared_is_explained(name, change, says):
    trace = run(small())
    with pytest.raises(InputError) as caught:
        trace.first_difference({name: change(trace[name])})
    assert says in str(caught.value)


def test_a_batch_that_was_left_out_is_named():
    trace = run(small().but(batch_size=1))
    with pytest.raises(InputError, match=r"It lacks the axis batch of size 1: .unsqueeze\(0\) would fit."):
        trace.first_difference({"q": trace["q"][0]})


def test_of_several_orders_that_fit_the_one_whose_numbers_agree_is_named():
    # batch 3 and head_dim 3: the shape (3, 3, 4, 2) also fits after .transpose(1, 3)
    trace = run(Config(batch_size=3, sequence_length=4, input_dim=5, d_model=6, num_heads=2))
    with pytest.raises(InputError, match=r"\.permute\(1, 3, 2, 0\) would fit"):
        trace.first_difference({"q": trace["q"].permute(3, 0, 2, 1)})


def backwards(tensor):
    """The same numbers, lying in memory from last to first."""
    found = tensor.numpy()[..., ::-1].copy()[..., ::-1]
    assert found.strides[-1] < 0
    return found


def asking(tensor):
    """The same numbers as a list of tensors that ask for gradients."""
    return [each.clone().requires_grad_() for each in tensor.clone()]


MAKE = {
    "array": lambda t: t.numpy(),
    "list": lambda t: t.tolist(),
    "backwards": backwards,
    "big-endian": lambda t: t.numpy().astype(">f4"),
    "long double": lambda t: t.numpy().astype(np.longdouble),
    "tensors that ask for gradients": asking,
    "tensors of bfloat16": lambda t: [*t.round().bfloat16()],
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_arrays_and_lists_are_compared_like_tensors(make):
    trace = run(small())
    if make is MAKE["tensors of bfloat16"]:
        assert trace.first_difference({"weights": make(trace["weights"])}, tolerance=1.0) is None
        return
    assert trace.first_difference({"weights": make(trace["weights"])}) is None
    assert trace.first_difference({"weights": make(trace["weights"] + 1)}).largest == pytest.approx(1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_converted_weights_agree_and_misread_weights_do_not(layout):
    found = read_both_ways(small(layout=layout, dtype="float64", mask="causal"))
    assert found.equal < 1e-12
    assert found.equal == (found.right["out"] - found.converted["out"]).abs().max()
    assert found.wrong > 0.1
    assert found.wrong == (found.right["out"] - found.misread["out"]).abs().max()
    assert found.converted.config.layout != layout and found.misread.config.layout == layout
    assert [found.misread[name].shape for name in found.right.names] == [
        found.right[name].shape for name in found.right.names
    ]
    differing = [difference.name for difference in found.differences]
    assert differing == [
        name for name in found.right.names if not torch.equal(found.right[name], found.misread[name])
    ]
    assert differing[0] == "qkv" and differing[-1] == "out"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_with_one_head_there_is_only_one_order(layout):
    config = Config(sequence_length=2, input_dim=5, d_model=7, num_heads=1, layout=layout)
    found = read_both_ways(config)
    assert (found.wrong, found.differences) == (0.0, ())
    assert found.equal < 1e-6

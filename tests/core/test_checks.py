"""Comparing runs, and the two layouts side by side."""

import math

import pytest
import torch

from mha_core import Config, run
from mha_core.checks import first_difference, largest_difference
from mha_core.config import LAYOUTS
from mha_core.errors import InputError
from mha_core.layouts import read_both_ways
from tests.core.grid import faulty_join, faulty_split, small


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

"""Stages, swaps and the loop that runs them."""

from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from torch import Tensor

from mha_core import PER_HEAD, STACKED, Made, Stage, swap
from mha_core.attention import compare, cut, scale, softmax, split_heads
from mha_core.errors import AxesError, PipelineError, ShapeError
from mha_core.run import pipeline_for, run
from mha_core.stage import execute, made_names, maker_of, tensor_inputs
from tests.core.grid import layouts_and_masks, small


def double(x: Tensor) -> Tensor:
    return x * 2


def add(left: Tensor, right: Tensor) -> Tensor:
    return left + right


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.tensor_split(2, dim=-1)


def stage(run, *makes, **facts):
    return Stage(run, makes, title="", why="", operation="", part="project", **facts)


DOUBLED = stage(double, Made("doubled", "token head"))
SUM = stage(add, Made("sum", "token head"), reads=("x", "doubled"))
X = torch.arange(10.0).reshape(2, 5)
SIZES = {"token": 2, "head": 5}


def test_the_loop_hands_every_stage_its_inputs_by_name():
    tensors = execute((DOUBLED, SUM), {"x": X}, SIZES)
    assert list(tensors) == ["doubled", "sum"]
    assert torch.equal(tensors["sum"], X * 3)


def test_a_later_tensor_of_the_same_name_is_what_the_next_stage_reads():
    again = stage(double, Made("x", "token head"))
    assert torch.equal(execute((again, DOUBLED), {"x": X}, SIZES)["doubled"], X * 4)


def test_a_stage_may_make_several_tensors_in_order():
    two = stage(halves, Made("left", "token key"), Made("right", "token query"))
    tensors = execute((two,), {"x": X}, {"token": 2, "key": 3, "query": 2})
    assert torch.equal(tensors["left"], X[:, :3])
    assert torch.equal(tensors["right"], X[:, 3:])


def test_a_wrong_shape_is_explained_and_carries_the_tensors_made_so_far():
    wrong = stage(double, Made("wrong", "head token"))
    with pytest.raises(ShapeError) as caught:
        execute((DOUBLED, wrong, SUM), {"x": X}, SIZES)
    assert str(caught.value) == (
        "The step double made 'wrong' with shape (2, 5); its axes 'head token' say (5, 2)."
    )
    assert list(caught.value.tensors) == ["doubled", "wrong"]
    assert torch.equal(caught.value.tensors["wrong"], X * 2)


def test_an_input_that_nobody_makes_is_named_beside_what_there_is():
    assert "sum" in execute((DOUBLED, SUM), {"x": X}, SIZES)
    with pytest.raises(PipelineError) as caught:
        execute((SUM, DOUBLED), {"x": X}, SIZES)
    assert str(caught.value) == "The step add asks for doubled, which no earlier step makes; there are x."


@pytest.mark.parametrize("makes", [1, 3])
def test_too_few_or_too_many_tensors_are_counted(makes):
    rows = [Made(name, "token") for name in ("a", "b", "c")[:makes]]
    with pytest.raises(PipelineError) as caught:
        execute((stage(halves, *rows),), {"x": X}, SIZES)
    named = ", ".join(row.name for row in rows)
    assert str(caught.value) == f"The step halves returned 2 tensors and should make {named}."


def test_axes_that_cannot_be_read_name_the_stage_that_asked():
    with pytest.raises(AxesError) as caught:
        execute((stage(double, Made("doubled", "token heads")),), {"x": X}, SIZES)
    assert str(caught.value).startswith(
        "The step double makes 'doubled' with axes 'token heads': The axes 'token heads' name 'heads';"
    )


def flipped(q: Tensor, k: Tensor) -> Tensor:
    return (k @ q.transpose(-2, -1)).transpose(-2, -1)


def test_a_swap_replaces_exactly_the_stage_that_runs_the_function():
    new = replace(maker_of(PER_HEAD, "scores")[0], run=flipped)
    swapped = swap(PER_HEAD, compare, new)
    assert [each.run for each in swapped] == [
        flipped if each.run is compare else each.run for each in PER_HEAD
    ]
    assert compare in [each.run for each in PER_HEAD]  # the pipeline that was given is as it was


def test_a_swap_may_put_several_stages_or_none_in_the_place_of_one():
    one = maker_of(PER_HEAD, "scaled")[0]
    more = swap(PER_HEAD, scale, one, replace(one, run=double))
    assert len(more) == len(PER_HEAD) + 1
    assert len(swap(PER_HEAD, scale)) == len(PER_HEAD) - 1


def test_a_second_swap_of_the_same_stage_gets_a_sentence():
    new = replace(maker_of(PER_HEAD, "scores")[0], run=flipped)
    once = swap(PER_HEAD, compare, new)
    with pytest.raises(PipelineError) as caught:
        swap(once, compare, new)
    assert str(caught.value) == (
        "The step compare stands 0 times in this pipeline and can be swapped only where it stands once; its "
        "steps are project, split_heads, heads_first, cut, flipped, scale, hide, softmax, mix, join, "
        "project_out."
    )


def test_a_swap_of_a_step_that_stands_twice_is_refused():
    twice = (*PER_HEAD, maker_of(PER_HEAD, "weights")[0])
    with pytest.raises(PipelineError, match="The step softmax stands 2 times in this pipeline"):
        swap(twice, softmax)


def test_a_swap_of_the_other_layouts_step_is_refused():
    assert len(swap(PER_HEAD, cut)) == len(PER_HEAD) - 1
    with pytest.raises(PipelineError, match="The step split_heads stands 0 times"):
        swap(STACKED, split_heads)


def test_a_tensor_that_no_stage_makes_is_refused_with_those_that_are_made():
    assert maker_of(PER_HEAD, "scores")[1].axes == "batch head query key"
    with pytest.raises(PipelineError) as caught:
        maker_of(PER_HEAD, "score")
    assert str(caught.value) == (
        f"No stage makes 'score'; the tensors are {', '.join(made_names(PER_HEAD))}."
    )


def test_arrows_come_from_the_tensors_that_a_function_names():
    pipeline = pipeline_for(small(mask="causal"))
    arrows = {each.makes[0].name: tensor_inputs(pipeline, each) for each in pipeline}
    assert arrows == {
        "x": (),
        "qkv": ("x",),
        "reshape": ("qkv",),
        "permute": ("reshape",),
        "q": ("permute",),
        "mask": (),
        "scores": ("q", "k"),
        "scaled": ("scores",),
        "masked": ("scaled", "mask"),
        "weights": ("masked",),
        "context": ("weights", "v"),
        "concat": ("context",),
        "out": ("concat",),
    }


@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_every_tensor_has_the_shape_that_its_axes_say_and_values_of_its_kind(layout, mask):
    trace = run(small(layout=layout, mask=mask, lengths=(7, 4)))
    sizes = {"batch": 2, "token": 7, "query": 7, "key": 7, "head": 5, "head_dim": 11, "d_model": 55, "1": 1}
    for name in trace.names:
        row, tensor = trace.made(name), trace[name]
        plain = row.axes.replace("(head qkv head_dim)", "165").replace("(qkv head head_dim)", "165")
        plain = plain.replace("(qkv head_dim)", "33").replace("(head head_dim)", "55")
        shape = tuple(
            int(word) if word.isdigit() and word != "1" else {**sizes, "input_dim": 13}[word]
            for word in plain.split()
        )
        assert tuple(tensor.shape) == shape, name
        if row.values == "flag":
            assert tensor.dtype == torch.bool
        elif row.values == "probability":
            assert 0 <= tensor.min() and tensor.max() <= 1
            assert torch.allclose(tensor.sum(-1), torch.ones(()))


def test_rows_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        DOUBLED.title = "other"
    with pytest.raises(FrozenInstanceError):
        DOUBLED.makes[0].axes = "head token"


def test_every_stage_says_what_it_does_and_where_it_comes_from():
    stages = {
        each for layout, mask in layouts_and_masks() for each in pipeline_for(small(layout=layout, mask=mask))
    }
    for each in stages:
        assert each.title and each.why.endswith(".") and each.operation and each.source, each.key
        assert each.part in ("project", "attend", "join")
        assert each.formula or each.key == "take_x"


def test_no_function_of_a_pipeline_changes_its_inputs():
    trace = run(small(mask="both", lengths=(7, 4)))
    before = {name: tensor.clone() for name, tensor in trace.tensors.items()}
    with torch.inference_mode():
        execute(trace.pipeline, {**trace.given, **trace.parameters}, trace.config.sizes)
        for each in trace.pipeline:
            each.run(**{p: trace.available[name] for p, name in each.inputs.items()})
    assert all(torch.equal(before[name], trace[name]) for name in trace.names)

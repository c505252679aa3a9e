"""The code that is shown is the code that ran: every shown text is executed and compared to the bit."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mha_core import Config, Made, Stage, run
from mha_core.attention import compare, split_each
from mha_core.listing import SIZES, code, filled, whole
from mha_core.run import pipeline_for
from mha_core.stage import maker_of
from tests.core.grid import INPUTS, ONES, faulty_join, faulty_split, layouts_and_masks, run_kind, same, small


def executed(trace, stage, text, without=()):
    """Run a shown text on the tensors of a run; return what it leaves under the stage's names."""
    namespace = {
        name: trace.available[source] for name, source in stage.inputs.items() if name not in without
    }
    namespace |= {"math": math, "torch": torch}
    with torch.inference_mode():
        exec(text, namespace)
    return [namespace[made.name] for made in stage.makes]


def assert_texts_are_what_ran(trace):
    __tracebackhide__ = True
    for stage in trace.pipeline:
        for text, without in ((code(stage), ()), (filled(stage, trace.given), SIZES)):
            for made, tensor in zip(stage.makes, executed(trace, stage, text, without), strict=True):
                assert same(tensor, trace[made.name]), f"{made.name} is not what this makes: {text}"


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_every_shown_text_makes_the_very_numbers_of_the_run(kind, layout, mask):
    assert_texts_are_what_ran(run_kind(kind, layout=layout, mask=mask, lengths=(7, 4)))


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("layout", ["per_head", "stacked"])
def test_every_shown_text_makes_the_numbers_of_other_kinds(layout, dtype):
    assert_texts_are_what_ran(run_kind("words in order", layout=layout, dtype=dtype, mask="both", bias=False))


def test_every_shown_text_makes_the_numbers_of_wholly_masked_rows():
    trace = run_kind("normal", mask="both", lengths=(0, 4))
    assert trace["weights"].isnan().any()
    assert_texts_are_what_ran(trace)


@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_every_shown_text_makes_the_numbers_of_sizes_of_one(layout, mask):
    assert_texts_are_what_ran(run(Config(**ONES, layout=layout, mask=mask)))


@pytest.mark.parametrize("faulty", [faulty_join, faulty_split])
def test_the_text_of_a_fault_is_the_faults_own(faulty):
    config = small()
    trace = run(config, pipeline=faulty(config))
    assert_texts_are_what_ran(trace)
    shown = [code(stage) for stage in trace.pipeline]
    assert shown != [code(stage) for stage in pipeline_for(config)]


def test_a_text_that_is_not_what_ran_is_found():
    config = small()
    trace = run(config)
    stage = maker_of(trace.pipeline, "scores")[0]

    def other(q: Tensor, k: Tensor) -> Tensor:
        """batch head query head_dim, batch head key head_dim -> batch head query key."""
        return k @ q.transpose(-2, -1)

    wrong = replace(stage, run=other)
    pipeline = tuple(wrong if each is stage else each for each in trace.pipeline)
    with pytest.raises(AssertionError, match="scores is not what this makes: scores = k @ q"):
        assert_texts_are_what_ran(replace(trace, pipeline=pipeline))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("layout", ["per_head", "stacked"])
def test_the_whole_listing_runs_as_it_stands_and_says_the_shapes(kind, layout):
    trace = run_kind(kind, layout=layout, mask="both", lengths=(0, 4))
    text = whole(trace)
    namespace = {**trace.given, **trace.parameters, "math": math, "torch": torch}
    with torch.inference_mode():
        exec(text, namespace)
    for name in trace.names:
        assert same(namespace[name], trace[name]), name
        assert f"# {name}: {tuple(trace[name].shape)} = {trace.made(name).axes}\n" in text
    for place, stage in enumerate(trace.pipeline, 1):
        assert f"# {place}. {stage.title}\n{code(stage)}\n" in text


SYMBOLS = {
    "qkv": "qkv = qkv_layer(x)",
    "reshape": "reshape = qkv.reshape(batch_size, sequence_length, num_heads, 3 * head_dim)",
    "permute": "permute = reshape.permute(0, 2, 1, 3)",
    "q": "q, k, v = permute.chunk(3, dim=-1)",
    "scores": "scores = q @ k.transpose(-2, -1)",
    "scaled": "scaled = scores / math.sqrt(head_dim)",
    "weights": "weights = torch.softmax(masked, dim=-1)",
    "context": "context = weights @ v",
    "out": "out = out_layer(concat)",
}


def test_the_tutorials_code_is_shown_in_its_own_words():
    pipeline = pipeline_for(Config())
    assert {name: code(maker_of(pipeline, name)[0]) for name in SYMBOLS} == SYMBOLS


def test_a_comment_above_the_step_is_shown_with_it():
    lines = code(maker_of(pipeline_for(Config()), "concat")[0]).splitlines()
    assert lines[0].startswith("# permute back first")
    assert lines[1] == "concat = context.permute(0, 2, 1, 3).reshape(batch_size, sequence_length, d_model)"


def test_no_shown_text_holds_a_docstring_a_return_or_a_wider_indent_than_it_needs():
    for layout, mask in layouts_and_masks():
        for stage in pipeline_for(small(layout=layout, mask=mask)):
            text = code(stage)
            assert "return " not in text and '"""' not in text and "->" not in text
            assert not text.startswith((" ", "\n")) and not text.endswith((" ", "\n"))
            assert all(len(line) - len(line.lstrip()) in (0, 4) for line in text.splitlines())
            assert "type: ignore" not in text and "noqa" not in text


def test_sizes_are_filled_in_and_other_names_stay():
    trace = run(small())
    texts = {
        name: filled(maker_of(trace.pipeline, name)[0], trace.given)
        for name in ("reshape", "scaled", "concat")
    }
    assert texts["reshape"] == "reshape = qkv.reshape(2, 7, 5, 3 * 11)"
    assert texts["scaled"] == "scaled = scores / math.sqrt(11)"
    assert texts["concat"].splitlines()[-1] == "concat = context.permute(0, 2, 1, 3).reshape(2, 7, 55)"


def shouted(permute: Tensor, head_dim: int) -> Tensor:
    text = "head_dim ünd kéy"; made = permute * len(text)  # fmt: skip  # noqa: E702
    return made + head_dim - head_dim


def without_docstring(
    q: Tensor,
    k: Tensor,
) -> Tensor:
    # a comment
    return (
        q  # first
        @ k.transpose(-2, -1)
    )


def spread(x: Tensor, head_dim: int) -> Tensor:
    """batch token input_dim -> batch token input_dim."""

    # two steps
    larger = x.reshape(
        -1,
        head_dim,
    )
    return larger.reshape(
        x.shape,
    )


def stage_of(function, name="made"):
    return Stage(function, (Made(name, "batch"),), title="", why="", operation="", part="attend")


def test_words_inside_strings_and_after_wide_letters_are_left_alone():
    text = filled(stage_of(shouted), {"head_dim": 11})
    assert text.splitlines()[0].startswith('text = "head_dim ünd kéy"; made = permute * len(text)')
    assert text.splitlines()[-1] == "made = made + 11 - 11"


def test_a_function_without_docstring_keeps_its_brackets_and_comments():
    assert code(stage_of(without_docstring)) == (
        "# a comment\nmade = (\n    q  # first\n    @ k.transpose(-2, -1)\n)"
    )
    namespace = {"q": torch.ones(2, 5, 3), "k": torch.ones(2, 7, 3)}
    exec(code(stage_of(without_docstring)), namespace)
    assert torch.equal(namespace["made"], compare(namespace["q"], namespace["k"]))


def test_several_lines_keep_their_own_indent():
    assert code(stage_of(spread, "y")) == (
        "# two steps\nlarger = x.reshape(\n    -1,\n    head_dim,\n)\ny = larger.reshape(\n    x.shape,\n)"
    )
    assert "    11,\n" in filled(stage_of(spread, "y"), {"head_dim": 11})


def test_a_return_of_the_very_names_needs_no_line():
    stage = maker_of(pipeline_for(Config(layout="stacked")), "q_split")[0]
    assert stage.run is split_each
    assert [line.split(" = ")[0] for line in code(stage).splitlines()] == ["q_split", "k_split", "v_split"]


def test_what_is_no_plain_function_is_refused():
    with pytest.raises(AssertionError, match="<lambda> is not a plain function"):
        code(stage_of(lambda x: x))
    assert code(stage_of(spread))

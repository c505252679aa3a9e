"""If yours differs: every wrong line, executed on a run, shows its symptom; the right one does not."""

import math

import pytest
import torch
from torch import nn

from mha_core import Config, run
from mha_core.attention import hide, softmax
from mha_core.config import LAYOUTS
from mha_core.figures.follow import follow_json, read_cell
from mha_core.figures.texts import known_stages
from mha_core.inputs import to_stacked
from mha_core.presets import PRESETS
from mha_core.run import pipeline_for
from mha_core.stage import execute
from mha_core.symptoms import SYMPTOMS, cell_for, settings_for
from tests.core.grid import ONES, assert_near, own_x, same, small

BY_NAME = {symptom.name: symptom for symptom in SYMPTOMS}


def left_by(line, trace, **more):
    """Execute a line on the tensors of a run and return all that it leaves."""
    namespace = {**trace.available, "math": math, "torch": torch, **more}
    with torch.inference_mode():
        exec(line, namespace)
    return namespace


def outputs(line, trace, name):
    """The rest of the run after a line that makes `name` in place of its stage."""
    made = left_by(line, trace)[name]
    place = next(at for at, stage in enumerate(trace.pipeline) if name in [made.name for made in stage.makes])
    given = {**trace.available, name: made}
    with torch.inference_mode():
        return execute(trace.pipeline[place + 1 :], given, trace.config.sizes)["out"]


def sums_of_rows(symptom, line):
    return (left_by(line, run(small(mask="causal")))["weights"].sum(-1) - 1).abs().max() > 0.1


def no_weights(symptom, line):
    config = Config(sequence_length=7, input_dim=55, d_model=55, num_heads=5)
    trace = run(config)
    attention = nn.MultiheadAttention(55, 5, batch_first=True).eval()
    fused, out = to_stacked(trace.parameters["qkv_layer"], 5), trace.parameters["out_layer"]
    attention.in_proj_weight, attention.in_proj_bias = fused.weight, fused.bias
    attention.out_proj.weight, attention.out_proj.bias = out.weight, out.bias
    left = left_by(line, trace, attention=attention)
    assert_near(left["out"], trace["out"], 1e-5)
    if left["weights"] is not None:
        assert_near(left["weights"], trace["weights"], 1e-6)
    return left["weights"] is None


def right_shapes_only(symptom, line):
    trace = run(small(layout="per_head"))
    left = left_by(line, trace)
    assert all(left[name].shape == trace[name].shape for name in "qkv")
    return not any(torch.equal(left[name], trace[name]) for name in "qkv")


def mirrored(symptom, line):
    trace = run(small())
    scores = left_by(line, trace)["scores"]
    assert scores.shape == trace["scores"].shape
    if not torch.equal(scores, trace["scores"]):
        assert_near(scores.transpose(-2, -1), trace["scores"], 1e-5)
        return True
    return False


def right_for_one_token_alone(symptom, line):
    for mask in ("none", "causal"):
        one = run(small(mask=mask).but(sequence_length=1))
        assert torch.equal(left_by(line, one)["concat"], one["concat"])
    more = run(small())
    return not torch.equal(left_by(line, more)["concat"], more["concat"])


def future_leaks(symptom, line):
    config = small(mask="causal")
    x = own_x(config)
    nudged = x.clone()
    nudged[:, -1] += 1
    before, after = (outputs(line, run(config, given), "masked") for given in (x, nudged))
    assert not torch.equal(before[:, -1], after[:, -1])
    return not torch.equal(before[:, :-1], after[:, :-1])


def nan_in_some_rows(symptom, line):
    trace = run(small())
    mask = left_by(line, trace)["mask"]
    rows = softmax(hide(trace["scaled"], mask)).isnan().any(-1)
    assert not rows.all()
    return bool(rows.any())


def right_with_one_head_alone(symptom, line):
    one = run(small().but(num_heads=1))
    assert torch.equal(left_by(line, one)["scaled"], one["scaled"])
    more = run(small())
    return not torch.allclose(left_by(line, more)["scaled"], more["scaled"])


IS_SEEN = {
    "rows": sums_of_rows,
    "none": no_weights,
    "layout": right_shapes_only,
    "transpose": mirrored,
    "one_token": right_for_one_token_alone,
    "future": future_leaks,
    "nan": nan_in_some_rows,
    "one_head": right_with_one_head_alone,
}


@pytest.mark.parametrize("name", IS_SEEN)
def test_the_wrong_line_shows_the_symptom_and_the_right_one_does_not(name):
    symptom, seen = BY_NAME[name], IS_SEEN[name]
    assert seen(symptom, symptom.wrong)
    assert not seen(symptom, symptom.right)


def test_there_are_eight_and_each_is_tried():
    assert len(SYMPTOMS) == len(BY_NAME) == 8
    assert BY_NAME.keys() == IS_SEEN.keys()


@pytest.mark.parametrize("name", BY_NAME)
def test_the_right_line_makes_the_tensor_of_the_run(name):
    symptom = BY_NAME[name]
    config = settings_for(symptom, small(mask="causal"))
    trace = run(config)
    made = [each for each in symptom.right.split(" = ")[0].split(", ") if each in trace.names]
    if name in ("none", "nan"):  # one calls a module; the other makes its mask of sizes alone
        return
    left = left_by(symptom.right, trace)
    assert made and all(same(left[each], trace[each]) for each in made)


def test_the_mask_of_the_right_line_is_the_causal_one():
    trace = run(small(mask="causal"))
    mask = left_by(BY_NAME["nan"].right, trace)["mask"]
    assert torch.equal(mask.expand(2, 1, 7, 7), trace["mask"])


# The view that each leads to.

CONFIGS = {
    **{name: preset.config for name, preset in PRESETS.items()},
    "ones": Config(**ONES),
    "stacked, both": small(layout="stacked", mask="both", lengths=(3, 7)),
    "one head": Config(sequence_length=3, input_dim=8, d_model=15, num_heads=1),
    "one number": Config(**{**ONES, "sequence_length": 3}),
    "one word": Config(
        input="words",
        text="dog\ncat",
        mask="padding",
        lengths=(1, 1),
        input_dim=40,
        d_model=32,
        num_heads=4,
        weights="planted",
    ),
    "one planted head": Config(
        input="words",
        text="a cat",
        input_dim=18,
        d_model=6,
        num_heads=1,
        weights="planted",
        jobs=("previous",),
    ),
}


@pytest.mark.parametrize("base", CONFIGS)
def test_every_link_leads_to_a_cell_that_the_run_has(base):
    for symptom in SYMPTOMS:
        config = settings_for(symptom, CONFIGS[base])
        cell = cell_for(symptom, config)
        trace = run(config)
        name, index = read_cell(trace, cell)
        assert name == symptom.tensor
        least = {key: max(size, getattr(CONFIGS[base], key)) for key, size in symptom.least.items()}
        assert all(getattr(config, key) >= size for key, size in least.items()), symptom.name
        if all(getattr(CONFIGS[base], key) == size for key, size in least.items()):  # nothing else is touched
            kept = {key: getattr(CONFIGS[base], key) for key in symptom.needs}
            assert config.but(**kept) == CONFIGS[base]
        value = float(trace[name][index])
        # what the words beside the link say of this cell
        assert math.isnan(value) == (symptom.name == "nan"), symptom.name
        if symptom.name == "future":
            assert value == -math.inf


def test_the_linked_cells_show_what_is_said_of_them():
    config = small(mask="causal")
    cells = {symptom.name: cell_for(symptom, settings_for(symptom, config)) for symptom in SYMPTOMS}
    assert cells == {
        "rows": "weights.0.1.2.1",
        "none": "weights.0.1.1.0",
        "layout": "qkv.0.0.11",
        "transpose": "scores.0.1.0.6",
        "one_token": "concat.0.6.11",
        "future": "masked.0.0.0.6",
        "nan": "weights.0.0.0.0",
        "one_head": "scaled.0.0.1.0",
    }
    trace = run(config)
    told = follow_json(trace, cells["one_token"], "x")
    assert "context[0, 1, 6, 0]" in told


def test_places_and_words_of_the_rows_exist():
    pages = {"", *(name for stage in known_stages() for name in stage.see)}
    for symptom in SYMPTOMS:
        assert symptom.see in pages
        for layout in LAYOUTS:
            assert symptom.tensor in {
                made.name for stage in pipeline_for(small(layout=layout)) for made in stage.makes
            }
        for text in (symptom.cause, symptom.shows):
            assert text.endswith(".") and "  " not in text
        assert not symptom.sees.endswith(".")
        assert max(map(len, (symptom.wrong, symptom.right))) <= 110

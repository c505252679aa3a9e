"""Maps taken as they are, averaged, and taken away from each other, against the tensors themselves."""

import pytest
import torch

from mha_core import run
from mha_core.compare import MEAN, Wanted, map_names, masked_by, other_run, select
from mha_core.errors import ConfigError, InputError
from tests.core.grid import TEXT, own_x, small

WORDS = {"input": "words", "text": TEXT}


def test_the_maps_are_the_tensors_with_a_query_and_a_key_for_every_head():
    trace = run(small(layout="stacked"))
    assert map_names(trace.pipeline) == ("scores", "scaled", "masked", "weights")
    masked = [name for name in map_names(trace.pipeline) if masked_by(trace.pipeline, name)]
    assert masked == ["masked", "weights"]


@pytest.mark.parametrize("name", ["scores", "scaled", "masked", "weights"])
def test_maps_come_as_they_are(name):
    trace = run(small(mask="causal"))
    got = select(trace, 1, Wanted(name, (3, 0)))
    assert torch.equal(got.values, trace[name][1, [3, 0]])
    assert got.kind == trace.made(name).values
    hidden = torch.ones(7, 7).triu(1).bool() if name in ("masked", "weights") else torch.zeros(7, 7).bool()
    assert torch.equal(got.hidden, hidden)


def test_the_mean_is_over_all_heads():
    trace = run(small())
    got = select(trace, 0, Wanted("weights", (MEAN,)))
    assert torch.equal(got.values, trace["weights"][0].double().mean(0, keepdim=True))
    assert got.kind == "probability"


def test_uniform_attention_under_the_same_mask_is_taken_away():
    trace = run(small(mask="causal"))
    got = select(trace, 0, Wanted("weights", (2,), "uniform"))
    for query in range(7):
        for key in range(7):
            even = 1 / (query + 1) if key <= query else 0.0
            wanted = float(trace["weights"][0, 2, query, key]) - even
            assert got.values[0, query, key] == pytest.approx(wanted)
    assert got.kind == "signed"
    assert got.values[0, 0].abs().max() == 0, "the first token sees itself alone, whatever the weights"


def test_another_head_is_taken_away_and_equal_infinities_leave_nothing():
    trace = run(small(mask="causal"))
    got = select(trace, 1, Wanted("masked", (0, 4), "head", "4"))
    wanted = trace["scaled"][1, 0].double() - trace["scaled"][1, 4].double()
    assert torch.equal(got.values[0].tril(), wanted.tril())
    assert not got.values[0].triu(1).any() and not got.values[1].any()


def taken(config, minus, value, name="weights"):
    trace = run(config)
    other = other_run(trace, minus, value)
    return trace, other, select(trace, 0, Wanted(name, (1, 2), minus, value), other)


def test_another_mask_is_taken_away_and_only_what_both_hide_is_hidden():
    trace, other, got = taken(small(mask="causal"), "mask", "none")
    assert torch.equal(other["q"], trace["q"]), "the same layers on the same input"
    free = torch.softmax(trace["scaled"][0, [1, 2]].double(), -1)
    assert torch.allclose(got.values, trace["weights"][0, [1, 2]].double() - free, atol=1e-6)
    assert not got.hidden.any()


def test_another_seed_is_another_input_through_the_same_layers():
    trace, other, got = taken(small(), "seed", "7")
    assert other.parameters["qkv_layer"].weight.equal(trace.parameters["qkv_layer"].weight)
    assert torch.equal(other["x"], run(small(seed=7))["x"])
    apart = trace["weights"][0, [1, 2]].double() - other["weights"][0, [1, 2]].double()
    assert torch.equal(got.values, apart)
    assert apart.any()


def test_another_text_is_taken_away():
    text = "a b c d e f g\nh i"
    trace, other, got = taken(small(**WORDS), "text", text)
    mine = run(trace.config.but(text=text), parameters=trace.parameters)
    assert torch.equal(other["weights"], mine["weights"])
    assert torch.equal(got.values, trace["weights"][0, [1, 2]].double() - mine["weights"][0, [1, 2]].double())


@pytest.mark.parametrize("settings", [{}, WORDS], ids=["normal", "words"])
def test_an_x_that_was_handed_in_is_compared_under_another_mask_and_has_no_other_seed_or_text(settings):
    config = small(**settings)
    trace = run(config, own_x(config))
    other = other_run(trace, "mask", "causal")
    assert torch.equal(other["x"], trace["x"]) and torch.equal(other["scaled"], trace["scaled"])
    assert other.config.mask == "causal"
    for minus, value in (("seed", "7"), ("text", "a b")):
        with pytest.raises(InputError, match=f"not made from a {minus}, so there is no run of another"):
            other_run(trace, minus, value)


def test_planted_heads_keep_their_layers_on_another_text():
    from mha_core.presets import PRESETS

    trace = run(PRESETS["sentence"].config)
    other = other_run(trace, "text", "one two three four five six")
    assert other.parameters["qkv_layer"].weight.equal(trace.parameters["qkv_layer"].weight)


@pytest.mark.parametrize(
    ("text", "said"),
    [("too short\nx", "2 words in a line and this one 7"), ("a b c d e f g", "no batch item 1")],
)
def test_a_text_that_cannot_be_compared_gets_a_sentence(text, said):
    trace = run(small(**WORDS))
    other = other_run(trace, "text", text)
    with pytest.raises(InputError, match=said):
        select(trace, 1 if "no batch" in said else 0, Wanted("weights", (0,), "text", text), other)


def test_a_comparison_that_needs_another_run_asks_for_it():
    with pytest.raises(InputError, match="needs the other run"):
        select(run(small()), 0, Wanted("weights", (0,), "seed", "1"))
    assert other_run(run(small()), "uniform", "") is None
    with pytest.raises(ConfigError, match="no words"):
        other_run(run(small(**WORDS)), "text", " ")

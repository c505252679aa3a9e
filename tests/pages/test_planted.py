"""Planted heads on the pages: offered where they can be, refused with the reason, their weights as blocks."""

import html

import numpy as np
import pytest

import mha_core
from mha_core import Config
from mha_core.parameters import parameter_trace
from mha_core.planted import JOBS, LITTLE_WORDS, built, jobs_of
from mha_core.presets import PRESETS
from pages.frame import cache
from tests.pages.opened import (
    FURTHER,
    address,
    changed,
    config_of,
    followed,
    number_at,
    opened,
    packed,
    pieces,
    sentences,
)

WEIGHTS = "pages/learn/weights.py"
SENTENCE = {"preset": "sentence"}


def captions(session):
    return [each.value for each in session.caption]


def prose(session):
    return html.unescape(" ".join(each.value for each in session.markdown))


def further(session):
    session.session_state[FURTHER] = True
    session.run()
    return session


# What is offered.


def test_fresh_weights_are_said_to_be_fresh_and_planted_ones_are_one_click_away():
    session = opened({"preset": "long"})
    assert any("learned nothing" in note for note in packed(session)[0]["notes"])
    session.button(key="plant").click().run()
    assert config_of(session) == PRESETS["long"].config.but(weights="planted")
    assert address(session) == {"v": "1", "preset": "long", "weights": "planted"}
    assert sentences(session) == []
    (note,) = [note for note in packed(session)[0]["notes"] if "planted by hand" in note]
    assert "head 0 previous token, head 1 same word, head 2 first token, head 3 plain average" in note
    assert not [each for each in session.button if each.key == "plant"]


def test_where_these_settings_have_no_words_the_click_opens_the_preset_that_has():
    session = opened({"preset": "tutorial", "seed": "4"})
    session.button(key="plant").click().run()
    assert config_of(session) == PRESETS["planted"].config
    assert address(session) == {"v": "1", "preset": "planted"}


def test_planted_is_offered_where_it_can_be_and_else_the_reason_is_said():
    can = further(opened({"preset": "long"}))
    assert can.selectbox(key="weights").options == ["freshly initialised", "planted by hand"]
    assert not any("Planted weights are not offered" in each for each in captions(can))
    cannot = further(opened({"preset": "tutorial"}))
    assert cannot.selectbox(key="weights").options == ["freshly initialised"]
    assert any(
        each.startswith("Planted weights are not offered here.") and "input is normal" in each
        for each in captions(cannot)
    )


def test_jobs_that_fit_can_be_chosen_and_the_reason_of_the_others_is_said():
    session = further(opened(SENTENCE))
    offered = ["previous", "next", "first", "same", "content", "uniform"]
    assert session.multiselect(key="jobs").options == [JOBS[job].label for job in offered]
    (said,) = [each for each in captions(session) if "is not offered" in each]
    assert "The job first occurrence is not offered. With head_dim 8" in said
    assert "The job window is not offered. With head_dim 8 and input_dim 40" in said
    changed(session, "jobs", ["content", "next"])
    assert config_of(session).jobs == ("content", "next")
    assert any(
        "head 0 content words, head 1 next token, head 2 content" in n for n in packed(session)[0]["notes"]
    )
    assert address(session) == {"v": "1", **SENTENCE, "jobs": "content,next"}
    eight = further(opened({"preset": "planted"}))
    assert len(eight.multiselect(key="jobs").options) == 8
    assert not any("is not offered" in each for each in captions(eight))


def test_a_link_with_jobs_shows_them_and_one_that_cannot_be_is_mended_and_said():
    session = further(opened({**SENTENCE, "jobs": "first, same"}))
    assert config_of(session).jobs == ("first", "same")
    assert session.multiselect(key="jobs").value == ["first", "same"]
    bad = opened({**SENTENCE, "jobs": "same,window"})
    (said,) = sentences(bad)
    assert said.startswith("The job window does not fit these sizes. With head_dim 8 and input_dim 40")
    assert said.endswith("The page shows jobs same,same.")
    assert config_of(bad).jobs == ("same", "same")
    many = opened({**SENTENCE, "jobs": "same,same,same,same,first"})
    assert sentences(many) == [
        "jobs names 5 jobs (same, same, same, same, first), and num_heads is 4; give at most 4. "
        "The page shows jobs same,same,same,same."
    ]


@pytest.mark.parametrize(
    ("key", "value", "shown", "said"),
    [
        ("input_dim", 41, {"input_dim": 42}, "input_dim 41 cannot be cut into a half for the word"),
        ("num_heads", 1, {"num_heads": 2}, "head_dim 32 (d_model 32 / num_heads 1) does not suit"),
        (
            "d_model",
            35,
            {"num_heads": 5, "d_model": 35, "weights": "initial"},
            "an even d_model of at most 20",
        ),
        ("input", "normal", {"input": "normal", "weights": "initial"}, "input is normal"),
    ],
)
def test_a_size_that_does_not_suit_planted_heads_is_mended_and_said(key, value, shown, said):
    session = opened(SENTENCE)
    changed(session, key, value)
    mine = config_of(session)
    assert {name: getattr(mine, name) for name in shown} == shown
    assert any(said in each for each in sentences(session))
    assert address(opened(address(session))) == address(session)
    session.run()
    assert sentences(session) == [], "said once is enough"


def test_what_each_head_was_built_to_do_is_said_on_demand():
    session = opened({"preset": "planted", "mask": "causal"})
    assert "Built to" not in prose(session)
    session.session_state["built"] = True
    session.run()
    said = prose(session)
    for head, sentence in enumerate(built(config_of(session))):
        assert f"**Head {head}, {JOBS[jobs_of(config_of(session))[head]].label}.** {sentence}" in said
    assert "settles on itself" in said
    assert all(f" {word}" in said for word in LITTLE_WORDS)


def test_heads_that_look_by_position_are_said_to_be_blind_without_positions():
    notes = packed(opened({**SENTENCE, "positions": "false"}))[0]["notes"]
    assert any(note.startswith("positions is off") for note in notes)
    only_words = packed(opened({**SENTENCE, "positions": "false", "jobs": "same"}))[0]["notes"]
    assert not any(note.startswith("positions is off") for note in only_words)
    assert not any("positions is off" in note for note in packed(opened(SENTENCE))[0]["notes"])


# The weights as blocks.


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(SENTENCE, id="planted"),
        pytest.param({"preset": "long", "layout": "stacked", "bias": "false"}, id="stacked"),
        pytest.param({**SENTENCE, "dtype": "float64", "batch": "1", "text": "a b\nc d"}, id="second item"),
    ],
)
def test_exactly_the_numbers_of_the_layers_reach_the_browser(asked):
    session = opened(asked, WEIGHTS)
    config = config_of(session)
    trace = parameter_trace(config, mha_core.run(config).parameters)
    assert sentences(session) == []
    sent = {name: numbers for name, _, numbers in pieces(session)}
    assert [*sent] == [*trace.names]
    for name, numbers in sent.items():
        assert np.array_equal(numbers, trace[name].numpy()), name
    assert packed(session)[0]["item"] == 0


def test_of_weights_too_many_to_be_sent_whole_the_sheet_in_front_is_sent():
    # else only every second column of the outer sides is sent, and other sheets
    session = opened({"preset": "planted", "stage": "v_weight", "lens": "7.1"}, WEIGHTS)
    header, _ = packed(session)
    assert not header["whole"]
    assert [number_at(session, f"v_weight.0.7.{row}.{row}")[0] for row in (1, 3, 5)] == [1.0, 1.0, 1.0]


def test_the_weights_stand_above_the_one_strip_of_checks():
    strips = [each for each in opened(SENTENCE, WEIGHTS).get("html") if 'class="proofs"' in each.proto.body]
    assert len(strips) == 1


def test_every_planted_heads_sentence_stands_beside_its_weights():
    session = opened({"preset": "planted"}, WEIGHTS)
    for head, sentence in enumerate(built(PRESETS["planted"].config)):
        assert f"**Head {head}, " in prose(session) and sentence in prose(session)
    fresh = opened({"preset": "tutorial"}, WEIGHTS)
    assert "Built to" not in prose(fresh)
    assert any("no row asks for anything yet" in each for each in captions(fresh))


def test_a_weight_can_be_followed_and_a_cell_of_the_run_is_passed_over_in_silence():
    session = opened({**SENTENCE, "stage": "q_weight", "cell": "q_weight.0.0.2.22"}, WEIGHTS)
    assert followed(session)["cell"] == "q_weight.0.0.2.22"
    assert followed(session)["run"] == packed(session)[0]["id"]
    assert sentences(session) == []
    elsewhere = opened({**SENTENCE, "stage": "weights", "cell": "weights.0.1.2.1"}, WEIGHTS)
    assert (sentences(elsewhere), followed(elsewhere)) == ([], {})
    back = opened({**SENTENCE, "stage": "q_weight", "cell": "q_weight.0.0.2.22"})
    assert (sentences(back), followed(back)) == ([], {})
    (said,) = sentences(opened({**SENTENCE, "cell": "q_weight.0.9.0.0"}, WEIGHTS))
    assert "no cell q_weight.0.9.0.0" in said
    (said,) = sentences(opened({**SENTENCE, "stage": "softmax"}, WEIGHTS))
    assert "'softmax' is not one of" in said and "q_weight" in said


def test_weights_too_large_to_be_drawn_are_refused_with_what_would_fit():
    session = opened({"preset": "tutorial", "d_model": "1024", "input_dim": "1024"})
    session.switch_page(WEIGHTS).run()
    assert not session.exception
    assert sentences(session) == [
        f"The first layer has {3 * 1024 * 1024} weights; this page draws up to {cache.MOST}. A smaller "
        "d_model or input_dim fits."
    ]


def test_weights_are_drawn_once_for_all_texts():
    one, other = (Config(**{**vars(PRESETS["sentence"].config), "text": text}) for text in ("a b", "c d e"))
    assert cache._parameters(cache.decided_by(one)) is cache._parameters(cache.decided_by(other))
    changed_jobs = one.but(jobs=("first",))
    assert cache._parameters(cache.decided_by(one)) is not cache._parameters(cache.decided_by(changed_jobs))
    fresh = one.but(weights="initial")
    assert cache._parameters(cache.decided_by(fresh)) is not cache._parameters(cache.decided_by(one))

"""The presets: each opens from its link and from a click, draws its numbers, and keeps its word."""

import html
import itertools
import re

import numpy as np
import pytest
import torch

import mha_core
from mha_core import Config
from mha_core.planted import JOBS, LITTLE_WORDS, jobs_of
from mha_core.presets import FIRST, PRESETS
from tests.pages.opened import address, assert_drawn, config_of, opened, packed, pieces, sentences

# written out here, so that a changed preset is a decision: links lean on them within a version
SETTINGS = {
    "sentence": Config(
        input="words",
        text="the cat saw the small dog",
        input_dim=40,
        d_model=32,
        num_heads=4,
        mask="causal",
        weights="planted",
    ),
    "planted": Config(
        input="words",
        text="the old cat saw the dog and the dog saw a cat",
        input_dim=512,
        d_model=512,
        num_heads=8,
        mask="none",
        weights="planted",
    ),
    "tutorial": Config(
        batch_size=1, sequence_length=4, input_dim=512, d_model=512, num_heads=8, mask="none", seed=0
    ),
    "class": Config(batch_size=30, sequence_length=5, input_dim=1024, d_model=512, num_heads=8),
    "long": Config(
        input="words",
        text="in the early morning the old fisherman mended his torn net while the gulls circled over the "
        "quiet harbour and the children counted the boats that had come home",
        input_dim=48,
        d_model=64,
        num_heads=4,
        mask="causal",
        gain=2.5,
        seed=3,
    ),
}
ALL = pytest.mark.parametrize("name", SETTINGS)


def assert_same_numbers(session, trace, item: int = 0) -> None:
    """Every tensor of the run reached the browser, every cell of the item, equal to the bit."""
    __tracebackhide__ = True
    sent = {
        name: np.full((1, *trace[name].shape[1:]), np.nan, trace[name].numpy().dtype) for name in trace.names
    }
    covered = {name: np.zeros(sent[name].shape, bool) for name in trace.names}
    for name, (batch, *cells), numbers in pieces(session):
        assert batch.start == item, f"{name} was sent of batch item {batch.start}"
        sent[name][(slice(None), *cells)] = numbers
        covered[name][(slice(None), *cells)] = True
    for name in trace.names:
        wanted = trace[name][item : item + 1].numpy()
        assert covered[name].all(), f"{name} was not sent whole"
        assert sent[name].tobytes() == np.ascontiguousarray(wanted).tobytes(), f"{name} has other numbers"


def test_the_presets_are_these_and_no_others():
    assert {name: preset.config for name, preset in PRESETS.items()} == SETTINGS


@ALL
def test_a_preset_opens_from_its_link(name):
    session = opened({"v": "1", "preset": name})
    assert config_of(session) == SETTINGS[name]
    assert session.button_group(key="preset").value == name
    assert sentences(session) == []


@ALL
def test_a_preset_opens_from_a_click(name):
    other = next(each for each in SETTINGS if each != name)
    session = opened({"preset": other, "seed": "99"})
    session.button_group(key="preset").set_value(name).run()
    assert_drawn(session)
    assert config_of(session) == SETTINGS[name]
    assert address(session) == ({} if name == "sentence" else {"v": "1", "preset": name})
    assert sentences(session) == []


@ALL
def test_exactly_the_numbers_of_the_run_reach_the_browser(name):
    # a run of the core's own: nothing of the page's caches is in it
    assert_same_numbers(opened({"preset": name}), mha_core.run(SETTINGS[name]))


def test_every_batch_item_of_the_class_example_can_be_opened():
    trace = mha_core.run(SETTINGS["class"])
    for item in (1, 29):
        session = opened({"preset": "class", "batch": str(item)})
        assert_same_numbers(session, trace, item)
        assert packed(session)[0]["item"] == item
        assert sentences(session) == []
    assert trace["x"].shape == (30, 5, 1024)
    assert not torch.equal(trace["x"][1], trace["x"][29])


def test_one_item_more_than_the_class_example_has_is_refused_in_words():
    session = opened({"preset": "class", "batch": "30"})
    assert sentences(session) == ["There is no batch item '30'; there are 0 to 29. Item 0 is shown."]
    assert packed(session)[0]["item"] == 0


def test_a_bare_address_is_the_small_sentence():
    session = opened()
    assert FIRST == "sentence"
    assert config_of(session) == SETTINGS["sentence"]
    assert address(session) == {}
    assert packed(session)[0]["tokens"] == ["the", "cat", "saw", "the", "small", "dog"]


def test_the_config_without_arguments_is_the_tutorials():
    assert Config() == SETTINGS["tutorial"]
    assert {
        name: tuple(mha_core.run(Config())[name].shape) for name in ("x", "qkv", "reshape", "permute")
    } == {
        "x": (1, 4, 512),
        "qkv": (1, 4, 1536),
        "reshape": (1, 4, 8, 192),
        "permute": (1, 8, 4, 192),
    }


def prose(session) -> list[str]:
    """What stands on the page in HTML and Markdown, its entities read."""
    return [html.unescape(each.proto.body) for kind in ("html", "markdown") for each in session.get(kind)]


def links_of(name: str) -> tuple[dict[str, str], dict[str, str]]:
    return {"preset": name}, {"preset": name, "seed": "99"}


@ALL
def test_a_preset_shows_its_sentence_and_a_changed_setting_takes_it_away(name):
    sentence = PRESETS[name].sentence
    shown, changed = (prose(opened(link)) for link in links_of(name))
    assert sum(sentence in each for each in shown) == 1
    assert not any(sentence in each for each in changed)


def test_no_two_presets_are_alike():
    for left, right in itertools.combinations(PRESETS.values(), 2):
        assert left.config != right.config
        assert left.label != right.label
        assert left.sentence != right.sentence
        assert mha_core.run(left.config)["out"].shape != mha_core.run(right.config)["out"].shape


# What the sentences claim.


def numbers_in(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?", text)


def test_the_small_sentence_has_six_words_and_one_of_them_twice():
    words = SETTINGS["sentence"].text.split()
    assert len(words) == 6
    assert sorted(words.count(word) for word in set(words)) == [1, 1, 1, 1, 2]
    assert PRESETS["sentence"].sentence.startswith("Six words, one of them twice")


def test_no_two_axes_of_the_small_sentence_have_the_same_size():
    config = SETTINGS["sentence"]
    words = ("batch", "token", "input_dim", "d_model", "head", "head_dim", "qkv")
    assert len({config.sizes[word] for word in words}) == len(words)
    trace = mha_core.run(config)
    for name in trace.names:
        shape = list(trace[name].shape)
        square = trace.made(name).axes.split()[-2:] == [
            "query",
            "key",
        ]  # the same tokens twice, as it must be
        sides = [size for size in (shape[:-1] if square else shape) if size > 1]
        assert len(set(sides)) == len(sides), f"{name} {shape}"


def test_every_head_of_the_small_sentence_does_its_job():
    assert "planted by hand, so that every head has a job" in PRESETS["sentence"].sentence
    assert jobs_of(SETTINGS["sentence"]) == ("previous", "same", "first", "uniform")
    weights = mha_core.run(SETTINGS["sentence"])["weights"][0]
    assert (weights[0].diagonal(-1) > 0.99).all()
    assert weights[1, 3, [0, 3]].tolist() == pytest.approx([0.5, 0.5], abs=1e-3)  # both times "the"
    assert (weights[2, :, 0] > 0.99).all()
    assert torch.allclose(weights[3], torch.ones(6, 6).tril() / torch.arange(1, 7)[:, None])


def test_the_planted_sentence_has_twelve_words_four_of_them_again_and_eight_jobs():
    words = SETTINGS["planted"].text.split()
    assert len(words) == 12
    assert sum(words.count(word) > 1 for word in set(words)) == 4
    assert PRESETS["planted"].sentence.startswith("Twelve words, four of them more than once")
    assert "eight heads with eight jobs" in PRESETS["planted"].sentence
    assert jobs_of(SETTINGS["planted"]) == tuple(JOBS)
    assert len(JOBS) == 8
    assert 2 < sum(word in LITTLE_WORDS for word in words) < 9  # the content head has something to choose
    for size in ("d_model", "input_dim", "num_heads"):
        assert getattr(SETTINGS["tutorial"], size) == getattr(SETTINGS["planted"], size)


def test_the_tutorials_weights_are_nearly_even():
    assert "four tokens, d_model 512, 8 heads" in PRESETS["tutorial"].sentence
    weights = mha_core.run(SETTINGS["tutorial"])["weights"]
    assert weights.shape == (1, 8, 4, 4)
    assert (weights - 1 / 4).abs().max() < 0.2
    assert (weights.mean(dim=(0, 1, 2)) - 1 / 4).abs().max() < 0.05


def test_the_class_example_is_thirty_inputs_of_five_tokens():
    assert numbers_in(PRESETS["class"].sentence) == ["30", "1024", "512"]
    x = mha_core.run(SETTINGS["class"])["x"]
    assert x.shape == (30, 5, 1024)
    assert SETTINGS["class"].input_dim != SETTINGS["class"].d_model == 512


def test_the_longer_sentence_has_29_words_and_four_heads():
    assert numbers_in(PRESETS["long"].sentence) == ["29"]
    assert "four heads" in PRESETS["long"].sentence
    weights = mha_core.run(SETTINGS["long"])["weights"]
    assert len(SETTINGS["long"].text.split()) == 29
    assert weights.shape == (1, 4, 29, 29)


def test_every_word_of_the_longer_sentence_sees_only_itself_and_the_words_before_it():
    weights = mha_core.run(SETTINGS["long"])["weights"]
    later = torch.ones(29, 29, dtype=torch.bool).triu(1)
    assert (weights[..., later] == 0).all()
    assert (weights[..., ~later] > 0).all()

"""The address holds the whole state, and whatever else it holds becomes a sentence, never a fault."""

import functools
import random
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import local_script_runner

from mha_core import Config
from mha_core.config import DTYPES, LAYOUTS, MASKS, divisors
from mha_core.presets import PRESETS
from pages.frame import settings as page_settings
from tests.pages.opened import (
    JOINER,
    address,
    assert_drawn,
    config_of,
    data_of,
    followed,
    number_at,
    opened,
    packed,
    rendered,
    sentences,
)

TUTORIAL, SENTENCE = {"preset": "tutorial"}, {"preset": "sentence"}
OTHER_PAGE = "pages/learn/layouts.py"


def changed(session, key: str, value: Any) -> None:
    """Set a field's widget as a visitor does, and let the page run."""
    kinds = ("number_input", "selectbox", "toggle", "text_area", "text_input")
    (widget,) = [each for kind in kinds for each in session.get(kind) if each.key == key]
    widget.set_value(value).run()
    assert_drawn(session)


# Round trips.

WIDGETS = [
    # base, field, the value set, what the address then holds beside v and preset
    (TUTORIAL, "batch_size", 3, {"batch_size": "3"}),
    (TUTORIAL, "sequence_length", 7, {"sequence_length": "7"}),
    (TUTORIAL, "input_dim", 20, {"input_dim": "20"}),
    (TUTORIAL, "d_model", 40, {"d_model": "40"}),
    (TUTORIAL, "num_heads", 4, {"num_heads": "4"}),
    (TUTORIAL, "bias", False, {"bias": "false"}),
    (TUTORIAL, "layout", "stacked", {"layout": "stacked"}),
    (TUTORIAL, "mask", "both", {"mask": "both"}),
    (TUTORIAL, "lengths", "3", {"lengths": "3"}),
    (TUTORIAL, "seed", 2**31 - 1, {"seed": "2147483647"}),
    (TUTORIAL, "gain", 2.5, {"gain": "2.5"}),
    (TUTORIAL, "gain", 0.1 + 0.2, {"gain": "0.30000000000000004"}),
    (TUTORIAL, "gain", 0.00001, {"gain": "1e-05"}),
    (TUTORIAL, "dtype", "bfloat16", {"dtype": "bfloat16"}),
    (SENTENCE, "text", "a b\nc d e", {"text": "a b\nc d e"}),
    (SENTENCE, "positions", False, {"positions": "false"}),
    (SENTENCE, "input", "normal", {"input": "normal"}),  # the sizes stay the sentence's
    (SENTENCE, "gain", 1.0, {"gain": "1.0"}),
]


@pytest.mark.parametrize(
    ("base", "field", "value", "written"), WIDGETS, ids=[f"{row[1]}={row[2]!r}" for row in WIDGETS]
)
def test_what_is_set_on_the_page_stands_in_the_address_and_opens_the_same_again(base, field, value, written):
    session = opened(base)
    changed(session, field, value)
    shown = config_of(session)
    mine = getattr(shown, field)
    assert mine == ((3,) if field == "lengths" else value)
    assert address(session) == {"v": "1", **base, **written}
    again = opened(address(session))
    assert config_of(again) == shown
    assert data_of(again) == data_of(session)
    assert sentences(session) == sentences(again) == []


def test_every_field_has_a_round_trip_in_the_table():
    # the device's choice is drawn only where there is a second one
    assert {row[1] for row in WIDGETS} == {*page_settings.FIELDS} - {"device"}


def test_what_is_set_back_to_the_base_leaves_the_address():
    session = opened()
    changed(session, "num_heads", 4)
    assert address(session) == {"v": "1", "preset": "sentence", "num_heads": "4"}
    changed(session, "num_heads", 3)
    assert address(session) == {}


WORD = st.text(st.characters(exclude_categories=("Cs", "Z")), min_size=1, max_size=9)
TEXTS = st.lists(st.lists(WORD, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3).map("\n".join)


@st.composite
def configs(draw) -> Config:
    """Any settings that a page can hold; sizes are kept small, since every one of them is run."""
    d_model = draw(st.integers(1, 48))
    given_sizes = {"batch_size": draw(st.integers(1, 5)), "sequence_length": draw(st.integers(1, 9))}
    kind = draw(st.sampled_from(["normal", "words"]))
    config = Config(
        **given_sizes,
        input_dim=draw(st.integers(1, 48)),
        d_model=d_model,
        num_heads=draw(st.sampled_from(divisors(d_model))),
        bias=draw(st.booleans()),
        layout=draw(st.sampled_from([*LAYOUTS])),
        mask=draw(st.sampled_from([*MASKS])),
        seed=draw(st.integers(0, 2**31 - 1)),
        input=kind,
        # a text that no run reads may be anything, and is kept: it was typed
        text=draw(TEXTS.filter(lambda text: text.split()) if kind == "words" else st.just("") | TEXTS),
        positions=draw(st.booleans()),
        gain=draw(st.floats(0, 100)),
        device=draw(st.sampled_from(["cpu", "cpu", "cuda:1", "nowhere"])),
        dtype=draw(st.sampled_from([*DTYPES])),
    )
    lengths = st.lists(st.integers(0, config.sequence_length), max_size=config.batch_size)
    return config.but(lengths=tuple(draw(lengths)))


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(configs(), st.sampled_from([*PRESETS]))
def test_any_settings_written_as_a_link_open_as_they_were(config, preset):
    link = page_settings.link(config, preset)
    session = opened({"v": "1", **link})
    assert session.session_state["_settled"].config == config
    assert sentences(session) == []
    assert address(session) == {"v": "1", **link}, "the page wrote another address than the link it opened"


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_that_equals_its_base_stands_in_a_link(name):
    link = page_settings.link(PRESETS[name].config, name)
    assert link == ({} if name == "sentence" else {"preset": name})
    one = page_settings.link(PRESETS[name].config.but(seed=41), name)
    assert one == {"preset": name, "seed": "41"}


def test_a_link_that_names_run_settings_and_no_preset_starts_from_the_tutorial():
    session = opened({"seed": "5"})
    assert config_of(session) == Config(seed=5)
    assert address(session) == {"v": "1", "preset": "tutorial", "seed": "5"}
    assert session.button_group(key="preset").value == "tutorial"


def test_a_link_that_names_a_text_alone_shows_its_words():
    session = opened({"text": "one two"})
    assert config_of(session) == Config(input="words", text="one two")
    assert packed(session)[0]["tokens"] == ["one", "two"]


@pytest.mark.parametrize("bare", [{}, {"v": "1"}], ids=["bare", "version alone"])
def test_a_bare_address_stays_bare(bare):
    session = opened(bare)
    assert address(session) == {}
    session.run()
    assert address(session) == {}


# The view keys are the browser's: handed on, never lost.

VIEW = {"stage": "weights", "cell": "weights.0.1.2.1", "batch": "0", "paint": "head", "lens": "1.3"}


def test_the_view_alone_keeps_the_small_sentence():
    session = opened({"v": "1", **VIEW})
    assert config_of(session) == PRESETS["sentence"].config
    assert address(session) == {"v": "1", **VIEW}
    assert sentences(session) == []


def test_a_changed_setting_keeps_the_view():
    session = opened({"v": "1", **VIEW})
    changed(session, "seed", 8)
    assert address(session) == {"v": "1", "preset": "sentence", "seed": "8", **VIEW}


def test_a_followed_cell_reaches_the_browser_with_the_value_that_is_drawn():
    session = opened({"v": "1", **VIEW})
    facts = followed(session)
    assert (facts["cell"], facts["index"]) == ("weights.0.1.2.1", [0, 1, 2, 1])
    assert facts["value"] == number_at(session, "weights.0.1.2.1")[0]
    assert followed(opened()) == {}


def test_links_to_the_other_pages_hold_the_whole_state():
    asked = {"v": "1", "preset": "long", "num_heads": "8", "text": "a & b=c\n%20 #é 🦊", **VIEW}
    session = opened(asked)
    links = [each.proto for each in session.get("page_link")]
    assert [link.page for link in links] == ["", "layouts"]
    for link in links:
        assert dict(parse_qsl(link.query_string, keep_blank_values=True)) == asked


def test_the_other_page_opens_the_same_settings_and_so_does_the_way_back():
    asked = {"v": "1", "preset": "class", "seed": "12", "batch": "3", "stage": "q"}
    session = opened(asked)
    shown = config_of(session)
    session.query_params = dict(asked)
    session.switch_page(OTHER_PAGE).run()
    assert_drawn(session)
    assert config_of(session) == shown
    assert address(session) == asked
    session.switch_page("pages/learn/walkthrough.py").run()
    assert_drawn(session)
    assert config_of(session) == shown


def test_a_setting_changed_on_the_other_page_holds_on_the_way_back():
    session = opened({"v": "1", "preset": "tutorial"}, OTHER_PAGE)
    changed(session, "d_model", 24)
    assert address(session) == {"v": "1", "preset": "tutorial", "d_model": "24"}
    session.switch_page("pages/learn/walkthrough.py").run()
    assert config_of(session) == Config(d_model=24)


def test_every_page_opens_from_an_address_of_its_own():
    session = opened({"preset": "long"}, OTHER_PAGE)
    assert config_of(session) == PRESETS["long"].config
    assert session.button_group(key="preset").value == "long"


# Sessions, history.


def test_two_sessions_do_not_share_settings():
    mine, theirs = opened({"seed": "1"}), opened({"seed": "2"})
    changed(mine, "mask", "causal")
    theirs.run()
    assert config_of(theirs) == Config(seed=2)
    changed(theirs, "d_model", 40)
    mine.run()
    assert config_of(mine) == Config(seed=1, mask="causal")


def went_back(session, monkeypatch: pytest.MonkeyPatch, to: dict[str, str]) -> None:
    """Run the page as Streamlit does after the browser's Back: widgets as they were, the address another."""
    with monkeypatch.context() as patch:
        patch.setattr(
            local_script_runner, "RerunData", functools.partial(RerunData, is_history_navigation=True)
        )
        session.query_params = dict(to)
        session.run()
    assert_drawn(session)


def test_back_shows_the_settings_of_the_address_it_leads_to(monkeypatch):
    session = opened({"v": "1", "preset": "tutorial"})
    first = address(session)
    changed(session, "seed", 8)
    second = address(session)
    went_back(session, monkeypatch, first)
    assert config_of(session) == Config()
    assert session.number_input(key="seed").value == 0
    went_back(session, monkeypatch, second)
    assert config_of(session) == Config(seed=8)
    assert session.number_input(key="seed").value == 8


def test_a_late_echo_of_an_address_that_the_page_wrote_undoes_nothing():
    # quick typing: the browser still sends the address of two changes ago with the newest value
    session = opened({"v": "1", "preset": "tutorial"})
    first = address(session)
    changed(session, "seed", 8)
    session.query_params = dict(first)
    changed(session, "num_heads", 4)
    assert config_of(session) == Config(seed=8, num_heads=4)
    assert address(session) == {"v": "1", "preset": "tutorial", "num_heads": "4", "seed": "8"}


def test_an_address_typed_into_an_open_page_is_taken_over():
    session = opened({"v": "1", "preset": "tutorial"})
    changed(session, "seed", 8)
    session.query_params = {"num_heads": "2"}
    session.run()
    assert config_of(session) == Config(num_heads=2)


# Sizes that do not go together.


def test_a_d_model_that_num_heads_no_longer_divides_moves_num_heads_and_says_so():
    session = opened(TUTORIAL)
    changed(session, "d_model", 500)  # its divisors near 8 are 5 and 10
    assert config_of(session) == Config(d_model=500, num_heads=10)
    assert session.selectbox(key="num_heads").value == 10
    assert sentences(session) == [
        "num_heads 8 does not divide d_model 500; 5 or 10 would. The page shows num_heads 10."
    ]
    assert address(session) == {"v": "1", "preset": "tutorial", "d_model": "500", "num_heads": "10"}
    session.run()
    assert sentences(session) == [], "said once is enough"


@pytest.mark.parametrize("d_model", [1, 7, 12, 500, 512, 4096])
def test_heads_that_do_not_divide_d_model_cannot_be_chosen(d_model):
    session = opened({"d_model": str(d_model), "input_dim": "3", "num_heads": "1"})
    options = [int(option) for option in session.selectbox(key="num_heads").options]
    assert options == [heads for heads in range(1, 65) if heads <= d_model and d_model % heads == 0]


# Bad values.

LIMITED = [
    ("batch_size", "1", "64"),
    ("sequence_length", "1", "128"),
    ("input_dim", "1", "4096"),
    ("d_model", "1", "4096"),
    ("num_heads", "1", "64"),
    ("seed", "0", "2147483647"),
    ("gain", "0.0", "100.0"),
]


@pytest.mark.parametrize(("key", "low", "high"), LIMITED, ids=[row[0] for row in LIMITED])
@pytest.mark.parametrize("side", ["too small", "too large"])
def test_a_number_outside_its_limits_is_shown_at_the_limit_and_said(key, low, high, side):
    kind = float if key == "gain" else int
    given_value = str(kind(low) - 1 if side == "too small" else kind(high) + 1)
    session = opened({key: given_value, **({"input_dim": "3"} if key == "d_model" else {})})
    nearest = low if side == "too small" else high
    assert sentences(session)[0] == (
        f"{key} {given_value} is outside its limits; it may be {low} to {high}. The page shows {key} {nearest}."
    )
    assert str(getattr(config_of(session), key)) == nearest


NO_NUMBERS = ["", " ", "nan", "NaN", "inf", "-", "1.5.2", "0x10", "four", "1e", "1_000", "9" * 30, "⑦"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_said_with_what_would_be_and_the_base_is_shown(text):
    session = opened({key: text for key, _, _ in LIMITED})
    bases = {key: getattr(Config(), key) for key, _, _ in LIMITED}
    assert sentences(session) == [
        f"{key} {text!r} is not a number; it may be {low} to {high}. The page shows {key} {bases[key]}."
        for key, low, high in LIMITED
    ]
    assert config_of(session) == Config()
    assert address(session) == {"v": "1", **TUTORIAL}, "a bad value must not stay in the address"


REFUSED = [
    # key, value, words that the sentence must hold, the settings that are shown
    ("bias", "yes", ["bias 'yes' is neither true nor false", "shows bias true"], {}),
    ("bias", "", ["bias '' is neither true nor false"], {}),
    ("positions", "1", ["positions '1' is neither true nor false"], {}),
    ("layout", "fused", ["layout 'fused' is not a choice", "per_head or stacked", "shows layout per_head"], {}),
    ("mask", "", ["mask '' is not a choice", "none or causal or padding or both", "shows mask none"], {}),
    ("dtype", "float8", ["dtype 'float8' is not a choice", "float32 or float64 or bfloat16 or float16"], {}),
    ("input", "images", ["input 'images' is not a choice", "normal or words", "shows input normal"], {}),
    ("device", "CPU!", ["device 'CPU!' is no device's name", "cpu always works", "shows device cpu"], {}),
    ("lengths", "a,b", ["lengths 'a,b' must be whole numbers with commas", "such as 5, 3"], {}),
    ("lengths", "-1", ["lengths '-1' must be whole numbers"], {}),
    ("lengths", "2,3", ["lengths names 2 batch items (2, 3)", "batch_size is 1", "lengths 2."], {"lengths": (2,)}),
    ("lengths", "9", ["lengths 9 name more tokens than sequence_length 4", "0 to 4"], {"lengths": (4,)}),
    ("num_heads", "7", ["num_heads 7 does not divide d_model 512", "4 or 8 would", "shows num_heads 8"], {}),
    ("text", "", ["The text has no words; write 1 to 128 words", "keeps the last view"], {}),
    ("text", " \n ", ["The text has no words; write 1 to 128 words"], {}),
    ("text", "w " * 129, ["129 words in a line; at most 128 fit"], {}),
    ("text", "w\n" * 65, ["65 lines", "at most 64 fit"], {}),
    ("text", "w" * 65, ["A word of the text has 65 characters; at most 64 fit"], {}),
    ("preset", "mine", ["no preset 'mine'", "sentence, tutorial, class, long"], {}),
    ("preset", "", [], {}),
    ("v", "2", ["version '2'", "reads version 1"], None),
    ("v", "", ["version ''", "reads version 1"], None),
    ("colour", "red", ["The link names colour, which this explorer does not know"], {}),
    ("stage", "softmax", ["stage 'softmax' is not one of x, qkv", "weights", "left out"], None),
    ("stage", "", ["stage '' is not one of x, qkv"], None),
    ("paint", "pink", ["paint 'pink' is not one of value, token, head, role"], None),
    ("lens", "left", ["lens 'left' is not a sheet and a column, such as 0.12"], None),
    ("lens", "-1.0", ["lens '-1.0' is not a sheet and a column"], None),
    ("batch", "1", ["no batch item '1'; there are 0 to 0. Item 0 is shown"], None),
    ("batch", "-1", ["no batch item '-1'"], None),
    ("batch", "", ["no batch item ''"], None),
    ("batch", "NaN", ["no batch item 'NaN'"], None),
    ("batch", "²", ["no batch item '²'"], None),
    ("cell", "weights", ["no cell weights", "from weights.0.0.0.0 to weights.0.2.5.5"], None),
    ("cell", "weights.0.3.0.0", ["no cell weights.0.3.0.0", "shape (1, 3, 6, 6)"], None),
    ("cell", "weights.0.0.0.-1", ["no cell weights.0.0.0.-1", "to weights.0.2.5.5"], None),
    ("cell", "weights.0.0.0.0.0", ["no cell weights.0.0.0.0.0", "to weights.0.2.5.5"], None),
    ("cell", "softmax.0.0", ["no cell softmax.0.0", "tensors are x, qkv"], None),
]


@pytest.mark.parametrize(
    ("key", "value", "said", "shown"), REFUSED, ids=[f"{row[0]}={row[1][:12]!r}" for row in REFUSED]
)
def test_a_bad_value_is_said_with_what_was_given_and_what_would_work(key, value, said, shown):
    session = opened({key: value})
    spoken = sentences(session)
    assert len(spoken) == (1 if said else 0)
    for part in said:
        assert part in spoken[0], f"{part!r} is not in {spoken[0]!r}"
    # without a run's setting in the address it is the small sentence, else the tutorial with what is good
    assert config_of(session) == (PRESETS["sentence"].config if shown is None else Config(**shown))


def test_several_bad_values_are_each_said_and_the_good_ones_are_kept():
    session = opened({"seed": "x", "mask": "some", "num_heads": "4", "v": "9", "zzz": "1"})
    assert len(sentences(session)) == 4
    assert config_of(session) == Config(num_heads=4)
    assert address(session) == {"v": "1", **TUTORIAL, "num_heads": "4"}


@pytest.mark.parametrize("key", ["num_heads", "preset", "stage", "text", "v"])
def test_a_key_named_more_than_once_is_said_and_its_last_value_counts(key):
    good = {"num_heads": "4", "preset": "class", "stage": "q", "text": "one two", "v": "1"}[key]
    session = opened({key: [good, good]})
    assert sentences(session) == [f"The link names {key} more than once; the last one, {good!r}, counts."]
    assert all(isinstance(value, str) for value in session.query_params.values()), "still there more than once"
    alone = opened({key: good})
    assert address(session) == address(alone)
    assert config_of(session) == config_of(alone)


def test_an_address_of_all_keys_at_once_and_all_of_them_bad_still_draws():
    keys = [*page_settings.FIELDS, *page_settings.VIEW, "preset", "v", "zzz"]
    session = opened(dict.fromkeys(keys, "?"))
    assert len(sentences(session)) == len(keys) - 1  # any text is a text
    assert config_of(session) == Config(text="?")


# Text is text, wherever it stands.

TEXTS_TO_SHOW = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "markdown": "**b** _i_ `c` ~~s~~ [a](http://b.c) # h $x$ :red[r] | a | b |",
    "link": "https://evil.example www.evil.example me@evil.example",
    "icons": ":material/delete: :smile: :streamlit:",
    "arrows": "a -> b -- c <- d >= e <= f",
    "entities": "&lt;b&gt; &amp; &#x41;",
    "braces": "{value} {0} {value!r} %s ${x}",
    "emoji": "🦊 👩\u200d💻 🏳\ufe0f\u200d🌈",
    "right to left": "שלום مرحبا",
    "bidi": "abc\u202edef\u2066ghi\u200f",
    "control": "a\x00b\x07c\x1bd\x7fe\x85f\u2028g\rh\ti",
    "lines": "one\n\n    two\n\n# three\n- four",
    "combining": "e\u0301 \u0301a\u0336b",
    "10,000 words": "word " * 10_000,
}
ALL_KEYS = [*page_settings.FIELDS, *page_settings.VIEW, "preset", "v", "zzz"]


def as_seen(text: str) -> str:
    """The text with its escapes for what cannot be seen."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


@pytest.mark.parametrize("kind", TEXTS_TO_SHOW)
def test_any_text_as_a_value_of_any_key_is_shown_as_text(kind):
    text = TEXTS_TO_SHOW[kind]
    keys = [key for key in ALL_KEYS if key not in ("text", "zzz")]  # the one may be any text, the other says its name
    session = opened(dict.fromkeys(keys, text))
    spoken = sentences(session)  # refuses whatever Markdown would make more of than text
    assert len(spoken) == len(keys)
    assert max(map(len, spoken)) < 600
    for key in keys:
        # where a value is written in quotes, a backslash and a quote are doubled; none of the texts has one
        name = {"v": "version", "batch": "batch item"}.get(key, key)
        (mine,) = [each for each in spoken if f"{name} {as_seen(text)[:99]}" in each.replace("'", "")]
        assert mine.endswith(".")
    assert config_of(session) == Config()


@pytest.mark.parametrize("kind", [kind for kind in TEXTS_TO_SHOW if kind != "10,000 words"])
def test_any_text_as_the_text_of_a_link_is_its_words(kind):
    text = TEXTS_TO_SHOW[kind]
    session = opened({"text": text})
    assert config_of(session) == Config(input="words", text=text)
    tokens = [token for token in packed(session)[0]["tokens"] if token != "<pad>"]
    assert tokens == text.splitlines()[0].split()
    assert sentences(session) == []


@pytest.mark.parametrize("kind", TEXTS_TO_SHOW)
def test_any_text_as_a_key_is_shown_as_text(kind):
    text = TEXTS_TO_SHOW[kind]
    session = opened({text: "1"})
    (spoken,) = sentences(session)
    assert spoken.startswith(f"The link names {as_seen(text[:40])}, which this explorer does not know.")


@pytest.mark.parametrize("kind", TEXTS_TO_SHOW)
def test_any_text_typed_is_words_or_a_sentence_and_stays_in_its_box(kind):
    text = TEXTS_TO_SHOW[kind]
    session = opened()
    before = data_of(session)
    changed(session, "text", text)
    assert session.text_area(key="text").value == text
    if kind == "10,000 words":
        assert data_of(session) == before
        assert len(sentences(session)) == 1
    else:
        assert config_of(session).text == text
        assert sentences(session) == []
        assert packed(session)[0]["tokens"] == list(config_of(session).words[0])


BAD_TEXTS = {"empty": "", "blank": " \n\t", "10,000 words": "word " * 10_000, "a long word": "w" * 65}


@pytest.mark.parametrize("kind", BAD_TEXTS)
def test_a_bad_text_keeps_the_last_view_and_stays_where_it_can_be_mended(kind):
    session = opened({"preset": "sentence", "text": "keep this view"})
    before, where = data_of(session), address(session)
    changed(session, "text", BAD_TEXTS[kind])
    assert data_of(session) == before
    assert address(session) == where
    assert session.text_area(key="text").value == BAD_TEXTS[kind]
    (spoken,) = sentences(session)
    assert spoken.endswith("The page keeps the last view.")
    changed(session, "seed", 1)  # something else: the view follows, the box and its sentence stay
    assert config_of(session) == PRESETS["sentence"].config.but(text="keep this view", seed=1)
    assert session.text_area(key="text").value == BAD_TEXTS[kind]
    assert sentences(session) == [spoken]
    changed(session, "text", "all is well")
    assert config_of(session).words == (("all", "is", "well"),)
    assert sentences(session) == []


def test_bad_lengths_typed_keep_the_last_view_and_stay_in_their_box():
    session = opened({"mask": "padding", "lengths": "3"})
    before = data_of(session)
    session.text_input(key="lengths").set_value("three").run()
    assert data_of(session) == before
    assert session.text_input(key="lengths").value == "three"
    assert sentences(session) == [
        "lengths 'three' must be whole numbers with commas between them, such as 5, 3. The page keeps the last "
        "view."
    ]


def test_words_can_be_typed_from_a_run_that_had_none():
    session = opened(TUTORIAL)
    before = data_of(session)
    changed(session, "input", "words")
    assert data_of(session) == before
    assert sentences(session) == ["The text has no words; write 1 to 128 words. The page keeps the last view."]
    changed(session, "text", "now there are")
    assert config_of(session) == Config(input="words", text="now there are")
    assert sentences(session) == []


def test_a_text_that_was_never_good_cannot_be_run():
    session = opened({"input": "normal", "text": "w " * 500})
    changed(session, "input", "words")
    (spoken,) = sentences(session)
    assert spoken.startswith("The text has 500 words in a line; at most 128 fit.")
    assert config_of(session).input == "normal"


@pytest.mark.parametrize(
    "size",
    [
        pytest.param({"batch_size": "64", "sequence_length": "128", "d_model": "4096"}, id="a smaller batch fits"),
        pytest.param({"input_dim": "4096", "d_model": "4096", "dtype": "float64", "text": "w " * 128}, id="words"),
    ],
)
def test_the_largest_sizes_are_run_or_refused_with_what_would_fit(size, monkeypatch):
    monkeypatch.setattr(page_settings.cache, "ALLOWED", 50_000_000)
    session = opened(size)
    (spoken,) = sentences(session)
    assert spoken.startswith("This run would hold about ")
    assert "50 MB are allowed here" in spoken
    assert spoken.endswith("would fit. The page keeps the last view.")
    assert config_of(session) == Config()


def test_random_addresses_never_cost_the_picture():
    dice = random.Random(5)
    values = ["", "0", "1", "3", "-1", "1e9", "true", "words", "weights.0.0.0.0", "q", "💥", "a,b", "1,1", "0.1"]
    for _ in range(20):
        keys = dice.sample(ALL_KEYS, dice.randint(1, 8))
        asked = {key: dice.choice(values) for key in keys}
        session = opened(asked)  # asserts the picture
        sentences(session)
        again = opened(address(session))
        assert config_of(again) == config_of(session), asked


# The reader of sentences can refuse.


@pytest.mark.parametrize(
    "markdown",
    ["<b>", "a *b*", r"\:material/delete\:", r"https\:\/\/a\.b", r"a\@b\.c", r"a \-\> b", "a\n\nb", "a\u202eb", "&lt;"],
)
def test_more_than_text_is_found(markdown):
    with pytest.raises(AssertionError, match="."):
        rendered(markdown)


def test_plain_text_is_read_as_it_is():
    assert rendered(rf"a \<b\> \:{JOINER}x\: 1\.5") == "a <b> :x: 1.5"

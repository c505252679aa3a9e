"""The address holds the whole state: what is set stands in it, and it opens the same again."""

import functools
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import local_script_runner

from mha_core import Config
from mha_core.config import DTYPES, LAYOUTS, MASKS, divisors
from mha_core.planted import not_planted, reasons
from mha_core.presets import PRESETS
from pages.frame import address as to_address
from tests.pages.opened import (
    FURTHER,
    address,
    assert_drawn,
    box,
    changed,
    config_of,
    data_of,
    followed,
    number_at,
    opened,
    packed,
    sentences,
)

TUTORIAL, SENTENCE, LONG = {"preset": "tutorial"}, {"preset": "sentence"}, {"preset": "long"}
OTHER_PAGE = "pages/learn/layouts.py"


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
    (LONG, "input", "normal", {"input": "normal"}),  # the sizes stay the sentence's
    (LONG, "gain", 1.0, {"gain": "1.0"}),
    (LONG, "weights", "planted", {"weights": "planted"}),
    (SENTENCE, "weights", "initial", {"weights": "initial"}),
    (SENTENCE, "jobs", ["first", "same"], {"jobs": "first,same"}),
]


@pytest.mark.parametrize(
    ("base", "field", "value", "written"), WIDGETS, ids=[f"{row[1]}={row[2]!r}" for row in WIDGETS]
)
def test_what_is_set_on_the_page_stands_in_the_address_and_opens_the_same_again(base, field, value, written):
    session = opened(base)
    changed(session, field, value)
    shown = config_of(session)
    mine = getattr(shown, field)
    assert mine == {"lengths": (3,), "jobs": ("first", "same")}.get(field, value)
    assert address(session) == {"v": "1", **base, **written}
    again = opened(address(session))
    assert config_of(again) == shown
    assert data_of(again) == data_of(session)
    assert sentences(session) == sentences(again) == []


def test_every_field_has_a_round_trip_in_the_table():
    # the device's choice is drawn only where there is a second one
    assert {row[1] for row in WIDGETS} == {*to_address.FIELDS} - {"device"}


def test_what_is_set_back_to_the_base_leaves_the_address():
    session = opened()
    changed(session, "num_heads", 2)
    assert address(session) == {"v": "1", "preset": "sentence", "num_heads": "2"}
    changed(session, "num_heads", 4)
    assert address(session) == {}


def test_a_further_setting_holds_when_the_further_settings_are_closed_and_opened_again():
    session = opened(TUTORIAL)
    changed(session, "d_model", 40)
    session.session_state[FURTHER] = False
    session.run()
    assert "d_model" not in [each.key for each in session.number_input], "still drawn"
    changed(session, "num_heads", 5)
    assert config_of(session) == Config(d_model=40, num_heads=5)
    assert box(session, "d_model").value == 40
    assert address(session) == {"v": "1", **TUTORIAL, "d_model": "40", "num_heads": "5"}


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
    config = config.but(lengths=tuple(draw(lengths)))
    planted = not not_planted(config) and draw(st.booleans())
    # jobs that no head is built for may be anything, and are kept
    jobs = [job for job, reason in reasons(config).items() if not (planted and reason)]
    chosen = draw(st.lists(st.sampled_from(jobs), max_size=config.num_heads))
    return config.but(weights="planted" if planted else "initial", jobs=tuple(chosen))


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(configs(), st.sampled_from([*PRESETS]))
def test_any_settings_written_as_a_link_open_as_they_were(config, preset):
    link = to_address.link(config, preset)
    session = opened({"v": "1", **link})
    assert session.session_state["_settled"].config == config
    assert sentences(session) == []
    assert address(session) == {"v": "1", **link}, "the page wrote another address than the link it opened"


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_that_equals_its_base_stands_in_a_link(name):
    link = to_address.link(PRESETS[name].config, name)
    assert link == ({} if name == "sentence" else {"preset": name})
    one = to_address.link(PRESETS[name].config.but(seed=41), name)
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
    assert [link.page for link in links] == ["", "heads", "layouts", "weights", "reference"]
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
    assert box(session, "seed").value == 0
    went_back(session, monkeypatch, second)
    assert config_of(session) == Config(seed=8)
    assert box(session, "seed").value == 8


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

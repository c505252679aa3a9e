"""The page of heads: what is drawn is the tensor, what is chosen stands in the address and opens again."""

import functools
import html
import re
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from mha_core import run
from mha_core.compare import Wanted, other_run, select
from mha_core.config import Config
from mha_core.figures.to_bytes import taken_apart
from mha_core.measures import measure
from mha_core.presets import PRESETS
from mha_core.shares import added, products
from pages.frame import cache, chosen
from tests.heatmaps import Spec
from tests.pages.opened import rendered
from tests.server import APP

HEADS = "pages/learn/heads.py"
WALK = "pages/learn/walkthrough.py"
SENTENCE = {"v": "1", "preset": "sentence"}
TRACES = {name: run(PRESETS[name].config) for name in ("sentence", "planted", "tutorial")}


def heads(**address: str) -> AppTest:
    """A visit whose first page is Heads. AppTest starts at the default page, so the router is told."""
    session = AppTest.from_file(str(APP), default_timeout=30)
    session.query_params.update(address)
    session.switch_page(HEADS).run()
    drawn(session)
    return session


def drawn(session: AppTest) -> None:
    __tracebackhide__ = True
    assert not session.exception, [each.value for each in session.exception]
    assert len(session.get("plotly_chart")) + len(mounted(session, "attention_links")) == 1


def mounted(session, name):
    return [each.proto for each in session.get("bidi_component") if each.proto.component_name == name]


def spec_of(session) -> Spec:
    (chart,) = session.get("plotly_chart")
    return Spec(chart.proto.spec)


def read_map(data: bytes) -> dict:
    """A packed map, as the browser reads it."""
    header, buffers = taken_apart(data)
    high, wide = header["shape"]
    found = dict(header, numbers=np.frombuffer(buffers, "<f4", high * wide, header["at"]).reshape(high, wide))
    for name, size in (("row_sums", high), ("column_sums", wide)):
        if header[name] is not None:
            found[name] = np.frombuffer(buffers, "<f8", size, header[name])
    return found


def address(session) -> dict[str, str]:
    return dict(session.query_params)


def told(session) -> list[str]:
    return [rendered(each.value) for each in session.warning]


def said(session) -> str:
    return html.unescape(re.sub("<[^>]+>", " ", " ".join(each.proto.body for each in session.get("html"))))


def choose(session, key, value) -> None:
    found = [each for kind in ("selectbox", "number_input", "text_input") for each in session.get(kind)]
    widgets = [each for each in found if each.key == key]
    widget = widgets[0] if widgets else session.button_group(key=key)
    widget.set_value(value).run()
    drawn(session)


# A first visit.


def test_a_visit_that_starts_here_opens_planted_heads_and_says_so():
    session = heads()
    assert session.session_state["_settled"].config == PRESETS["planted"].config
    assert address(session) == {"v": "1", "preset": "planted"}
    assert "opens with planted heads" in said(session)
    assert told(session) == []


def test_a_link_with_view_keys_alone_opens_planted_heads_too():
    session = heads(head="3", minus="uniform")
    assert session.session_state["_settled"].preset == "planted"
    assert address(session) == {"v": "1", "preset": "planted", "head": "3", "minus": "uniform"}


def test_what_others_hang_on_an_address_names_no_run():
    session = heads(utm_source="x")
    assert session.session_state["_settled"].preset == "planted"
    assert "opens with planted heads" in said(session)
    assert "The link names utm_source" in told(session)[0]


def test_planted_heads_that_were_asked_for_need_no_reason():
    assert "opens with planted heads" not in said(heads(preset="planted"))
    session = heads()
    session.text_area(key="text").set_value("a dog saw a cat").run()
    assert "opens with planted heads" not in said(session)


@pytest.mark.parametrize("asked", [{"preset": "sentence"}, {"seed": "5"}, {"num_heads": "2", "head": "1"}])
def test_a_link_that_names_a_run_shows_that_run(asked):
    session = heads(**asked)
    assert session.session_state["_settled"].preset == asked.get("preset", "tutorial")
    assert address(session) == {"v": "1", "preset": asked.get("preset", "tutorial"), **asked}
    assert "opens with planted heads" not in said(session)


def test_within_a_visit_the_shared_settings_win():
    session = AppTest.from_file(str(APP), default_timeout=30).run()
    session.switch_page(HEADS).run()
    assert session.session_state["_settled"].config == PRESETS["sentence"].config
    assert address(session) == SENTENCE
    session = AppTest.from_file(str(APP), default_timeout=30)
    session.query_params["preset"] = "long"
    session.run()
    session.query_params = {}
    session.switch_page(HEADS).run()
    assert session.session_state["_settled"].config == PRESETS["long"].config


def test_links_between_pages_keep_what_is_in_front_and_the_preset_of_heads():
    session = heads(preset="sentence", head="2", query="3")
    links = {
        each.proto.page: dict(parse_qsl(each.proto.query_string, keep_blank_values=True))
        for each in session.get("page_link")
    }
    assert links["heads"] == {**SENTENCE, "head": "2", "query": "3"}
    assert links[""] == links["layouts"] == {"v": "1", "head": "2", "query": "3"}
    session.query_params = links[""]
    session.switch_page(WALK).run()
    assert not session.exception
    session.query_params = links["heads"]
    session.switch_page(HEADS).run()
    assert address(session) == {**SENTENCE, "head": "2", "query": "3"}
    assert spec_of(session).heatmaps[0]["name"] == "head 2"


# What is drawn.


@pytest.mark.parametrize("name", ["scores", "scaled", "masked", "weights"])
def test_every_head_is_drawn_with_its_numbers(name):
    session = heads(preset="sentence", stage=name)
    spec, trace = spec_of(session), TRACES["sentence"]
    assert len(spec.heatmaps) == 4
    for head in range(4):
        assert spec.values(head).tobytes() == trace[name][0, head].numpy().tobytes()
    chart = session.get("plotly_chart")[0].proto
    assert chart.alt.startswith(f"{name}, batch item 0: heads 0 to 3 of 4"), chart.alt
    assert chart.alt in said(session), "the same sentence stands under the drawing"
    assert session.button_group(key="heads-tensor").value == name
    assert address(session) == {**SENTENCE, "stage": name}


@pytest.mark.parametrize(
    ("asked", "count"), [({}, 16), ({"head": "16-31"}, 16), ({"head": "32-39"}, 8), ({"head": "39"}, 1)]
)
def test_many_heads_are_paged(asked, count):
    session = heads(num_heads="40", d_model="40", input_dim="7", sequence_length="5", **asked)
    spec = spec_of(session)
    first = int(asked.get("head", "0").partition("-")[0])
    assert [each["name"] for each in spec.heatmaps] == [f"head {first + at}" for at in range(count)]
    assert told(session) == []


COMPARED = [
    {"minus": "uniform"},
    {"minus": "head.1", "head": "2"},
    {"minus": "mask.none"},
    {"minus": "seed.7", "head": "mean"},
    {"minus": "text", "other": "a b c d e f"},
]


@pytest.mark.parametrize("asked", COMPARED, ids=[each["minus"] for each in COMPARED])
def test_a_comparison_is_drawn_and_opens_again(asked):
    session = heads(preset="sentence", **asked)
    kind, _, value = asked["minus"].partition(".")
    shown = {"2": (2,), "mean": (-1,)}.get(asked.get("head"), (0, 1, 2, 3))
    wanted = Wanted("weights", shown, kind, value or asked.get("other", ""))
    trace = TRACES["sentence"]
    got = select(trace, 0, wanted, other_run(trace, kind, wanted.value))
    for place in range(len(shown)):
        assert (spec_of(session).values(place) == got.values[place].float().numpy()).all()
    assert address(session) == {**SENTENCE, **asked}
    assert told(session) == []


def test_what_is_chosen_stands_in_the_address_and_opens_the_same_again():
    session = heads(preset="sentence")
    steps = [
        ("heads-tensor", "scaled", {"stage": "scaled"}),
        ("heads-head", "mean", {"head": "mean"}),
        ("heads-head", "2", {"head": "2"}),
        ("heads-minus", "head", {"minus": "head.0"}),
        ("heads-minus-head", "3", {"minus": "head.3"}),
        ("heads-minus", "mask", {"minus": "mask.none"}),
        ("heads-minus-mask", "both", {"minus": "mask.both"}),
        ("heads-minus", "seed", {"minus": "seed.1"}),
        ("heads-minus-seed", 9, {"minus": "seed.9"}),
        ("heads-query", 4, {"query": "4"}),
        ("heads-key", 1, {"key": "1"}),
        ("heads-of", 3, {"of": "3"}),
    ]
    expected = dict(SENTENCE)
    for key, value, changes in steps:
        choose(session, key, value)
        expected |= changes
        assert address(session) == expected, key
    again = heads(**address(session))
    assert spec_of(again).text == spec_of(session).text
    assert said(again) == said(session)
    choose(session, "heads-minus", "")
    choose(session, "heads-head", "all")
    assert address(session) == {**SENTENCE, "stage": "scaled", "query": "4", "key": "1"}


def test_another_text_is_typed_and_one_that_does_not_fit_stays_in_its_box():
    session = heads(preset="sentence")
    choose(session, "heads-minus", "text")
    choose(session, "heads-other", "six words that are not these")
    assert address(session) == {**SENTENCE, "minus": "text", "other": "six words that are not these"}
    assert spec_of(session).layout["coloraxis"]["cmin"] < 0
    choose(session, "heads-other", "too <b>few")
    assert ["2 words in a line and this one 6" in each for each in told(session)] == [True]
    assert spec_of(session).layout["coloraxis"]["cmin"] == 0, "the maps are shown as they are"
    assert session.text_input(key="heads-other").value == "too <b>few"


def test_the_batch_item_is_chosen_here_and_kept():
    session = heads(batch_size="3", sequence_length="5", input_dim="7", d_model="6", num_heads="3")
    choose(session, "heads-item", 2)
    assert address(session)["batch"] == "2"
    trace = run(Config(batch_size=3, sequence_length=5, input_dim=7, d_model=6, num_heads=3))
    assert spec_of(session).values(1).tobytes() == trace["weights"][2, 1].numpy().tobytes()
    choose(session, "heads-over", "all")
    assert address(session)["over"] == "all"
    session.switch_page(WALK).run()
    assert address(session)["batch"] == "2"


def test_a_changed_setting_keeps_what_is_in_front():
    session = heads(preset="sentence", head="2", minus="uniform", query="3")
    choose(session, "mask", "none")
    assert address(session) == {**SENTENCE, "mask": "none", "head": "2", "minus": "uniform", "query": "3"}


def test_fast_changes_do_not_undo_each_other():
    # the browser still sends the address of two changes ago with the newest value
    session = heads(preset="sentence")
    first = address(session)
    choose(session, "heads-tensor", "masked")
    session.query_params = dict(first)
    choose(session, "heads-head", "2")
    assert address(session) == {**SENTENCE, "stage": "masked", "head": "2"}


def test_back_shows_what_was_in_front(monkeypatch):
    session = heads(preset="sentence")
    first = address(session)
    choose(session, "heads-head", "2")
    second = address(session)
    for there, count in ((first, 4), (second, 1), ({}, 8)):
        with monkeypatch.context() as patch:
            patch.setattr(
                local_script_runner, "RerunData", functools.partial(RerunData, is_history_navigation=True)
            )
            session.query_params = dict(there)
            session.run()
        drawn(session)
        assert len(spec_of(session).heatmaps) == count
        assert session.selectbox(key="heads-head").value == ("2" if count == 1 else "all")
        assert address(session) == (there or {"v": "1", "preset": "planted"})


# Bad values.

BAD = [
    ({"head": "9"}, "There is no head '9'; there are 0 to 3. The page shows head 3.", {"head": "3"}),
    ({"head": "no"}, "The link's head 'no' is no head from 0 to 3, no mean and no page of heads", {}),
    ({"head": "16-31"}, "The link's head '16-31' is no head", {}),
    ({"query": "9" * 12}, "There is no query '999999999999'; there are 0 to 5. The page", {"query": "5"}),
    ({"head": "9" * 12}, "There is no head '999999999999'; there are 0 to 3. The page", {"head": "3"}),
    ({"batch": "7"}, "There is no batch item '7'; there are 0 to 0. Item 0 is shown.", {}),
    ({"query": "6"}, "There is no query '6'; there are 0 to 5. The page shows query 5.", {"query": "5"}),
    ({"key": "-1"}, "There is no key '-1'; there are 0 to 5. The page shows key 0.", {"key": "0"}),
    ({"of": "99"}, "There is no of '99'", {"of": "3"}),
    ({"minus": "head.4"}, "The link's minus 'head.4' cannot be taken away: head may be 0 to 3.", {}),
    ({"minus": "mask.odd"}, "mask may be none, causal, padding, both.", {}),
    ({"minus": "seed.x"}, "seed may be 0 to 2147483647.", {}),
    ({"minus": "<b>"}, "for weights there are uniform, head, mask, seed, text.", {}),
    ({"as": "pie"}, "The link's as 'pie' is not one of map, links", {}),
    ({"over": "you"}, "The link's over 'you' is not one of item, all", {}),
]


@pytest.mark.parametrize(("asked", "sentence", "left"), BAD, ids=[str(row[0]) for row in BAD])
def test_a_bad_value_gets_a_sentence_and_the_nearest_view(asked, sentence, left):
    session = heads(preset="sentence", stage="weights", **asked)
    (spoken,) = told(session)
    assert sentence in spoken
    assert address(session) == {**SENTENCE, "stage": "weights", **left}, "nothing else is lost"
    session.run()
    assert told(session) == [], "said once is enough"


def test_a_tensor_that_is_none_is_said_once():
    session = heads(preset="sentence", stage="banana")
    assert "stage 'banana' is not one of" in told(session)[0]
    assert address(session) == SENTENCE
    session.run()
    assert told(session) == []


def test_uniform_attention_is_no_comparison_for_scores():
    session = heads(preset="sentence", minus="uniform", stage="scores")
    assert "for scores there are head, mask, seed, text." in told(session)[0]
    assert "minus" not in address(session)


def test_a_tensor_that_is_no_map_shows_the_weights_and_stays_in_the_address():
    session = heads(preset="sentence", stage="qkv")
    assert spec_of(session).values(1).tobytes() == TRACES["sentence"]["weights"][0, 1].numpy().tobytes()
    assert address(session) == {**SENTENCE, "stage": "qkv"}


def test_a_batch_item_of_filling_alone_is_drawn_and_explained():
    session = heads(preset="tutorial", batch_size="2", mask="padding", lengths="4,0", batch="1")
    assert np.isnan(spec_of(session).values(0)).all()
    assert any("wholly −∞ is NaN" in each for each in told(session))
    assert "Left out, wholly masked: 4 queries." in said(session)
    assert "No query can be counted." in said(session)


# Words and tables.


def test_the_measures_stand_beside_uniform_attention():
    session = heads(preset="sentence")
    text, found = said(session), measure(TRACES["sentence"], 0)
    for each in found:
        cells = [
            "<0.01" if 0 < one.value < 0.005 else f"{one.value:.2f}" for one in (each.entropy, each.distance)
        ]
        cells += ["<0.01" if one.value < 0.005 else f"{one.value:.2f}" for one in each.weights.values()]
        assert re.search(r"\s+".join([rf"\s{each.head}", *map(re.escape, cells)]), text), cells
    first = found[0]
    even = [first.entropy.uniform, first.distance.uniform, *(one.uniform for one in first.weights.values())]
    assert re.search(r"\s+".join(["uniform", *(f"{value:.2f}" for value in even), "What the mask"]), text)
    assert "Leans on the previous token: 1.00 where even attention gives 0.29" in text
    assert "No head is given a name here" in text
    assert "What the mask alone would make." in text


def test_a_share_that_is_too_small_for_float32_is_not_called_nothing():
    session = heads(preset="planted", of="4", query="0", key="3")
    weights = TRACES["planted"]["weights"][0]
    assert (weights == 0).sum() > 100 and weights[4, 0, 3] == 0, "exponentials that underflow"
    shares = [0.0 == one.value for each in measure(TRACES["planted"], 0) for one in each.weights.values()]
    assert any(shares)
    (table,) = (each.proto.body for each in session.get("html") if "What the mask alone" in each.proto.body)
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    written = [cell for row in rows[1:] for cell in row[3:-1]]
    assert len(written) == 4 * 9 and "0.00" not in written
    assert written.count("&lt;0.01") >= sum(shares)
    assert "the weight <1.2e−38; uniform attention" in said(session)
    hidden = heads(preset="sentence", of="0", query="1", key="4")
    assert "so its weight is 0 whatever the score" in said(hidden) and "<1.2" not in said(hidden)


def test_freshly_drawn_weights_are_said_to_be_even_and_planted_heads_are_offered():
    session = heads(preset="tutorial")
    entropy = np.mean([each.entropy.value for each in measure(TRACES["tutorial"], 0)])
    assert f"their entropy is {entropy:.3f} on average" in said(session)
    session.button(key="heads-plant").click().run()
    drawn(session)
    assert session.session_state["_settled"].config.weights == "planted"
    assert "nearly even: their entropy" not in said(session)


def test_one_score_is_taken_apart_and_the_heads_add_up_to_out():
    session = heads(preset="tutorial", of="5", query="2", key="1")
    score = products(TRACES["tutorial"], 0, 5, 2, 1)
    text = said(session)
    assert f"The score is {score.total:.9g}".replace("-", "−") in text
    assert f"The largest is dimension {score.products[0].dimension} with" in text
    shown = [f"{each.value:.9g}".replace("-", "−") for each in score.products[:8]]
    assert [text.index(value) for value in shown] == sorted(text.index(value) for value in shown)
    found = added(TRACES["tutorial"], 0, 2)
    assert f"the largest difference over all queries is {found.largest:.2g}".replace("-", "−") in text
    assert "head 5 (chosen)" in text and f"{float(found.total.norm()):.4g}" in text


def test_hostile_words_are_text_in_every_sentence_and_table():
    session = heads(text="<b>one</b> </script> a&b שלום 🦊")
    bodies = " ".join(each.proto.body for each in session.get("html"))
    assert "<b>one" not in bodies and "</script>" not in bodies
    assert "<b>one</b>" in spec_of(session).words(0, "x")


# Links and table.


def test_the_table_below_all_maps_is_of_the_head_chosen_beside_it():
    session = heads(preset="sentence")
    choose(session, "heads-table-of", 2)
    (table,) = mounted(session, "attention_table")
    assert (read_map(table.bytes)["numbers"] == TRACES["sentence"]["weights"][0, 2].numpy()).all()
    assert address(session)["of"] == "2"
    alone = heads(preset="sentence", head="1")
    assert not [each for each in alone.selectbox if each.key == "heads-table-of"]


def test_links_show_the_weights_of_one_head():
    session = heads(**{"preset": "sentence", "as": "links", "head": "2", "query": "3"})
    (links,) = mounted(session, "attention_links")
    shown = read_map(links.bytes)
    assert (shown["numbers"] == TRACES["sentence"]["weights"][0, 2].numpy()).all()
    assert (shown["head"], shown["picked"]) == (2, 3)
    assert address(session) == {**SENTENCE, "as": "links", "head": "2", "query": "3"}


@pytest.mark.parametrize(("asked", "head"), [({}, 0), ({"of": "3"}, 3), ({"head": "1"}, 1)])
def test_the_table_holds_the_numbers_and_sums_of_one_map(asked, head):
    session = heads(preset="sentence", **asked)
    (table,) = mounted(session, "attention_table")
    shown, weights = read_map(table.bytes), TRACES["sentence"]["weights"][0, head]
    assert (shown["numbers"] == weights.numpy()).all()
    assert shown["row_sums"] == pytest.approx(weights.double().sum(1).numpy())
    assert shown["column_sums"] == pytest.approx(weights.double().sum(0).numpy())
    assert shown["title"] == f"weights, head {head}"


# Speed, as far as it can be counted.


def test_no_more_than_one_figure_is_built_for_a_change_and_no_run_again(monkeypatch):
    built, runs = [], []
    plain_figure, plain_run = cache.figure, cache.run
    monkeypatch.setattr(cache, "figure", lambda *given: built.append(given) or plain_figure(*given))
    monkeypatch.setattr(cache, "run", lambda *given, **more: runs.append(given) or plain_run(*given, **more))
    session = heads(preset="sentence", seed="77123")
    for key, value, most in [
        ("heads-tensor", "scaled", 1),
        ("heads-head", "2", 1),
        ("heads-query", 4, 0),
        ("heads-key", 2, 0),
        ("heads-of", 1, 0),
        ("heads-head", "all", 0),
    ]:
        built.clear(), runs.clear()
        choose(session, key, value)
        assert (len(built), len(runs)) == (most, 0), key
    session.session_state["_browser"] = {"dark": True, "narrow": False}
    built.clear(), runs.clear()
    session.run()
    assert (len(built), len(runs)) == (1, 0), "another theme"


def test_pages_of_heads_hold_every_head_once():
    for num_heads in range(1, 65):
        pages = chosen.pages_of(num_heads)
        assert [head for page in pages for head in chosen.heads_of(page, num_heads)] == [*range(num_heads)]

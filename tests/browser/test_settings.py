"""Settings in the browser: the drawing follows, the address holds them, Back undoes them and not a glance."""

import pytest

from mha_core import run
from mha_core.config import MAX_TEXT
from tests.browser.driver import SENTENCE, TUTORIAL, said, same, shown_value, some_cells

pytestmark = pytest.mark.browser


def test_a_changed_size_changes_the_drawing_and_every_number_in_it(visit):
    here = visit(preset="tutorial", stage="weights")
    config = TUTORIAL
    here.drawn(config)
    number = here.page.get_by_role("spinbutton", name="sequence_length")
    steps = [
        ("num_heads", lambda: here.choose("num_heads", "4"), {"num_heads": 4}),
        ("sequence_length", lambda: (number.fill("5"), number.press("Enter")), {"sequence_length": 5}),
        ("mask", lambda: here.choose("mask", "causal"), {"mask": "causal"}),
    ]
    for field, change, values in steps:
        change()
        config = config.but(**values)
        here.drawn(config)
        trace = run(config)
        assert here.address[field] == str(values[field])
        assert here.heading.inner_text().startswith("weights")
        for index in some_cells(trace["weights"].shape, 3):
            name, at, value = said(here.hover("weights", index))
            assert (name, at) == ("weights", index)
            assert same(value, shown_value(trace["weights"], index))


def test_a_preset_is_one_click(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.main.get_by_text("The tutorial's sizes", exact=True).click()
    here.drawn(TUTORIAL)
    assert here.address == {"v": "1", "preset": "tutorial"}


def test_typed_words_become_the_tokens(visit):
    here = visit(stage="scores")
    here.drawn(SENTENCE)
    box = here.page.get_by_role("textbox", name="Your words")
    box.fill("one two one")
    box.press("Control+Enter")
    config = SENTENCE.but(text="one two one")
    here.drawn(config)
    line = here.hover("scores", (0, 1, 2, 1))
    assert "query 2 “one”, key 1 “two”" in line
    assert same(said(line)[2], shown_value(run(config)["scores"], (0, 1, 2, 1)))


def test_what_is_in_front_survives_a_changed_setting(visit):
    here = visit(stage="q")
    here.drawn(SENTENCE)
    here.paint("head")
    here.choose("num_heads", "2")
    here.drawn(SENTENCE.but(num_heads=2))
    view = {"stage": "q", "paint": "head"}
    assert here.address == {"v": "1", "preset": "sentence", "num_heads": "2", **view}
    assert here.ask("[shown.open, shown.paintOf(shown.tensor)]") == ["q", "head"]
    assert here.key("paint-head").is_checked()


def test_another_batch_item_is_fetched_and_stays_in_front_after_a_changed_setting(visit):
    config = TUTORIAL.but(batch_size=3, input_dim=16, d_model=24, num_heads=3)
    here = visit(batch_size=3, input_dim=16, d_model=24, num_heads=3, stage="scores")
    here.drawn(config)
    here.key("item").select_option("2")
    here.drawn(config, 2)
    assert here.address["batch"] == "2"
    for changed in (config, config.but(mask="causal")):
        if changed is not config:
            here.choose("mask", "causal")
        here.drawn(changed, 2)
        name, index, value = said(here.hover("scores", (2, 1, 3, 2)))
        assert (name, index) == ("scores", (2, 1, 3, 2))
        assert same(value, shown_value(run(changed)["scores"], index))


def test_back_undoes_a_setting_and_no_glance(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.choose("num_heads", "2")
    here.drawn(SENTENCE.but(num_heads=2))
    entries = here.page.evaluate("history.length")
    here.key("block.k").click()
    here.key("strip.weights").click()
    here.paint("head")
    here.key("next").click()
    assert here.page.evaluate("history.length") == entries
    assert here.address["stage"] == "context"
    here.page.go_back()
    here.drawn(SENTENCE)
    assert "num_heads" not in here.address
    here.page.go_forward()
    here.drawn(SENTENCE.but(num_heads=2))
    here.wait("shown.open === 'context'")
    assert here.address["num_heads"] == "2"
    assert (here.address["stage"], here.address["paint"]) == ("context", "head")
    assert here.page.get_by_role("combobox", name="num_heads").input_value() == "2"


def test_the_longest_text_opens_again_from_its_address(visit):
    text = "\n".join(" ".join(["🐈" * 62] * 38) for _ in range(2))  # every sign takes twelve in an address
    text += "\n" + "w " * ((MAX_TEXT - len(text)) // 2)
    assert MAX_TEXT - len(text) < 2
    config = TUTORIAL.but(input="words", text=text)
    here = visit(preset="tutorial", text=text)
    here.drawn(config)
    here.page.reload()
    here.drawn(config)
    assert here.ask("shown.run.tokens.length") == config.sequence_length == 106

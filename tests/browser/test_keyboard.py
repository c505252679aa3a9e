"""Everything by keys alone."""

import pytest

from mha_core import run
from mha_core.layouts import read_both_ways
from mha_core.parameters import parameter_trace
from tests.browser.driver import SENTENCE, TUTORIAL, said, same, shown_value

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at?.dataset.key ?? (at?.id || at?.textContent?.trim());
}"""


def focused(here):
    """The data-key of what has the focus; outside the drawing its id or text."""
    return here.page.evaluate(FOCUSED)


def tab_to(here, wanted, most=60):
    """Press Tab until something has the focus; return what was passed."""
    passed = []
    for _ in range(most):
        here.page.keyboard.press("Tab")
        passed.append(focused(here))
        if passed[-1] == wanted:
            return passed
    raise AssertionError(f"no Tab leads to {wanted}: {passed}")


def told(here):
    """The live region's line."""
    return here.root.locator('[role="status"]').inner_text()


def test_the_first_tabs_offer_to_skip_the_settings(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.at_rest()
    passed = tab_to(here, "Skip to the picture")
    # Streamlit's own come before it: its skip link, its menu, its scrolled part; none of the settings does
    assert len(passed) <= 4, passed
    skip = here.page.locator("a.skip")
    assert skip.bounding_box()["x"] >= 0
    here.page.keyboard.press("Enter")
    here.page.keyboard.press("Tab")
    assert focused(here) == "next"
    assert here.address == {}


def test_a_block_opens_with_enter_and_its_cells_are_walked_and_followed(visit):
    trace = run(SENTENCE)
    here = visit()
    here.drawn(SENTENCE)
    tab_to(here, "block.q")
    here.page.keyboard.press("Enter")
    assert here.ask("shown.open") == "q"
    here.wait("shown.root.getRootNode().activeElement?.dataset.key === 'heading'")
    tab_to(here, "grid")
    walk = [
        ("ArrowRight", (0, 0, 0, 1)),
        ("ArrowDown", (0, 0, 1, 1)),
        ("End", (0, 0, 1, SENTENCE.head_dim - 1)),
        ("ArrowUp", (0, 0, 0, SENTENCE.head_dim - 1)),
        ("Home", (0, 0, 0, 0)),
        ("ArrowLeft", (0, 0, 0, 0)),
        ("ArrowDown", (0, 0, 1, 0)),
        ("ArrowRight", (0, 0, 1, 1)),
    ]
    for key, index in walk:
        here.page.keyboard.press(key)
        name, at, value = said(told(here))
        assert (name, at) == ("q", index), key
        assert same(value, shown_value(trace["q"], index))
        assert here.tip.inner_text() == told(here)
    here.page.keyboard.press("Enter")
    here.wait("shown.followed?.cell === 'q.0.0.1.1'")
    assert here.address["cell"] == "q.0.0.1.1"
    assert focused(here) == "grid"  # the redraw gave the focus back
    here.page.keyboard.press("ArrowRight")
    assert said(told(here))[1] == (0, 0, 1, 2)
    here.page.keyboard.press("Escape")
    assert focused(here) == "heading"
    assert not here.tip.is_visible()


def test_a_block_of_the_weights_opens_with_enter_and_its_cells_are_walked(visit):
    trace = parameter_trace(SENTENCE, run(SENTENCE).parameters)
    first = trace.names[0]
    here = visit("/weights")
    here.wait("shown.root.isConnected && shown.run.order.includes(given)", first)
    here.at_rest()
    passed = tab_to(here, f"block.{first}")
    assert not any(str(each).startswith("block.") for each in passed[:-1]), "it is the first of the blocks"
    here.page.keyboard.press("Enter")
    here.wait("shown.open === given", first)
    here.wait("shown.root.getRootNode().activeElement?.dataset.key === 'heading'")
    assert here.address["stage"] == first
    tab_to(here, "grid")
    for key, index in (
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("End", (1, trace[first].shape[-1] - 1)),
    ):
        here.page.keyboard.press(key)
        name, at, value = said(told(here))
        assert (name, at[-2:]) == (first, index), key
        assert same(value, shown_value(trace[first], at))
    here.page.keyboard.press("Escape")
    assert focused(here) == "heading"


def test_the_two_layouts_are_chosen_walked_and_told_by_keys(visit):
    both = read_both_ways(SENTENCE)
    ringed = next(each.index for each in both.differences if each.name == "weights")
    here = visit("/layouts")
    here.wait("shown.run.beside && shown.root.isConnected")
    here.at_rest()
    tab_to(here, "beside-weights")
    here.page.keyboard.press("Enter")
    here.wait("shown.open === 'weights'")
    assert focused(here) == "beside-weights"
    assert here.root.locator('.mha-tabs [aria-pressed="true"]').all_inner_texts() == ["weights", "weights"]
    for at, side in enumerate((both.right, both.misread)):
        tab_to(here, "grid")
        for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
            here.page.keyboard.press(key)
        name, index, value = said(here.root.nth(at).locator('[role="status"]').inner_text())
        # the first cell that the keys meet is the ringed one
        assert (name, index) == ("weights", (*ringed[:2], ringed[2] + 2, ringed[3] + 1))
        assert same(value, shown_value(side["weights"], index))
        tab_to(here, "fold-equivalent")
        here.page.keyboard.press("Enter")
        here.root.nth(at).locator(".mha-cell-table").wait_for()
        tab_to(here, "cells-box", 1)


def test_arrows_go_on_to_the_next_sheet(visit):
    trace = run(SENTENCE)
    here = visit(stage="k")
    here.drawn(SENTENCE)
    here.root.locator(".mha-grid").focus()
    for _ in range(SENTENCE.sequence_length):
        here.page.keyboard.press("ArrowDown")
    name, index, value = said(told(here))
    assert (name, index) == ("k", (0, 1, 0, 0))
    assert same(value, shown_value(trace["k"], index))


def test_the_cell_under_the_keys_stays_inside_the_window(visit):
    here = visit(preset="tutorial", stage="context", height=500)
    here.drawn(TUTORIAL)
    here.root.locator(".mha-grid").focus()
    for _ in range(8 * 4 - 1):
        here.page.keyboard.press("ArrowDown")
    assert said(told(here))[1] == (0, 7, 3, 0)
    place = here.ask("attentionExplorer.where('context', [0, 7, 3, 0])")
    strip = here.root.locator(".mha-strip").bounding_box()
    assert strip["y"] + strip["height"] <= place["y"] < place["y"] + place["height"] <= 500


def test_page_up_and_down_change_the_stage(visit):
    here = visit(stage="qkv")
    here.drawn(SENTENCE)
    here.page.keyboard.press("PageDown")
    assert here.ask("shown.open") == "reshape"
    here.page.keyboard.press("PageDown")
    assert here.ask("shown.open") == "permute"
    here.page.keyboard.press("PageUp")
    assert here.ask("shown.open") == "reshape"
    assert here.address["stage"] == "reshape"
    box = here.page.get_by_role("textbox", name="Your words")
    box.focus()
    here.page.keyboard.press("PageDown")
    assert here.ask("shown.open") == "reshape"  # keys in a box are the box's


def test_a_question_mark_opens_the_key_map_and_escape_closes_it(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.page.keyboard.press("?")
    keys = here.page.get_by_role("dialog", name="Keys")
    keys.wait_for()
    for key in ("Tab", "Enter", "Esc", "PgUp", "Home", "?"):
        assert keys.locator("kbd", has_text=key).count()
    here.page.keyboard.press("PageDown")
    assert here.ask("shown.open") is None  # the page's own keys rest
    here.page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    tab_to(here, "keys")
    here.page.keyboard.press("Enter")
    keys.wait_for()
    here.page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    assert focused(here) == "keys"


def test_the_paint_is_chosen_with_arrows(visit):
    here = visit(stage="qkv")
    here.drawn(SENTENCE)
    tab_to(here, "paint-taught")
    here.page.keyboard.press("ArrowRight")
    assert here.address["paint"] == "value"
    assert focused(here) == "paint-value"
    here.page.keyboard.press("ArrowRight")
    assert here.address["paint"] == "token"
    assert focused(here) == "paint-token"

"""The proof strip in Chromium: seen, opened by keys alone, and nothing serious for axe."""

import re

import pytest

from mha_core.proofs import CHECKS
from tests.browser.driver import SENTENCE
from tests.browser.test_accessible import grave

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_chips_are_seen_and_open_by_keys(visit, width, scheme):
    here = visit(width=width, scheme=scheme)
    here.drawn(SENTENCE)
    chips = here.page.locator(".proofs li")
    assert chips.count() == len(CHECKS)
    for chip, check in zip(chips.all(), CHECKS.values(), strict=True):
        chip.scroll_into_view_if_needed()
        box = chip.bounding_box()
        assert 0 <= box["x"] and box["x"] + box["width"] <= width, "a chip is cut off"
        assert re.fullmatch(rf"✓ holds {re.escape(check.label)} .*\d.*", chip.inner_text())
    picture = here.root.bounding_box()
    assert chips.first.bounding_box()["y"] >= picture["y"] + picture["height"], "the picture comes first"
    assert grave(here) == []
    fold = here.page.locator(".st-key-proofs-run summary")
    painted = here.ask("shown.paints")
    for _ in range(120):
        here.page.keyboard.press("Tab")
        if fold.evaluate("(each) => each === document.activeElement"):
            break
    else:
        raise AssertionError("no Tab leads to the fold")
    here.page.keyboard.press("Enter")
    here.page.get_by_role("heading", name="✓ holds: Each row of weights sums to 1").wait_for()
    here.at_rest()
    for check in CHECKS.values():
        assert here.page.get_by_text(check.how, exact=True).count() == 1
    shown = here.page.locator(".st-key-proofs-run pre")
    expected = sum(len(each.shows) for each in CHECKS.values())
    shown.nth(expected - 1).wait_for(state="attached")  # Streamlit first loads what draws code
    assert shown.count() == expected
    assert here.ask("shown.paints") == painted, "the picture was drawn again"
    assert grave(here) == []


def test_the_misread_run_is_red_in_words(visit):
    here = visit("/layouts", preset="tutorial")
    here.wait("shown.run.beside")
    here.at_rest()
    red = here.page.locator(".proofs .broke").all_inner_texts()
    for text, name in zip(red, ("module", "slices"), strict=True):
        assert re.fullmatch(rf"✗ fails {re.escape(CHECKS[name].label)} \w+\[[\d, ]+\] is .+, not .+", text)
    assert grave(here) == []

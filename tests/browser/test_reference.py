"""The Reference page in a browser: light and dark, at three widths, by keyboard, and its links."""

from urllib.parse import urlencode

import pytest

from mha_core.figures.theme import AXES
from mha_core.symptoms import SYMPTOMS, cell_for
from tests.browser.driver import SENTENCE, channels, wait_until
from tests.browser.test_accessible import grave
from tests.browser.test_looks import OUT

pytestmark = pytest.mark.browser

WIDTHS = {1440: 900, 1280: 720, 390: 844}

ACROSS = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  const areas = [...document.querySelectorAll(".facts")];
  return {
    page: [document.documentElement, main].map((each) => each.scrollWidth - each.clientWidth),
    right: Math.max(...areas.map((each) => each.getBoundingClientRect().right)),
    wide: areas.filter((each) => each.scrollWidth > each.clientWidth).length,
  };
}"""


def reference(visit, width=1280, scheme="light", **asked):
    """Open the page by its own address."""
    here = visit(width=width, height=WIDTHS[width], scheme=scheme)
    here.drawn(SENTENCE)
    here.page.goto(f"{here.base}/reference?{urlencode(asked)}")
    return arrived(here)


def arrived(here):
    here.page.locator("#others").wait_for()
    here.page.locator("[data-testid=stCode] pre").wait_for()  # it arrives by itself, after the page
    here.page.locator(".proofs li").first.wait_for()
    here.at_rest()
    return here


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_grave_cut_or_wider_than_the_page(visit, width, scheme):
    here = reference(visit, width, scheme)
    across = here.page.evaluate(ACROSS)
    assert across["page"] == [0, 0]
    assert across["right"] <= width
    assert (across["wide"] > 3) == (width == 390), "wide tables scroll inside themselves"
    assert grave(here) == []
    for word in ("head", "key"):
        colour = here.page.locator(f".facts .axis-{word}").first.evaluate(
            "(each) => getComputedStyle(each).color"
        )
        expected = channels(AXES[word].of(scheme))
        assert colour == f"rgb({expected[0]}, {expected[1]}, {expected[2]})"
    OUT.mkdir(exist_ok=True)
    for name in ("listing", "names", "symptoms"):
        here.page.locator(f"#{name}").scroll_into_view_if_needed()
        here.page.screenshot(path=OUT / f"reference-{name}-{width}-{scheme}.png")


def test_a_wide_table_is_scrolled_by_keyboard_with_its_first_column_in_place(visit):
    here = reference(visit, 390)
    area = here.page.get_by_role("region", name="Layers and tensors, and their names elsewhere")
    area.focus()
    first = area.locator("tbody th").first
    before = first.bounding_box()["x"]
    for _ in range(6):
        here.page.keyboard.press("ArrowRight")
    wait_until(here.page, "() => document.activeElement.scrollLeft > 50")
    assert abs(first.bounding_box()["x"] - before) < 2
    assert here.page.evaluate("document.querySelector('[data-testid=stMain]').scrollLeft") == 0


def test_the_ways_within_the_page_lead_to_their_headings(visit):
    here = reference(visit)
    here.page.get_by_role("link", name="If yours differs").click()
    wait_until(
        here.page, "() => document.querySelector('#symptoms')?.getBoundingClientRect().top < innerHeight / 2"
    )


def test_the_listing_is_copied_as_it_stands(visit):
    here = reference(visit)
    here.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = here.page.get_by_test_id("stCode")
    shown.hover()
    shown.get_by_role("button").click()
    text = wait_until(here.page, "() => navigator.clipboard.readText()")
    assert (
        text.startswith("# 1. ")
        and "\nout = out_layer(concat)\n# out: (1, 6, 32) = batch query d_model" in text
    )


def test_a_symptom_opens_its_cell_after_another_was_followed(visit):
    here = visit(stage="weights")
    here.drawn(SENTENCE)
    here.follow("weights", (0, 1, 4, 2))
    here.paint("value")
    here.page.get_by_role("link", name="Reference", exact=True).click()
    arrived(here)
    symptom = next(each for each in SYMPTOMS if each.name == "transpose")
    cell = cell_for(symptom, SENTENCE)
    here.page.get_by_role("link", name="Open scores[0, 1, 0, 5]").click()
    here.wait("shown.followed?.cell === given", cell)
    assert here.address["cell"] == cell and here.address["stage"] == "scores"
    assert here.key("heading").inner_text().startswith("scores")
    assert here.page.evaluate("performance.getEntriesByType('navigation').length") == 1, (
        "no page was loaded anew"
    )
    assert here.address.get("paint") is None, "the link has a view of its own"
    here.paint("value")
    # and the way back without a symptom keeps all that is in front now
    here.page.get_by_role("link", name="Reference", exact=True).click()
    arrived(here)
    here.page.get_by_role("link", name="Walkthrough", exact=True).click()
    here.wait("shown.followed?.cell === given", cell)
    assert here.ask("[shown.view.stage, shown.view.paint]") == ["scores", "value"]


def test_a_symptom_that_needs_settings_opens_with_them(visit):
    here = reference(visit)
    here.page.get_by_role("link", name="Open weights[0, 0, 0, 0]").click()
    here.drawn(SENTENCE.but(mask="padding", lengths=(0,)))
    here.wait("shown.followed?.cell === 'weights.0.0.0.0'")
    assert here.key("follow-heading").inner_text() == "Following weights[0, 0, 0, 0] = NaN"

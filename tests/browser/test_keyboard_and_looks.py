"""By keyboard alone, at three widths, light and dark, and as axe sees it."""

import re
from pathlib import Path

import axe_playwright_python
import pytest

from mha_core import run
from tests.browser.driver import SENTENCE, said, shown_value

pytestmark = pytest.mark.browser

OUT = Path(__file__).parent / "out"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")

# Streamlit's own: found on an empty page with the same widgets, and not ours to change.
STREAMLITS_OWN = {"color-contrast": ".stCaption, [data-testid=stCaptionContainer]"}


def test_the_keyboard_alone_opens_a_stage_walks_its_cells_and_follows_one(visit):
    here = visit()
    here.drawn(SENTENCE)
    keys = here.page.keyboard
    link = here.root.get_by_role("link", name=re.compile("^scores")).first
    link.focus()
    keys.press("Enter")
    assert here.address["stage"] == "scores"
    assert here.ask("shown.root.getRootNode().activeElement.dataset.key") == "heading"
    here.key("grid").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        keys.press(key)
    name, index, value = said(here.root.locator(".mha-status").inner_text())
    assert name == "scores"
    assert value == shown_value(run(SENTENCE)["scores"], index)
    keys.press("Enter")
    here.wait("shown.followed?.cell === given", f"scores.{'.'.join(map(str, index))}")
    keys.press("Escape")
    assert here.ask("shown.root.getRootNode().activeElement?.dataset.key") != "grid"
    keys.press("PageDown")
    assert here.address["stage"] == "scaled"
    keys.press("PageUp")
    assert here.address["stage"] == "scores"
    keys.press("?")
    here.root.locator("dialog[open]").wait_for()
    keys.press("Escape")
    assert here.root.locator("dialog[open]").count() == 0


def test_the_skip_link_leads_past_the_settings(visit):
    here = visit()
    here.drawn(SENTENCE)
    for _ in range(4):
        here.page.keyboard.press("Tab")
        if here.page.evaluate("() => document.activeElement?.className") == "skip":
            break
    else:
        raise AssertionError("the skip link is not among the first stops")
    here.page.keyboard.press("Enter")
    assert here.page.evaluate("() => document.activeElement?.id") == "picture"


SMALL = """() => {
  const found = [];
  const { root } = attentionExplorer.shown;
  const box = root.getBoundingClientRect();
  for (const element of root.querySelectorAll("*")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const unseen = ".mha-aside, [hidden], details:not([open]) > :not(summary), dialog:not([open]), math";
    if (!text || element.closest(unseen)) continue;
    const place = element.getBoundingClientRect();
    if (!place.width) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < 10.9) found.push(`${size} px: ${element.textContent.slice(0, 30)}`);
    const scrolls = element.closest(".mha-strip-row, .mha-sum, .mha-pre, .mha-table-place, .mha-scroll");
    const outside = place.left < box.left - 2 || place.right > box.right + 2;
    if (!scrolls && outside) found.push(`outside: ${element.textContent.slice(0, 30)}`);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800), (390, 844)])
@pytest.mark.parametrize("stage", [None, "qkv", "weights"])
def test_nothing_is_cut_too_small_or_wider_than_the_window(visit, width, height, scheme, stage):
    asked = {"stage": stage} if stage else {}
    here = visit(width=width, height=height, scheme=scheme, **asked)
    here.drawn(SENTENCE)
    assert here.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert here.ask("shown.root.scrollWidth <= shown.root.clientWidth + 1")
    assert here.page.evaluate(SMALL) == []
    OUT.mkdir(exist_ok=True)
    here.page.screenshot(path=OUT / f"{stage or 'overview'}-{width}-{scheme}.png")


RUN_AXE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, html }) => [id, String(target), html.slice(0, 160)]));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/", {}),
        ("/", {"stage": "weights", "cell": "weights.0.1.3.1"}),
        ("/", {"stage": "qkv"}),
        ("/layouts", {}),
    ],
    ids=["overview", "weights followed", "qkv", "layouts"],
)
def test_axe_finds_nothing_serious_of_ours(visit, path, asked, scheme):
    here = visit(path, scheme=scheme, **asked)
    here.at_rest()
    here.page.evaluate(AXE)
    found = here.page.evaluate(RUN_AXE)
    own = [row for row in found if row[0] not in STREAMLITS_OWN or "stCaption" not in row[1]]
    assert own == []

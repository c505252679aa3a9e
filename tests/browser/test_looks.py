"""Three widths, two themes: nothing runs out of its place, no text is too small. Pictures go to out/."""

from pathlib import Path

import pytest

from tests.browser.driver import SENTENCE, TUTORIAL

pytestmark = pytest.mark.browser

OUT = Path(__file__).parent / "out"

SIDEWAYS = """() => [...document.querySelectorAll('html, body, [data-testid="stMain"]')]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => `${each.tagName} ${each.scrollWidth} in ${each.clientWidth}`)"""

SMALL = """(root) => {
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const at = walker.currentNode.parentElement;
    if (!text || at.closest("title, style, math") || !at.checkVisibility()) continue;
    const scale = at.ownerSVGElement ? at.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(at).fontSize) * scale;
    if (size < 10.99) found.push(`${size.toFixed(1)}px: ${text}`);
  }
  return found;
}"""
"""Texts under 11 px, as they are on the screen."""

OUTSIDE = """(root) => {
  const box = root.getBoundingClientRect();
  const scrolled = ".mha-strip-row, .mha-sum-box, .mha-table-box, dialog";
  return [...root.querySelectorAll("svg text, button, h2, h3, .mha-pill, .mha-caption, .mha-head-shapes")]
    .filter((each) => each.checkVisibility() && !each.closest(scrolled))
    .filter((each) => {
      const { left, right, width } = each.getBoundingClientRect();
      return width && (left < box.left - 2 || right > box.right + 2);
    })
    .map((each) => each.textContent);
}"""
"""Labels that reach over the drawing's sides."""

CUT = """(root) => [...root.querySelectorAll("svg text")]
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const picture = each.ownerSVGElement;
    if (getComputedStyle(picture).overflow === "visible") return false;
    const [text, frame] = [each, picture].map((part) => part.getBoundingClientRect());
    const aside = text.left < frame.left - 2 || text.right > frame.right + 2;
    return text.width && (aside || text.top < frame.top - 2 || text.bottom > frame.bottom + 2);
  })
  .map((each) => each.textContent)"""
"""Labels that are cut off at the edge of their picture."""


def assert_in_place(here, picture):
    OUT.mkdir(exist_ok=True)
    here.page.screenshot(path=OUT / f"{picture}.png")
    assert here.page.evaluate(SIDEWAYS) == []
    for root in here.root.all():
        assert root.evaluate(SMALL) == []
        assert root.evaluate(OUTSIDE) == []
        assert root.evaluate(CUT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_everything_is_in_its_place(visit, width, scheme):
    height = 844 if width == 390 else 900
    here = visit(width=width, height=height, scheme=scheme)
    here.drawn(SENTENCE)
    assert here.ask("shown.look.dark") == (scheme == "dark")
    assert_in_place(here, f"sentence-{width}-{scheme}")
    for name in ("x", "qkv", "permute", "masked", "weights"):
        here.ask("shown.set({ stage: given, lens: null })", name)
        assert_in_place(here, f"sentence-{name}-{width}-{scheme}")
    here.follow("weights", (0, 1, 4, 2))
    assert_in_place(here, f"sentence-followed-{width}-{scheme}")
    for fold in here.root.locator(".mha-fold summary, details.mha-fold > summary").all():
        fold.click()
    assert_in_place(here, f"sentence-folds-{width}-{scheme}")
    here.main.get_by_text("The tutorial's sizes", exact=True).click()
    here.drawn(TUTORIAL)
    for name in ("qkv", "q", "concat"):
        here.ask("shown.set({ stage: given, lens: null })", name)
        assert_in_place(here, f"tutorial-{name}-{width}-{scheme}")
    here.ask("shown.set({ stage: null })")
    assert_in_place(here, f"tutorial-{width}-{scheme}")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_two_layouts_are_in_their_place(visit, width):
    here = visit("/layouts", width=width, height=844, scheme="dark")
    here.wait("shown.run.beside")
    here.at_rest()
    assert_in_place(here, f"layouts-{width}")

"""The axe rules: nothing serious of our own. Heads and the Reference ask for theirs where they are drawn."""

from pathlib import Path

import axe_playwright_python
import pytest

from tests.browser.driver import SENTENCE

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.flatMap(({ id, nodes }) => nodes.map(({ target }) => [id, target.flat().join(" ")]));
}"""

STREAMLITS_OWN: dict[tuple[str, str], str] = {}
"""Rule and selector of what Streamlit does by itself, each with its reason."""


def grave(here):
    """Rule and place of every serious or critical finding that is not Streamlit's own."""
    if not here.page.evaluate("'axe' in globalThis"):
        here.page.evaluate(AXE)
    return [each for each in map(tuple, here.page.evaluate(RUN)) if each not in STREAMLITS_OWN]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_walkthrough_has_nothing_serious(visit, scheme):
    here = visit(scheme=scheme)
    here.drawn(SENTENCE)
    assert grave(here) == []
    for name in ("qkv", "masked"):
        here.ask("shown.set({ stage: given })", name)
        assert grave(here) == [], name
    here.ask("shown.set({ stage: 'weights' })")
    here.follow("weights", (0, 1, 4, 2))
    for fold in here.root.locator("summary").all():
        fold.click()
    assert grave(here) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_and_the_two_layouts_have_nothing_serious(visit, scheme):
    here = visit(stage="scores", width=390, height=844, scheme=scheme)
    here.drawn(SENTENCE)
    assert grave(here) == []
    there = visit("/layouts", scheme=scheme)
    there.wait("shown.run.beside")
    there.at_rest()
    assert grave(there) == []
    for side in there.root.all():
        side.locator('[data-key="fold-equivalent"]').click()
    assert grave(there) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_weights_have_nothing_serious(visit, scheme):
    here = visit("/weights", scheme=scheme)
    here.wait("shown.root.isConnected && shown.run.order.includes('q_weight')")
    here.at_rest()
    assert grave(here) == []
    here.key("block.q_weight").click()
    here.wait("shown.open === 'q_weight'")
    here.at_rest()
    assert grave(here) == []
    for fold in here.root.locator("summary").all():
        fold.click()
    assert grave(here) == []


def test_a_broken_page_would_have_been_heard(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.ask("shown.root.append(document.createElement('img'))")
    assert [rule for rule, _ in grave(here)] == ["image-alt"]

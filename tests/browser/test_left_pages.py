"""A page that was left takes everything with it: listeners of the window, observers, explorers."""

import pytest

from tests.browser.driver import SENTENCE

pytestmark = pytest.mark.browser

# Observers that watch a drawing's root, as long as they do.
WATCHED = """
  globalThis.watched = new Map();
  const observe = ResizeObserver.prototype.observe;
  const disconnect = ResizeObserver.prototype.disconnect;
  ResizeObserver.prototype.observe = function (target, ...more) {
    if (target.matches(".mha")) globalThis.watched.set(this, target);
    return observe.call(this, target, ...more);
  };
  ResizeObserver.prototype.disconnect = function () {
    globalThis.watched.delete(this);
    return disconnect.call(this);
  };
"""


def listeners(here):
    """How many listeners the window has, by kind of event, as the browser counts them."""
    session = here.context.new_cdp_session(here.page)
    found = session.send("Runtime.evaluate", {"expression": "window"})["result"]["objectId"]
    counted: dict[str, int] = {}
    for each in session.send("DOMDebugger.getEventListeners", {"objectId": found})["listeners"]:
        counted[each["type"]] = counted.get(each["type"], 0) + 1
    session.detach()
    return {kind: counted.get(kind, 0) for kind in ("keydown", "scroll", "pointerdown", "wheel", "popstate")}


def to_the_layouts_and_back(here):
    here.main.get_by_text("Two layouts", exact=True).click()
    here.wait("shown.run.beside && shown.root.isConnected")
    here.at_rest()
    here.ask("shown.root.querySelector('.mha-grid').dispatchEvent(new PointerEvent('pointermove'))")
    here.main.get_by_text("Walkthrough", exact=True).click()
    here.wait("!shown.run.beside && shown.root.isConnected")
    here.at_rest()


def test_nothing_of_a_page_stays_behind_when_it_is_left(visit):
    here = visit(stage="q", init=WATCHED)
    here.drawn(SENTENCE)
    to_the_layouts_and_back(here)
    here.hover("q", (0, 0, 0, 0))  # the tip listens to the window's scrolling
    before = listeners(here)
    assert before["keydown"] >= 2 and before["scroll"] >= 1, "the listeners are no longer found"
    assert here.page.evaluate("watched.size") == 1
    roots = here.page.evaluate("globalThis.first = new WeakRef(attentionExplorer.shown.root), 1")
    assert roots == 1
    for _ in range(2):
        here.key("play").click()  # what plays stops with its page
        to_the_layouts_and_back(here)
        here.ask("shown.set({ stage: 'q' })")
        here.hover("q", (0, 0, 0, 0))
    assert listeners(here) == before
    assert here.page.evaluate("watched.size") == 1
    assert here.page.evaluate("first.deref()?.isConnected ?? false") is False


def test_the_drawing_stays_the_same_element_while_its_numbers_change(visit):
    here = visit(stage="q")
    here.drawn(SENTENCE)
    here.ask("shown.root.dataset.mine = 'here'")
    painted = int(here.ask("shown.root.dataset.painted"))
    here.choose("num_heads", "2")
    here.wait("shown.run.sizes.head === 2")
    here.at_rest()
    assert here.ask("shown.root.dataset.mine") == "here"
    assert int(here.ask("shown.root.dataset.painted")) > painted

"""Without a connection: what has been sent once is walked in the browser."""

import pytest

from mha_core import run
from mha_core.figures import theme
from tests.browser.driver import TUTORIAL, channels, near, said, same, shown_value, some_cells
from tests.server import start_server

pytestmark = pytest.mark.browser

KEEP_SOCKETS = """
const Socket = WebSocket;
globalThis.sockets = [];
globalThis.WebSocket = class extends Socket {
  constructor(...given) { super(...given); sockets.push(this); }
};
"""


def test_with_the_connection_cut_the_walk_goes_on(visit):
    trace = run(TUTORIAL)
    here = visit(preset="tutorial", init=KEEP_SOCKETS)
    here.drawn(TUTORIAL)
    here.context.set_offline(True)
    here.page.evaluate("sockets.forEach((socket) => socket.close())")
    here.page.locator("[data-testid=stApp]:not([data-test-connection-state=CONNECTED])").wait_for()
    assert here.page.evaluate("sockets.every((socket) => socket.readyState === WebSocket.CLOSED)")
    dialog = here.page.get_by_role("dialog")
    dialog.wait_for()  # Streamlit says that the connection is gone; it can be closed
    dialog.get_by_label("Close").click()
    dialog.wait_for(state="detached")

    here.key("block.x").click()
    for name in trace.names:
        here.key(f"strip.{name}").click()
        assert here.heading.inner_text().startswith(name)
        for index in some_cells(trace[name].shape, 3):
            if here.ask("attentionExplorer.where(given[0], given[1])", [name, list(index)]) is None:
                continue  # on another page of a long tensor
            found, at, value = said(here.hover(name, index))
            assert (found, at) == (name, index)
            assert same(value, shown_value(trace[name], index))
    here.key("strip.v").click()
    here.paint("role")
    here.page.mouse.move(1, 1)
    place = here.place("v", (0, 1, 2, 9))
    middle = (place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page = theme.NEUTRALS["page"].light
    assert near(here.colours([middle])[0], channels(theme.mix(theme.ROLES["v"].light, page, theme.ROLE)))
    here.key("next").click()
    assert here.address["stage"] == "mask"
    assert not [fault for fault in here.faults if fault.startswith("error")]
    here.faults.clear()  # the browser itself complains of every address that it cannot reach


def test_with_the_server_gone_the_walk_goes_on(visit):
    with start_server() as base:
        here = visit(base=base, preset="tutorial")
        here.drawn(TUTORIAL)
    trace = run(TUTORIAL)
    for name, cell in (("q", (0, 2, 3, 5)), ("weights", (0, 7, 1, 2)), ("out", (0, 3, 511))):
        here.ask("shown.set({ stage: given, lens: null })", name)
        assert said(here.hover(name, cell))[2] == shown_value(trace[name], cell)
    here.faults.clear()  # the browser tells that the server is gone

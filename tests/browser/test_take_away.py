"""Take away in the browser: what is really downloaded, from the view that the browser has in front."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mha_core import run
from mha_core.figures.to_html import to_html
from mha_core.takeaway import files
from mha_core.takeaway.notebook import notebook
from mha_core.takeaway.script import script
from pages.frame import show
from tests.browser.driver import SECONDS, SENTENCE, wait_until
from tests.browser.test_accessible import grave

pytestmark = pytest.mark.browser


def open_popover(here):
    here.page.locator(".st-key-take button").first.click()
    here.page.locator(".st-key-take_html button").wait_for()
    here.at_rest()


def codes(here):
    return [code.inner_text() for code in here.page.locator(".st-key-take-inside code").all()]


def downloaded(here, key):
    with here.page.expect_download(timeout=SECONDS * 1000) as found:
        here.page.locator(f".st-key-{key} button").click()
    return found.value.suggested_filename, Path(found.value.path()).read_bytes()


def test_every_file_that_arrives_is_made_of_the_view_in_front(visit):
    here = visit(preset="sentence")
    here.drawn(SENTENCE)
    # none of this reaches the server before the popover asks the browser
    here.ask("shown.set({ stage: 'scores', paint: 'head', lens: '2.1' })")
    open_popover(here)
    here.page.locator(".st-key-take-inside code", has_text="scores").first.wait_for()
    here.at_rest()
    link = f"{here.base}/?v=1&preset=sentence&stage=scores&paint=head&lens=2.1"
    assert codes(here)[0] == link
    here.page.locator(".st-key-take-inside summary").first.click()
    here.page.locator(".st-key-take-inside code").nth(1).wait_for(state="visible")
    trace = run(SENTENCE)  # on one thread, as the server
    assert "torch.set_num_threads(1)" in codes(here)[1]
    expected = {
        "take_script": ("attention-sentence.py", script(trace, link).encode()),
        "take_notebook": ("attention-sentence.ipynb", notebook(trace, link).encode()),
        "take_safetensors": ("attention-sentence.safetensors", files.safetensors_bytes(trace, link)),
        "take_npz": ("attention-sentence.npz", files.npz_bytes(trace, link)),
        "take_csv": ("attention-sentence-scores.csv", files.csv_text(trace, "scores").encode()),
    }
    for key, (name, data) in expected.items():
        found, arrived = downloaded(here, key)
        assert found == name
        assert arrived == data, key
    name, page = downloaded(here, "take_html")
    view = {"stage": "scores", "paint": "head", "lens": "2.1"}
    assert name == "attention-sentence-scores.html"
    assert page.decode() == to_html(trace, view=view, link=link, notes=show.notes_of(trace))
    assert here.ask("shown.open") == "scores"  # nothing moved behind the popover


@pytest.fixture
def served():
    """Serve a folder as another site does. A file would not do: `frame-ancestors *` does not mean files."""
    servers = []

    def start(folder):
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *given: None})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_frame_loads_the_live_view_once_it_is_clicked(visit, served, tmp_path):
    here = visit(preset="sentence", stage="weights")
    here.drawn(SENTENCE)
    open_popover(here)
    (tmp_path / "course.html").write_text(f"<!doctype html><title>A course</title>{codes(here)[2]}", "utf-8")
    tab = here.context.new_page()
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{served(tmp_path)}/course.html")
    link = tab.frame_locator("iframe").get_by_role(
        "link", name="Open the live multi-head attention explorer here"
    )
    link.wait_for()
    assert [url for url in asked if url.startswith(here.base)] == []
    link.click()
    tab.frame_locator("iframe").locator(".mha h2").wait_for()
    assert tab.frame_locator("iframe").locator(".mha h2").inner_text().startswith("weights")
    assert tab.frames[1].url.startswith(f"{here.base}/?") and "embed=true" in tab.frames[1].url


@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (390, "dark")])
def test_the_open_popover_is_within_the_window_and_nothing_in_it_is_grave(visit, width, scheme):
    here = visit(preset="sentence", stage="weights", width=width, height=844, scheme=scheme)
    here.drawn(SENTENCE)
    open_popover(here)
    box = here.page.locator(".st-key-take-inside").bounding_box()
    assert 0 <= box["x"] and box["x"] + box["width"] <= width
    assert here.page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave(here) == []
    # by keyboard: closed with Escape, the focus back on its button
    here.page.keyboard.press("Escape")
    here.page.locator(".st-key-take_html").wait_for(state="detached")


def test_a_closed_popover_costs_one_element(visit):
    here = visit(preset="sentence")
    here.drawn(SENTENCE)
    assert here.page.locator(".st-key-take-inside, .st-key-take-address").count() == 0
    assert wait_until(here.page, "() => document.querySelectorAll('.st-key-take button').length === 1")

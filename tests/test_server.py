"""The running server: health, headers, paths that do not exist, faults, and the very first visit."""

import base64
import hashlib
import http.client
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from pages.frame import server as frame_server
from tests.server import APP, ROOT, start_server

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
AT_REST = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


def get(base: str, path: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body; the path goes out as it is, without any tidying."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")
    finally:
        connection.close()


def test_the_health_check_says_ok(server):
    status, _, body = get(server, "/_stcore/health")
    assert (status, body) == (200, "ok")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/", id="page"),
        pytest.param("/layouts", id="deep link"),
        pytest.param("/_stcore/health", id="health"),
        pytest.param("/static/no-such-file.js", id="static file"),
        pytest.param("/media/no-such-file", id="missing media"),
        pytest.param("/..%2fetc%2fpasswd", id="refused path"),
    ],
)
def test_every_answer_carries_the_security_headers(server, path):
    _, headers, _ = get(server, path)
    sent = {name.lower(): value for name, value in headers.items()}
    for name, value in frame_server.HEADERS.items():
        assert sent[name.lower()] == value


def test_the_policy_lets_no_foreign_script_in():
    sources = frame_server.POLICY["script-src"].split()
    assert sources == ["'self'", "blob:", frame_server.INLINE_SCRIPT]
    assert "Content-Security-Policy" in frame_server.HEADERS


def test_the_policy_names_the_inline_script_of_this_streamlit():
    scripts = re.findall(r"<script>(.*?)</script>", INDEX.read_text(encoding="utf-8"), re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert [f"'sha256-{value}'" for value in hashes] == [frame_server.INLINE_SCRIPT]


@pytest.mark.parametrize(
    "path",
    [
        "/no-such-page",
        "/_stcore/no-such-endpoint",
        "/static/no-such-file.js",
        "/media/no-such-file",
        "/component/no/such.js",
        "/..%2f..%2fapp.py",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "//app.py",
        "/app.py",
        "/.streamlit/config.toml",
        "/%00",
    ],
)
def test_an_unknown_path_answers_with_the_page_or_a_refusal(server, path):
    status, _, body = get(server, path)
    assert status in (200, 400, 404)
    assert "Traceback" not in body
    if status == 200:
        assert body == INDEX.read_text(encoding="utf-8")  # the empty page, never a file of ours
    else:
        assert len(body) < 100


def test_uvicorn_serves_the_same_app():
    command = ("-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}")
    with start_server(APP, command=command) as base:
        _, headers, body = get(base, "/")
    assert body == INDEX.read_text(encoding="utf-8")
    assert headers["content-security-policy"] == frame_server.HEADERS["Content-Security-Policy"]


def test_a_server_that_cannot_start_shows_its_log(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("import streamlit as st\nimport no_such_module\napp = st.App(__file__)\n")
    with pytest.raises(RuntimeError, match="no_such_module"), start_server(script):
        pass


def test_the_app_runs_as_a_script():
    page = AppTest.from_file(APP, default_timeout=60).run()
    assert not page.exception
    assert not page.error
    assert len(page.main) > 0  # the frame and the default page have drawn something


def test_the_warm_up_leaves_everything_imported_and_frozen():
    code = """
import asyncio, gc, sys
from pages.frame import server

async def look():
    assert "torch" not in sys.modules
    async with server.warm_up(None):
        imported = set(sys.modules)
        import torch
        from mha_core.figures.texts import constant_json
        needed = ("mha_core", "mha_core.figures.to_bytes", "pages.frame.drawing", "latex2mathml", "pandas")
        print(all(name in imported for name in needed), constant_json.cache_info().currsize)
        print(torch.get_num_threads(), gc.get_freeze_count() > 100_000)

asyncio.run(look())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1", "1", "True"]


def test_the_switch_for_page_discovery_is_there_and_off(monkeypatch):
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    assert frame_server.switch_off_page_discovery() is True
    assert PagesManager.uses_pages_directory is False


def test_a_streamlit_without_the_switch_is_served_with_a_warning(monkeypatch, caplog):
    monkeypatch.delattr(PagesManager, "uses_pages_directory")
    assert frame_server.switch_off_page_discovery() is False
    assert not hasattr(PagesManager, "uses_pages_directory")
    assert "uses_pages_directory" in caplog.text


def open_page(browser, address):
    """A page that has drawn: connected, its script at rest, elements in its main part."""
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_selector(f"{AT_REST} [data-testid=stMain] [data-testid=stElementContainer]")
    return page, said


@pytest.mark.browser
def test_a_deep_link_as_the_very_first_visit_opens_its_page(browser):
    with start_server() as base:
        first, _ = open_page(browser, f"{base}/layouts")
        assert first.get_by_role("dialog").count() == 0
        assert urlsplit(first.url).path == "/layouts"
        home, _ = open_page(browser, base)
        assert first.get_by_test_id("stMain").inner_text() != home.get_by_test_id("stMain").inner_text()
        first.close()
        home.close()


@pytest.mark.browser
def test_the_page_breaks_no_rule_of_the_policy(browser, server):
    page, said = open_page(browser, server)
    page.wait_for_load_state("networkidle")  # the drawing's script comes after the elements
    assert said == []
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'ran = 1'}))")
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in said)  # so a broken rule would have been heard
    page.close()


@pytest.mark.browser
def test_a_fault_in_a_page_shows_one_sentence(browser, tmp_path):
    script = tmp_path / "faulty.py"
    script.write_text(
        f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages.frame import server
app = st.App(__file__, on_script_error=server.say_one_sentence)
if st.runtime.scriptrunner.get_script_run_ctx(suppress_warning=True) is not None:
    raise ValueError("only for the log")
""",
        encoding="utf-8",
    )
    with start_server(script) as base:
        page = browser.new_page()
        page.goto(base)
        page.get_by_role("alert").wait_for()
        assert page.get_by_role("alert").inner_text().strip() == frame_server.SENTENCE
        text = page.locator("body").inner_text()
        for hidden in ("only for the log", "ValueError", "Traceback", "faulty.py"):
            assert hidden not in text
        page.close()

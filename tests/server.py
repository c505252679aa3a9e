"""Starts the real server for tests, on a free port of this machine, and stops it by its own process."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "app.py"

START_SECONDS = 120  # the imports take seconds alone, and longer beside other work
STOP_SECONDS = 10


class Server(str):
    """A running server's base address; `pid` is its process."""

    pid: int


@contextmanager
def start_server(script: Path = APP, *, command: tuple[str, ...] | None = None) -> Iterator[Server]:
    """Run a script with `streamlit run` until the block ends.

    Args:
        script: The file to serve; its folder is the server's working folder.
        command: Another way to start it, as arguments of Python; `{port}` is filled in.

    Yields:
        The base address, without a slash at its end.

    Raises:
        RuntimeError: If the server ends or stays silent; the text holds its log.
    """
    port = _free_port()
    streamlit = ("-m", "streamlit", "run", str(script), "--server.headless", "true")
    command = command or (*streamlit, "--server.address", "127.0.0.1", "--server.port", "{port}")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, *(word.replace("{port}", str(port)) for word in command)],
            cwd=script.parent,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            base = Server(f"http://127.0.0.1:{port}")
            base.pid = process.pid
            if not _becomes_healthy(process, base):
                log.seek(0)
                raise RuntimeError(f"the server did not start:\n{log.read().decode(errors='replace')}")
            yield base
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def find_browser() -> str | None:
    """Return the path of the system's Chromium, or None; tests/run looks for the same names."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, found), None)


def on_build_server() -> bool:
    """Say whether a missing browser is a failure: CI=true, set by .ci/run."""
    return os.environ.get("CI") == "true"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _becomes_healthy(process: subprocess.Popen[bytes], base: str) -> bool:
    # The body, not the status: any unknown path answers 200 with the page.
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/_stcore/health", timeout=5) as answer:
                if answer.read() == b"ok":
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    return False

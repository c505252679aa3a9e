"""What all tests share: one running server, one browser."""

from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from tests.server import find_browser, on_build_server, start_server

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # as root, as in a container, Chromium does not start inside its sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Compute on one thread in every test, as the server does: with two, sums end in other digits.

    In every test, not in a folder's: the pages' caches hand a run on from one test to the next.
    """
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The base address of the explorer, started once."""
    with start_server() as base:
        yield base


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless; each test opens a context or page of its own and closes it."""
    path = find_browser()
    if path is None:
        say = pytest.fail if on_build_server() else pytest.skip
        say("no Chromium: install it with your system's packages")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()

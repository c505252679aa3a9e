"""A tab of its own for every test; a fault that the page met fails the test that met it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.driver import SECONDS, WALK_READY, Visit


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Callable[..., Visit]]:
    """Open an address of the explorer: `visit("/layouts", stage="q", width=390, scheme="dark")`."""
    visits: list[Visit] = []

    def opened(
        path: str = "/",
        *,
        base: str = server,
        context: BrowserContext | None = None,
        width: int = 1366,
        height: int = 768,
        scheme: Any = "light",
        init: str = "",
        ready: str = WALK_READY,
        **asked: Any,
    ) -> Visit:
        size = {"width": width, "height": height}
        context = context or browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        context.set_default_timeout(SECONDS * 1000)
        if init:
            context.add_init_script(init)
        made = Visit(context.new_page(), base)
        visits.append(made)
        return made.goto(path, ready, **asked)

    yield opened
    faults = [fault for each in visits for fault in each.faults]
    for context in {id(each.context): each.context for each in visits}.values():
        context.close()
    assert faults == []

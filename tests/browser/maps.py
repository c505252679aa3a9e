"""The page of maps (tests/bench/maps.py), opened: its links, its tables, its Plotly figure."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from tests.browser.driver import AT_REST, SECONDS, Visit
from tests.server import ROOT, start_server

PAGE = ROOT / "tests" / "bench" / "maps.py"


@pytest.fixture(scope="module")
def maps_server() -> Iterator[str]:
    with start_server(PAGE) as base:
        yield base


@pytest.fixture
def maps(browser: Browser, maps_server: str) -> Iterator[Callable[..., Visit]]:
    """Open the page of maps: `maps(width=390, scheme="dark", query=3, figure=1)`."""
    visits: list[Visit] = []

    def opened(*, width: int = 1280, scheme: Any = "light", long: bool = False, **asked: Any) -> Visit:
        size = {"width": width, "height": 1400}
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        context.set_default_timeout(SECONDS * 1000)
        made = Visit(context.new_page(), maps_server)
        visits.append(made)
        made.page.goto(f"{maps_server}/?{urlencode(asked)}")
        made.page.locator(".mha-links-list [role=option]").first.wait_for(state="attached")
        made.page.locator(".mha-walk [data-key=walk-open]").last.wait_for()
        if "figure" in asked:
            made.page.locator(".js-plotly-plot .heatmaplayer image").wait_for(state="attached")
        made.page.locator(AT_REST).wait_for(state="attached")
        if long:
            made.page.get_by_text("long", exact=True).click()
            made.page.locator(".mha-links-list [role=option]").nth(127).wait_for(state="attached")
            made.page.locator(AT_REST).wait_for(state="attached")
        return made

    yield opened
    # this server has none of our headers, so what Streamlit asks the world for is heard in the console
    faults = [fault for each in visits for fault in each.faults if not fault.startswith("console")]
    for each in visits:
        each.context.close()
    assert faults == []

"""What the server does before and around the pages: headers, warm-up, one sentence for a fault.

Nothing here draws a page; app.py hands these to `st.App`.
"""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager

LOG = logging.getLogger(__name__)

SENTENCE = (
    "Something went wrong on this page. Your settings are kept in the address: reload the page to go on."
)

# The one inline script of Streamlit's index.html. It changes with Streamlit's version; a test reads the file.
INLINE_SCRIPT = "'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='"

POLICY = {
    "default-src": "'self'",
    "script-src": f"'self' blob: {INLINE_SCRIPT}",  # blob: the browser component's script is a blob module
    "style-src": "'self' 'unsafe-inline'",  # Streamlit styles its elements from script
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' ws: wss:",  # some browsers do not count the page's own socket as 'self'
    "worker-src": "'self' blob:",
    "frame-src": "'self' blob: data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "*",  # course pages may embed the explorer
}

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # the address holds a visitor's settings and sentence
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every answer, whichever route gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers where the answer starts."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


MIDDLEWARE = [Middleware(SecurityHeaders)]


@asynccontextmanager
async def warm_up(_app: Any) -> AsyncIterator[None]:
    """Pay for what the first picture needs before the health check turns green: imports, a run, its bytes."""
    import pandas  # noqa: F401 - Streamlit loads it with the first data of a component
    import torch  # here, not above: AppTest does without it

    from mha_core.compare import Wanted, select
    from mha_core.figures.cells import describe
    from mha_core.figures.maps import describe_maps
    from mha_core.figures.texts import constant_json
    from mha_core.figures.to_bytes import run_bytes
    from mha_core.figures.to_plotly import Look, figure
    from mha_core.presets import FIRST, PRESETS
    from mha_core.run import run
    from pages.frame import show, take  # noqa: F401 - and with them settings, caches and the drawing's script

    torch.set_num_threads(1)  # one visitor's matrices are tiny: a second thread only costs
    first = run(PRESETS[FIRST].config)
    run_bytes(first, describe(first), show.notes_of(first))
    constant_json()
    # a first figure takes ten times as long as the next: Plotly loads its parts when they are asked for
    figure(describe_maps(first, select(first, 0, Wanted())), Look())
    gc.collect()
    gc.freeze()  # a full collection walks everything torch made: 120 ms at a time, holding all visitors up
    yield


def say_one_sentence(_error: Exception) -> bool:
    """Show one sentence in place of the exception, which Streamlit has already logged.

    Returns:
        True, which tells Streamlit to show nothing of its own.
    """
    st.error(SENTENCE)
    return True


def switch_off_page_discovery() -> bool:
    """Tell Streamlit that pages come from `st.navigation`, before the first visitor does.

    A folder named `pages` makes Streamlit look for scripts in it until `st.navigation` has run once in the
    process: the first visitor after a start who opens a deep link would see a "Page not found" dialog over
    the right page. The switch is a private name, so a version without it only logs a warning.

    Returns:
        Whether this version of Streamlit has the switch.
    """
    if not hasattr(PagesManager, "uses_pages_directory"):
        LOG.warning(
            "This Streamlit has no PagesManager.uses_pages_directory: a first deep link may show a dialog."
        )
        return False
    PagesManager.uses_pages_directory = False
    return True

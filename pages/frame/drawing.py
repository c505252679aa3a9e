"""Mounts the browser component that draws: a script once, the run's numbers, and the followed cell.

The script travels in a mount of its own, whose data never change, so that a changed setting sends numbers
only.
"""

from typing import Any

import streamlit as st

from mha_core.figures.assets import script
from mha_core.figures.texts import constant_json
from pages.frame import settings

LIBRARY = f"""{script()}
export default function (component) {{ globalThis.attentionExplorer.start(component.data); }}
"""

WHEN_READY = """
export default function (component) {{
  const draw = () => globalThis.attentionExplorer.{action};
  if (globalThis.attentionExplorer?.constant) draw();
  else addEventListener("attention-explorer", draw, {{ once: true }});
}}
"""

_library = st.components.v2.component("attention_library", js=LIBRARY)
_run = st.components.v2.component(
    "attention_run", html="<div></div>", js=WHEN_READY.format(action="paint(component)")
)
_follow = st.components.v2.component(
    "attention_follow", js=WHEN_READY.format(action="follow(component.data)")
)


def asked() -> Any:
    """Return what the drawing asked for last: the view keys, and a sheet where it wants one."""
    return getattr(st.session_state.get("run"), "ask", None)


PLACES = {"layouts": "pages/learn/layouts.py"}
"""Where the views are that a stage's row may name."""


def go_where_asked() -> None:
    """Open the page that the drawing asked for, the view kept."""
    wanted = asked()
    page = PLACES.get(str(wanted.get("go"))) if isinstance(wanted, dict) else None
    if page:
        st.switch_page(page, query_params=settings.whole_link())


def mount(data: bytes, followed: str) -> None:
    """Draw a run.

    Args:
        data: the run, packed.
        followed: what is known of the followed cell, as JSON; empty where none is.
    """
    _run(data=data, key="run", on_ask_change=lambda: None)
    _follow(data=followed, key="follow", height=1)
    _library(data=constant_json(), key="library", height=1)  # last: it takes no room above the picture


def mount_beside(left: bytes, right: bytes) -> None:
    """Draw two runs side by side."""
    for place, data, key in zip(st.columns(2), (left, right), ("left", "right"), strict=True):
        with place:
            _run(data=data, key=key, on_ask_change=lambda: None)
    _library(data=constant_json(), key="library", height=1)

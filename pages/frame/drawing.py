"""Mounts the browser component that draws: a script once, the run's numbers, and the followed cell.

The script travels in a mount of its own, whose data never change, so that a changed setting sends numbers
only.
"""

import json
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
  const {{ parentElement }} = component;
  const draw = () => parentElement.isConnected && globalThis.attentionExplorer.{action};
  if (globalThis.attentionExplorer?.constant) draw();
  else addEventListener("attention-explorer", draw, {{ once: true }});
  return () => globalThis.attentionExplorer?.leave(parentElement);
}}
"""


def _drawn_by(name: str, action: str, html: str = "<div></div>") -> Any:
    """Declare a component whose own script is a few lines: it waits for the library and calls it."""
    return st.components.v2.component(f"attention_{name}", html=html, js=WHEN_READY.format(action=action))


_library = st.components.v2.component("attention_library", js=LIBRARY)
_run = _drawn_by("run", "paint(component)")
_follow = _drawn_by("follow", "follow(component.data)", html="")
_links = _drawn_by("links", "links(component)")
_table = _drawn_by("table", "table(component)")
_picture = _drawn_by("picture", "picture(component)")


def library() -> None:
    """Load the drawing's script: once a run of the page, by the frame, before any page draws with it."""
    _library(data=constant_json(), key="library", height=1)


RUN = ("run",)
BESIDE = ("left", "right")
"""The keys of the mounts that ask: of one run, and of two side by side."""


def asked(keys: tuple[str, ...] = RUN) -> Any:
    """Return what a drawing asked for last: the view keys, and a sheet where it wants one."""
    found = (getattr(st.session_state.get(key), "ask", None) for key in keys)
    return next((each for each in found if each is not None), None)


WALKTHROUGH = "pages/learn/walkthrough.py"
PLACES = {"layouts": "pages/learn/layouts.py", "weights": "pages/learn/weights.py"}
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


def mount_beside(left: bytes, right: bytes) -> None:
    """Draw two runs side by side."""
    for place, data, key in zip(st.columns(2), (left, right), BESIDE, strict=True):
        with place:
            _run(data=data, key=key, on_ask_change=lambda: None)


def links(data: bytes, key: str) -> Any:
    """Draw the links of one head: which query looks at which key.

    Args:
        data: the head's weights, by `map_bytes`.
        key: the widget's key.

    Returns:
        What was picked since the last run: `{"query": 3}`, or `{"query": None}` where the pick was undone;
        None where nothing was.
    """
    return _links(data=data, key=key, on_ask_change=lambda: None).ask


def table(data: bytes, key: str) -> Any:
    """Offer a map's numbers as a table that can be walked with the keyboard; it opens on a button.

    Args:
        data: the map, by `map_bytes`.
        key: the widget's key.

    Returns:
        The cell that was picked with Enter or a click since the last run: `{"row": 3, "column": 1}`, or None.
    """
    return _table(data=data, key=key, on_ask_change=lambda: None).ask


def save_picture(target: str, name: str, key: str) -> None:
    """Offer what stands elsewhere on the page, such as a Plotly figure, as .svg and .png.

    Args:
        target: a CSS selector of the page; everything it finds is saved as one picture, top to bottom.
        name: what the files are called, without an ending; signs that a file name cannot hold are replaced.
        key: the widget's key.
    """
    _picture(data=json.dumps({"target": target, "name": name}), key=key, width="content")

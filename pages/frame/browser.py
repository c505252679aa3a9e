"""What only the browser knows: how wide its page is, whether it is dark, and what the address holds.

Streamlit's own answer about the theme is none on a first load and stale after a switch, and of the address
the server knows what it wrote last, not what the drawing of another page put there. The component speaks
only where the server is wrong, so that a page whose server is right is not run again.
"""

from typing import Any

import streamlit as st

from mha_core.figures.texts import VIEW
from mha_core.figures.to_plotly import Look
from pages.frame import settings

PHONE = 640
"""Pixels of the window up to which a page is a phone's."""

DRAWN_ON = ("", "layouts", "weights")
"""Pages with the drawing: what it had in front is known in the browser alone; even the address lacks it."""

SPEAK = """
const arrived = new WeakSet();
const rulers = new WeakMap();

function dark(parentElement) {
  const probe = document.createElement("i");
  probe.style.color = "var(--st-background-color)";
  parentElement.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[0-9.]+/g).map(Number);
  probe.remove();
  return 0.3 * red + 0.6 * green + 0.1 * blue < 128;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const width = matchMedia(`(max-width: ${data.phone}px)`);
  const speak = () => {
    const seen = { narrow: width.matches, dark: dark(parentElement) };
    const address = new URLSearchParams(location.search);
    const drawn = data.drawn ? globalThis.attentionExplorer?.front : null;
    const view = drawn ?? Object.fromEntries(data.keys.map((key) => [key, address.get(key)]));
    const first = !arrived.has(parentElement);
    arrived.add(parentElement);
    const moved = first && data.keys.some((key) => (view[key] ?? null) !== (data.view[key] ?? null));
    const changed = seen.narrow !== data.narrow || seen.dark !== data.dark;
    globalThis.attentionExplorer?.remember?.(moved ? view : data.view);
    if (moved || changed) setTriggerValue("seen", { ...seen, view: moved ? view : null });
  };
  rulers.get(parentElement)?.();
  width.addEventListener("change", speak);
  rulers.set(parentElement, () => width.removeEventListener("change", speak));
  speak();
  return () => rulers.get(parentElement)?.();
}
"""

_browser = st.components.v2.component("attention_browser", html="<span></span>", js=SPEAK)


def look() -> Look:
    """Return how figures are dressed for this browser."""
    known = st.session_state.get("_browser", {})
    dark = known.get("dark", st.context.theme.type == "dark")
    return Look(theme="dark" if dark else "light", narrow=bool(known.get("narrow", False)))


def listen() -> None:
    """Let the browser say where the server is wrong; then the page is run again, dressed rightly."""
    now = look()
    data: dict[str, Any] = {
        "phone": PHONE,
        "narrow": now.narrow,
        "dark": now.theme == "dark",
        "keys": list(VIEW),
        "view": settings.view(),
        "drawn": st.session_state.get("_came_from") in DRAWN_ON,
    }
    _browser(data=data, key="browser", height=1, on_seen_change=_heard)


def _heard() -> None:
    seen = getattr(st.session_state.get("browser"), "seen", None)
    if not isinstance(seen, dict):
        return
    st.session_state["_browser"] = {"narrow": seen.get("narrow") is True, "dark": seen.get("dark") is True}
    view = seen.get("view")
    if isinstance(view, dict):
        known = {key: view[key] for key in VIEW if key in view}
        settings.look(**{key: value if isinstance(value, str) else None for key, value in known.items()})

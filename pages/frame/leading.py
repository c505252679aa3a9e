"""Links from a page without a drawing to a cell in the drawing of another page.

Both sides go on with what was in front last, whatever the address says: the server with the cell and the
batch item that the drawing told of, the browser with its whole view. A link that names a cell of its own has
to win over both; the links between the pages must not.
"""

import streamlit as st

from mha_core import Config
from mha_core.figures.texts import VIEW
from pages.frame import drawing, settings, show

WITHIN = "leading"
"""The class of the containers of such links, as a part of their keys."""

HAND_ON = """
const ending = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  ending.get(parentElement)?.abort();
  const ends = new AbortController();
  ending.set(parentElement, ends);
  const handOn = (event) => {
    const link = event.target.closest?.(`[class*="st-key-${data.within}"] a[href]`);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const asked = new URL(link.href).searchParams;
    const view = Object.fromEntries(data.keys.map((key) => [key, asked.get(key)]));
    globalThis.attentionExplorer?.remember(view);
  };
  document.addEventListener("click", handOn, { capture: true, signal: ends.signal });
  return () => ends.abort();
}
"""

_hand_on = st.components.v2.component("attention_hand_on", js=HAND_ON)


def listen() -> None:
    """Let this page's links to cells decide what the next page has in front. Once, on such a page."""
    settings.links_decide()
    _hand_on(data={"within": WITHIN, "keys": list(VIEW)}, key="hand-on", height=1)


def link(key: str, label: str, see: str, config: Config, cell: str) -> None:
    """Draw a link to a cell.

    Args:
        key: a name for the link, another for each.
        label: what the link says, as text.
        see: where the cell is shown, by the name of a further view; empty: in the Walkthrough.
        config: the settings that the link opens.
        cell: the cell, as the address writes it.
    """
    shown = {"stage": cell.split(".", maxsplit=1)[0], "cell": cell}
    with st.container(key=f"{WITHIN}-{key}"):
        st.page_link(
            drawing.PLACES.get(see, drawing.WALKTHROUGH),
            label=show.as_text(label),
            icon=":material/arrow_forward:",
            query_params=settings.link_to(config, shown),
        )

"""Take away: the view as a link, a script, a notebook, files, an offline page, a frame for other pages."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from mha_core import Config, Trace
from mha_core.compare import map_names
from mha_core.errors import ExplorerError
from mha_core.figures import to_html
from mha_core.figures.theme import NEUTRALS
from mha_core.presets import PRESETS
from mha_core.takeaway import files, notebook
from mha_core.words import say
from pages.frame import cache, front, settings, show
from pages.frame.address import FIELDS, link
from pages.frame.words import WORDS

MOST = 64_000_000
"""Bytes of numbers up to which a file is offered."""

LARGE = 4_000_000
"""Bytes from which a button says how large its file is."""

MOST_ROWS = 400_000
"""Cells of a tensor up to which it is offered as a table: a row a cell."""

MAPPED = ("heads",)
"""Pages that always show one of the tensors with a map for every head, the last where none is named."""

LAYERS = ("weights",)
"""Pages that draw the layers of a run instead of the run."""

DIGITS = 27
"""Characters that a row of a table has, about."""

# What the drawing has in front stands in the browser's address alone; it tells the server while this is open.
_address = st.components.v2.component(
    "attention_address",
    js="""export default function ({ data, setStateValue }) {
      if (data !== location.search) setStateValue("search", location.search);
    }""",
)


@dataclass(frozen=True)
class Away:
    """What is taken away: a run, what is in front of it, and its addresses.

    `drawn` is the run, or its layers where the page draws those; `stage` is the tensor on show, nothing in
    the overview; `link` leads to this view, `walk` to the page on which what is drawn can be walked.
    """

    trace: Trace
    drawn: Trace
    preset: str
    view: front.View
    stage: str
    paint: str
    lens: str
    link: str
    walk: str

    def named(self, ending: str, part: str = "") -> str:
        """Name a file after the preset, whether its settings were changed, and what is in it."""
        changed = self.trace.config != PRESETS[self.preset].config
        key = "file_changed" if changed else "file"
        return f"{say(WORDS[key], preset=self.preset)}{part and '-'}{part}.{ending}"


@st.fragment
def away(page: StreamlitPage) -> None:
    """Draw the popover. What is inside is drawn once it is open."""
    place = st.popover(WORDS["take"], icon=":material/download:", key="take", on_change="rerun")
    if place.open:
        with place, st.container(key="take-inside"):
            _inside(taken(page.url_path))


def taken(path: str) -> Away:
    """Return what is in front now, on the page of that path."""
    settled = settings.current()
    searched = getattr(st.session_state.get("take-address"), "search", None) or ""
    _address(data=searched, key="take-address", height=1, on_search_change=lambda: None)
    asked = dict(parse_qsl(searched.removeprefix("?"), keep_blank_values=True)) or settings.whole_link()
    ours = (*FIELDS, "preset", "v")
    others = {key: value for key, value in asked.items() if key not in ours and not key.startswith("embed")}
    query = {
        "v": settings.VERSION,
        "preset": settled.preset,
        **link(settled.config, settled.preset),
        **others,
    }
    here = st.context.url or ""
    here += "" if urlsplit(here).path else "/"
    trace = cache.trace(settled.config)
    drawn = (cache.weights(settled.config) if path in LAYERS else None) or trace
    view = front.view_of(settled.config, others, pipeline=drawn.pipeline)
    stage = on_show(drawn, view.stage, path)
    if path in MAPPED:
        others |= as_walked(others, stage, view.item, settled.config)
        view = front.view_of(settled.config, others)
    walk = here if drawn is not trace else root_of(here, path)
    return Away(
        trace=trace,
        drawn=drawn,
        preset=settled.preset,
        view=view,
        stage=stage,
        paint=others.get("paint", ""),
        lens=others.get("lens", ""),
        link=f"{here}?{urlencode(query, quote_via=quote)}",
        walk=f"{walk}?{urlencode({**query, **others}, quote_via=quote)}",
    )


def as_walked(asked: dict[str, str], stage: str, item: int, config: Config) -> dict[str, str]:
    """Return what the page of heads has in front in the view keys of the drawing: a head's sheet, a cell."""
    sizes = {
        "head": config.num_heads,
        "of": config.num_heads,
        "query": config.sequence_length,
        "key": config.sequence_length,
    }
    found = {
        name: int(text)
        for name, size in sizes.items()
        if re.fullmatch(r"\d{1,4}", text := asked.get(name, ""), re.ASCII) and int(text) < size
    }
    walked = {"stage": stage}
    if "head" in found:
        walked["lens"] = f"{found['head']}.0"
    if found.keys() >= {"query", "key"}:
        head = found.get("of", found.get("head", 0))
        walked["cell"] = ".".join([stage, *map(str, (item, head, found["query"], found["key"]))])
    return walked


def root_of(address: str, path: str) -> str:
    """Return the address of the first page, on which everything can be walked."""
    return address.rstrip("/").removesuffix(f"/{path}") + "/" if path else address


def on_show(trace: Trace, stage: str, path: str) -> str:
    """Return the tensor that a page shows; nothing in the overview."""
    names = map_names(trace.pipeline) if path in MAPPED else trace.names
    return stage if stage in names else names[-1] if path in MAPPED else ""


def _inside(away: Away) -> None:
    st.markdown(f"**{WORDS['take_link']}**")
    st.code(away.link, language=None, wrap_lines=True)
    _code(away)
    _numbers(away)
    _page(away)
    st.markdown(f"**{WORDS['take_frame']}**")
    st.caption(WORDS["take_frame_text"])
    st.code(framed(away.link), language=None, wrap_lines=True)


def _code(away: Away) -> None:
    st.markdown(f"**{WORDS['take_code']}**")
    st.caption(WORDS["take_code_text"])
    try:
        text = cache.script(away.trace.config, away.link)
    except ExplorerError as error:
        show.say_all([str(error)])
        return
    with st.expander(WORDS["take_copy"]):
        st.code(text, language=None, wrap_lines=True)  # coloured, its letters would be too pale to read
    item, link, trace = away.view.item, away.link, away.trace
    with st.container(horizontal=True):
        _offer("take_script", lambda: text, away.named("py"))
        _offer("take_notebook", lambda: notebook.notebook(trace, link, item), away.named("ipynb"))


def _numbers(away: Away) -> None:
    st.markdown(f"**{WORDS['take_numbers']}**")
    trace, drawn, link, stage = away.trace, away.drawn, away.link, away.stage
    size = files.files_bytes(trace)
    said = [WORDS["take_numbers_text"]]
    if trace.config.dtype == "bfloat16":
        said.append(WORDS["take_widened"])
    if stage and any(word.startswith(files.FORMULA) for item in drawn.config.words or () for word in item):
        said.append(WORDS["take_formula"])
    if not stage:
        said.append(WORDS["take_no_stage"])
    st.caption(" ".join(said))
    with st.container(horizontal=True):
        if size <= MOST:
            _offer(
                "take_safetensors",
                lambda: files.safetensors_bytes(trace, link),
                away.named("safetensors"),
                size,
            )
            _offer("take_npz", lambda: files.npz_bytes(trace, link), away.named("npz"), size)
        cells = drawn[stage].numel() if stage else 0
        if stage and cells <= MOST_ROWS:
            name = away.named("csv", stage)
            _offer("take_csv", lambda: files.csv_text(drawn, stage), name, cells * DIGITS, stage=stage)
    too_large = [say(WORDS["take_too_large"], size=cache.in_bytes(size), most=cache.in_bytes(MOST))]
    too_long = [say(WORDS["take_too_long"], name=stage, cells=f"{cells:,}", most=f"{MOST_ROWS:,}")]
    show.say_all([*(too_large if size > MOST else []), *(too_long if cells > MOST_ROWS else [])])


def _page(away: Away) -> None:
    st.markdown(f"**{WORDS['take_page']}**")
    view, drawn = away.view, away.drawn
    layers = drawn is not away.trace
    size = to_html.page_bytes(drawn)
    items = drawn.config.batch_size
    text = "take_page_layers" if layers else "take_page_items" if items > 1 else "take_page_text"
    st.caption(say(WORDS[text], item=view.item, count=items))
    if size > to_html.MOST:
        most = cache.in_bytes(to_html.MOST)
        show.say_all([say(WORDS["take_page_too_large"], size=cache.in_bytes(size), most=most)])
        return
    shown = {"stage": away.stage, "cell": view.cell, "paint": away.paint, "lens": away.lens}

    def made() -> str:
        notes = () if layers else show.notes_of(away.trace)
        item = 0 if layers else view.item  # layers have no batch
        listed = away.trace.config
        return to_html.to_html(drawn, item=item, view=shown, link=away.walk, notes=notes, settings=listed)

    overview = WORDS["take_layers" if layers else "take_overview"]
    _offer("take_html", made, away.named("html", away.stage or overview), size)


def _offer(key: str, made: Callable[[], Any], name: str, size: int = 0, **facts: str) -> None:
    """Draw the button of a file that is made when it is clicked."""
    label = say(WORDS[key], **facts)
    if size > LARGE:
        label = say(WORDS["take_size"], label=label, size=cache.in_bytes(size))
    st.download_button(
        label, made, file_name=name, mime=MIME[name.rpartition(".")[2]], key=key, on_click="ignore"
    )


MIME = {
    "py": "text/x-python; charset=utf-8",
    "ipynb": "application/x-ipynb+json",
    "safetensors": "application/octet-stream",
    "npz": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


def framed(link: str) -> str:
    """Return a frame for another page that loads the live view once it is clicked, without any script.

    The frame holds a page with nothing but a link, which leads to the view inside the frame.
    """
    address, poster, title = map(html.escape, (link, WORDS["take_poster"], WORDS["title"]))
    look = "margin:0;display:grid;place-items:center;height:100vh;font:16px system-ui"
    inside = (
        f'<!doctype html><html lang="en"><body style="{look}"><a href="{address}&amp;embed=true">{poster}</a>'
    )
    return (
        f'<iframe title="{title}" width="100%" height="900" '
        f'style="border:1px solid {NEUTRALS["outline"].light}" srcdoc="{html.escape(inside)}"></iframe>'
    )

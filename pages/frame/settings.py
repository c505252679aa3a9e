"""The settings of a visit, from run to run: read from address and widgets, mended, written back.

The address holds the whole state. The view keys (stage, cell, batch, paint, lens) belong to the browser's
drawing, which replaces them without a rerun; they are read here and handed on untouched. The pages' own view
keys are kept here and checked by the page that draws by them, so that they survive a look at another page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mha_core import Config
from mha_core.errors import ConfigError
from mha_core.figures.texts import VIEW
from mha_core.presets import FIRST, PRESETS
from mha_core.words import listed, say
from pages.frame import cache
from pages.frame.address import BY_TEXT, FIELDS, OPENS, VERSION, base_of, link, parsed, written
from pages.frame.words import WORDS

PAGE_VIEW = ("head", "minus", "other", "query", "key", "of", "as", "over")
"""The pages' own view keys."""

REMEMBERED = 30
NO_LIMIT = 20


@dataclass(frozen=True)
class Settled:
    """What a run of the page goes by: settings that work, their preset, and what was mended."""

    config: Config
    preset: str
    sentences: tuple[str, ...]


def settle(page: str = "") -> Settled:
    """Read address and widgets, mend what cannot be, write the address. Before anything is drawn.

    Args:
        page: the path of the page that is run.
    """
    if page != st.session_state.get("_page", page):
        st.session_state["_came_from"] = st.session_state["_page"]
    st.session_state["_page"] = page
    if st.session_state.get("_links_decide", page) != page:
        for key in ("_links_decide", "_asked", "_glance"):
            st.session_state.pop(key, None)
    sentences = _load()
    config = _settled(sentences)
    _save(config)
    settled = Settled(config, st.session_state["preset"], tuple(dict.fromkeys(sentences)))
    st.session_state["_settled"] = settled
    return settled


def current() -> Settled:
    """Return what this run of the page goes by."""
    settled: Settled = st.session_state["_settled"]
    return settled


def opened_by_itself(page: str) -> bool:
    """Return whether the preset on show is the one with which a page opens where nothing else was asked."""
    here, chosen = OPENS.get(page), current()
    return st.session_state["_own"] == page and chosen.preset == here and chosen.config == base_of(here)


def view() -> dict[str, str]:
    """Return the drawing's view keys: those of the address, and what a page's widgets changed since."""
    found = {key: value for key, value in st.query_params.to_dict().items() if key in VIEW}
    changed = st.session_state.get("_glance", {})
    return {key: value for key, value in {**found, **changed}.items() if value is not None}


def page_view() -> dict[str, str]:
    """Return the pages' own view keys."""
    return dict(st.session_state.get("_page_view", {}))


def look(**changes: str | None) -> None:
    """Change what is in front, by view keys of the pages or of the drawing; None takes a key away.

    For callbacks of widgets, which run before the address is written. What the address says is not read
    again: where changes come fast, the browser still sends the address of the change before.
    """
    own = {**page_view(), **{key: value for key, value in changes.items() if key in PAGE_VIEW}}
    st.session_state["_page_view"] = {key: value for key, value in own.items() if value is not None}
    front = {key: value for key, value in changes.items() if key in VIEW}
    if front:
        told = st.session_state.pop("_asked", {})
        st.session_state["_glance"] = {**st.session_state.get("_glance", {}), **told, **front}


def look_now(**changes: str | None) -> None:
    """Change what is in front during a run, and write the address."""
    look(**changes)
    _save(current().config)


def kept(asked: Any) -> dict[str, Any]:
    """Return the view keys that the drawing told of, which the server's address may not hold.

    Streamlit's browser side sends the query that the server wrote last, not what the drawing replaced in the
    address since. Which cell is followed and which batch item is in front therefore stay known from run to
    run, until Back or Forward opens another address.
    """
    if isinstance(asked, dict):
        st.session_state["_asked"] = {key: asked.get(key) for key in ("cell", "batch")}
        if "_glance" in st.session_state:  # the drawing knows better than what a page's widget said before
            st.session_state["_glance"] = {key: asked.get(key) for key in VIEW}
        return {key: asked.get(key) for key in VIEW}
    return _told()


def _told() -> dict[str, Any]:
    """Return what the drawing told of last; nothing once Back or Forward opened another address."""
    if getattr(get_script_run_ctx(), "is_history_navigation", False):
        st.session_state.pop("_asked", None)
    return dict(st.session_state.get("_asked", {}))


def links_decide() -> None:
    """Say that what the next page has in front is what the followed link names: for a page without a view.

    Every link there holds the whole view: what a drawing told of before, or a cell of its own.
    """
    st.session_state["_links_decide"] = st.session_state["_page"]


def whole_link(page: str = "") -> dict[str, str]:
    """Return the whole address of this view, for a link to another page."""
    shown = {**page_view(), **view(), **_told()}
    texts = {key: str(value) for key, value in shown.items() if value is not None}
    return link_to(current().config, texts, page)


def link_to(config: Config, shown: dict[str, str], page: str = "") -> dict[str, str]:
    """Return the whole address of a view: settings beside the preset that is chosen now, and view keys."""
    parts = {**link(config, current().preset, page), **shown}
    return {"v": VERSION, **parts} if parts else {}


def _load() -> list[str]:
    """Take over what the address says, where it was not written by this page."""
    asked = {key: value for key, value in st.query_params.to_dict().items() if key not in (*VIEW, "v")}
    sent = st.session_state.setdefault("_sent", [])
    # a private name of Streamlit: without it Back and Forward still work for addresses not sent before
    back = getattr(get_script_run_ctx(), "is_history_navigation", False)
    if "preset" in st.session_state and not back and asked in sent:
        return []
    named = {key: value for key, value in asked.items() if key not in PAGE_VIEW}
    # what mail and course systems hang on an address names no run
    of_run = [key for key in named if key in (*FIELDS, "preset")]
    page = st.session_state["_page"]
    if "preset" in st.session_state and not back and not of_run and page in OPENS:
        return []  # a bare link inside a visit: the settings that the pages share win
    st.session_state["_page_view"] = {key: value for key, value in asked.items() if key in PAGE_VIEW}
    st.session_state.pop("_glance", None)
    sentences: list[str] = []
    version = st.query_params.get("v", VERSION)
    if version != VERSION:
        sentences.append(say(WORDS["other_version"], value=version))
    first = OPENS.get(page, FIRST)
    preset = named.get("preset", "" if of_run else first if first in PRESETS else FIRST)
    st.session_state["_own"] = "" if of_run else page
    if preset and preset not in PRESETS:
        sentences.append(say(WORDS["no_preset"], value=preset, known=listed(PRESETS)))
        preset = ""
    base = base_of(preset)
    values = {name: getattr(base, name) for name in FIELDS}
    for name in (name for name in asked if name in FIELDS):
        try:
            values[name] = parsed(name, asked[name])
        except ConfigError as error:
            shown = written(values[name])
            sentences.append(say(WORDS["shown_instead"], reason=str(error), setting=name, value=shown))
    if "text" in asked and "input" not in asked:
        values["input"] = "words"
    sentences += [say(WORDS["repeated"], key=key[:40], value=st.query_params[key]) for key in _repeated()]
    unknown = [key for key in named if key not in FIELDS and key != "preset"]
    if unknown:
        sentences.append(say(WORDS["unknown_keys"], unknown=listed(key[:40] for key in unknown[:5])))
    st.session_state["preset"] = preset or "tutorial"
    _put(values)
    st.session_state["_good"] = base
    return sentences


def _repeated() -> list[str]:
    return [key for key in st.query_params if len(st.query_params.get_all(key)) > 1]


AS_WIDGET: dict[str, Callable[[Any], Any]] = {"lengths": written, "jobs": list}
"""How a widget holds a setting, where it does not hold it as it is."""


def take_over(config: Config) -> None:
    """Put a config into the widgets. For callbacks, which run before the widgets are drawn."""
    _put({name: getattr(config, name) for name in FIELDS})


def _put(values: dict[str, Any]) -> None:
    for name, value in values.items():
        st.session_state[name] = AS_WIDGET.get(name, lambda same: same)(value)


def _settled(sentences: list[str]) -> Config:
    """Make a config of the widgets' values; each value that cannot be is mended, and said."""
    good: Config = st.session_state["_good"]
    values = {name: st.session_state[name] for name in FIELDS}
    for _ in range(NO_LIMIT):
        try:
            if isinstance(values["lengths"], str):
                values["lengths"] = parsed("lengths", values["lengths"])
            config = Config(**values)
            break
        except ConfigError as error:
            _mend(values, error, good, sentences)
    else:
        config = good
    config, too_large = cache.fitting(config, good)
    if too_large:
        sentences.append(too_large)
    st.session_state["_good"] = config
    if config.input == "words":
        _put({name: getattr(config, name) for name in BY_TEXT})
    return config


def _mend(values: dict[str, Any], error: ConfigError, good: Config, sentences: list[str]) -> None:
    name = error.setting
    if error.nearest is None or values[name] == error.nearest:
        # typed text stays in its box, where it can be mended; the view stays the last good one
        values[name] = getattr(good, name)
        if name == "text":
            values["input"] = good.input
        sentences.append(say(WORDS["kept_instead"], reason=str(error)))
        return
    values[name] = error.nearest
    _put({name: error.nearest})
    sentences.append(
        say(WORDS["shown_instead"], reason=str(error), setting=name, value=written(error.nearest) or "—")
    )


def _save(config: Config) -> None:
    """Write the address. Early, since a run that is cut short never reaches its end."""
    mine = {**link(config, st.session_state["preset"], st.session_state["_page"]), **page_view()}
    st.session_state["_sent"] = [*st.session_state["_sent"], mine][-REMEMBERED:]
    parts = {**mine, **view()}
    whole = {"v": VERSION, **parts} if parts else {}
    if whole != st.query_params.to_dict() or _repeated():
        st.query_params.from_dict(whole)

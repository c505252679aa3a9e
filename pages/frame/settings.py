"""One field of the config -> widget, URL key, limits and sentence; the settings' part of the URL.

The address holds the whole state: `preset` names a base, and every field that differs from it. The view keys
(stage, cell, batch, paint, lens) belong to the browser's drawing, which replaces them without a rerun; they
are read here and handed on untouched.
"""

import re
from dataclasses import dataclass, fields
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mha_core import Config, devices
from mha_core.config import SETTINGS, divisors
from mha_core.errors import ConfigError
from mha_core.origins import ORIGINS
from mha_core.presets import FIRST, PRESETS
from mha_core.run import pipeline_for
from mha_core.stage import made_names
from mha_core.words import listed, say
from pages.frame import cache
from pages.frame.words import WORDS

VERSION = "1"
VIEW = ("stage", "cell", "batch", "paint", "lens")
FIELDS = tuple(each.name for each in fields(Config))
BY_TEXT = ("batch_size", "sequence_length")
REMEMBERED = 30
NO_LIMIT = 20
NARROW, WIDE = 124, 250  # pixels; three narrow ones stand side by side on a phone


@dataclass(frozen=True)
class Settled:
    """What a run of the page goes by: settings that work, their preset, and what was mended."""

    config: Config
    preset: str
    sentences: tuple[str, ...]


def settle() -> Settled:
    """Read address and widgets, mend what cannot be, write the address. Before anything is drawn."""
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


def view() -> dict[str, str]:
    """Return the view keys that the address holds."""
    return {key: value for key, value in st.query_params.to_dict().items() if key in VIEW}


@dataclass(frozen=True)
class View:
    """What the browser has in front: batch item, open tensor, its first sheet, followed cell."""

    item: int
    stage: str
    sheet: int
    cell: str
    sentences: tuple[str, ...]


def checked_view(config: Config, asked: Any) -> View:
    """Read what is in front from the address, within what the run has.

    Args:
        config: the run's settings.
        asked: what the drawing asks for in this run: its view keys, which the address may not hold yet, and
            perhaps a sheet.
    """
    now = {key: str(value) for key, value in {**view(), **_kept(asked)}.items() if value is not None}
    last = config.batch_size - 1
    # a link to a cell need not say the batch item twice
    of_cell = re.match(r"\w+\.(\d{1,4})\.", now.get("cell", ""), re.ASCII)
    batch = now.get("batch", of_cell[1] if of_cell and int(of_cell[1]) <= last else "0")
    good = batch.isascii() and batch.isdigit() and len(batch) < 9 and int(batch) <= last
    framed = re.match(r"\d{1,4}(?=\.)", now.get("lens", ""), re.ASCII)  # the sheet that is looked at
    sheet = (
        asked.get("sheet")
        if isinstance(asked, dict) and "sheet" in asked
        else int(framed[0])
        if framed
        else 0
    )
    return View(
        item=int(batch) if good else 0,
        stage=now.get("stage", ""),
        sheet=sheet
        if isinstance(sheet, int) and 0 <= sheet < config.num_heads + config.sequence_length
        else 0,
        cell=now.get("cell", ""),
        sentences=(
            *(() if good else (say(WORDS["no_batch"], value=batch, last=last),)),
            *_unknown_view(config, now),
        ),
    )


def _kept(asked: Any) -> dict[str, Any]:
    """Return the view keys that the drawing told of, which the server's address may not hold.

    Streamlit's browser side sends the query that the server wrote last, not what the drawing replaced in the
    address since. Which cell is followed and which batch item is in front therefore stay known from run to
    run, until Back or Forward opens another address.
    """
    if isinstance(asked, dict):
        st.session_state["_asked"] = {key: asked.get(key) for key in ("cell", "batch")}
        return {key: asked.get(key) for key in VIEW}
    if getattr(get_script_run_ctx(), "is_history_navigation", False):
        st.session_state.pop("_asked", None)
    return dict(st.session_state.get("_asked", {}))


def _unknown_view(config: Config, now: dict[str, str]) -> list[str]:
    """Say which of stage, paint and lens the drawing will not find."""
    choices = {"stage": made_names(pipeline_for(config)), "paint": ("value", *ORIGINS)}
    sentences = [
        say(WORDS["no_view"], key=key, value=now[key], known=listed(known))
        for key, known in choices.items()
        if key in now and now[key] not in known
    ]
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}", now.get("lens", "0.0"), re.ASCII):
        sentences.append(say(WORDS["no_lens"], value=now["lens"]))
    return sentences


def base_of(preset: str) -> Config:
    """Return the settings that a preset stands for; without one the tutorial's."""
    return PRESETS[preset].config if preset in PRESETS else Config()


def link(config: Config, preset: str) -> dict[str, str]:
    """Return the settings' part of the address: what differs from the base. Nothing for the first view."""
    base = base_of(preset)
    left_out = BY_TEXT if config.input == "words" else ()
    changed = {
        name: written(getattr(config, name))
        for name in FIELDS
        if name not in left_out and getattr(config, name) != getattr(base, name)
    }
    if "text" in changed and config.input != "words":
        changed["input"] = config.input  # a link with a text alone would mean its words
    return changed if preset == FIRST and not changed else {"preset": preset, **changed}


def whole_link() -> dict[str, str]:
    """Return the whole address of this view, for links to other pages."""
    settled = current()
    parts = {**link(settled.config, settled.preset), **view()}
    return {"v": VERSION, **parts} if parts else {}


def written(value: Any) -> str:
    """Write a setting as the address does."""
    if isinstance(value, bool):
        return str(value).lower()
    return listed(value, ",") if isinstance(value, tuple) else str(value)


def parsed(name: str, text: str) -> Any:
    """Read a setting as the address writes it.

    Raises:
        ConfigError: the text is no such value.
    """
    kind, facts = type(getattr(Config(), name)), SETTINGS[name]
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(WORDS["not_a_switch"], name, value=text)
        return text.lower() == "true"
    if kind is tuple:
        if not re.fullmatch(r"\s*(\d{1,4}\s*(,\s*\d{1,4}\s*)*)?", text):
            raise ConfigError(WORDS["not_lengths"], name, value=text)
        return tuple(int(length) for length in text.split(",") if length.strip())
    if kind in (int, float):
        # a float as Python writes it: 0.30000000000000004 and 1e-05 too
        pattern = r"-?\d{1,12}" if kind is int else r"-?\d{1,12}(\.\d{1,20})?(e[+-]?\d{1,3})?"
        if not re.fullmatch(pattern, text):
            raise ConfigError(WORDS["not_a_number"], name, value=text, low=facts.low, high=facts.high)
        return kind(text)
    return text


def _load() -> list[str]:
    """Take over what the address says, where it was not written by this page."""
    asked = {key: value for key, value in st.query_params.to_dict().items() if key not in (*VIEW, "v")}
    sent = st.session_state.setdefault("_sent", [])
    # a private name of Streamlit: without it Back and Forward still work for addresses not sent before
    back = getattr(get_script_run_ctx(), "is_history_navigation", False)
    if "preset" in st.session_state and not back and asked in sent:
        return []
    sentences: list[str] = []
    version = st.query_params.get("v", VERSION)
    if version != VERSION:
        sentences.append(say(WORDS["other_version"], value=version))
    preset = asked.get("preset", "" if asked else FIRST)
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
    unknown = [key for key in asked if key not in FIELDS and key != "preset"]
    if unknown:
        sentences.append(say(WORDS["unknown_keys"], unknown=listed(key[:40] for key in unknown[:5])))
    st.session_state["preset"] = preset or "tutorial"
    _put(values)
    st.session_state["_good"] = base
    return sentences


def _repeated() -> list[str]:
    return [key for key in st.query_params if len(st.query_params.get_all(key)) > 1]


def _put(values: dict[str, Any]) -> None:
    for name, value in values.items():
        st.session_state[name] = written(value) if name == "lengths" else value


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
    mine = link(config, st.session_state["preset"])
    st.session_state["_sent"] = [*st.session_state["_sent"], mine][-REMEMBERED:]
    parts = {**mine, **view()}
    whole = {"v": VERSION, **parts} if parts else {}
    if whole != st.query_params.to_dict() or _repeated():
        st.query_params.from_dict(whole)


# The strip of widgets.


def choose_preset() -> None:
    """Take over a preset's settings."""
    config = PRESETS[st.session_state["preset"]].config
    _put({name: getattr(config, name) for name in FIELDS})


def strip() -> None:
    """Draw the settings: presets and the ones that matter in sight, the rest in a popover."""
    words = st.session_state["input"] == "words"  # as chosen, even where the text is still to be typed
    with st.container(key="settings"):
        with st.container(horizontal=True, vertical_alignment="center", key="settings-first"):
            st.pills(
                WORDS["preset"],
                list(PRESETS),
                format_func=lambda name: PRESETS[name].label,
                key="preset",
                required=True,
                label_visibility="collapsed",
                on_change=choose_preset,
                persist_state="session",
            )
            # what is inside is drawn once it is open: on every rerun it would cost as much as all the rest
            more = st.popover(WORDS["more"], icon=":material/tune:", key="more", on_change="rerun")
            if more.open:
                with more:
                    _popover(words)
        with st.container(horizontal=True, vertical_alignment="bottom", key="settings-second"):
            if words:
                _widget("text")
            else:
                _widget("sequence_length")
            _widget("num_heads")
            _widget("mask")


def _popover(words: bool) -> None:
    groups = {
        "group_sizes": ("batch_size", "sequence_length", "input_dim", "d_model"),
        "group_input": ("input", "positions", "seed"),
        "group_weights": ("layout", "bias", "gain"),
        "group_rest": ("lengths", "dtype", *(("device",) if len(devices()) > 1 else ())),
    }
    shown_above = () if words else ("sequence_length",)
    for group, names in groups.items():
        st.markdown(f"**{WORDS[group]}**")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for name in names:
                if name not in shown_above:
                    _widget(name, disabled=words and name in BY_TEXT)


def _widget(name: str, disabled: bool = False) -> None:
    """Draw one field's widget; its key is the field's name."""
    facts, kind = SETTINGS[name], type(getattr(Config(), name))
    common: dict[str, Any] = {
        "key": name,
        "help": facts.help,
        "persist_state": "session",
        "disabled": disabled,
    }
    if disabled:
        common["help"] = WORDS["given_by_text"]
    if name == "num_heads":
        st.selectbox(facts.label, divisors(st.session_state["d_model"]), width=NARROW - 20, **common)
    elif name == "device":
        st.selectbox(facts.label, devices(), width=NARROW, **common)
    elif facts.choices is not None:
        st.selectbox(
            facts.label,
            list(facts.choices),
            format_func=lambda choice: (facts.choices or {})[choice],
            width={"layout": WIDE, "input": WIDE, "mask": NARROW + 26}.get(name, NARROW),
            **common,
        )
    elif kind is bool:
        st.toggle(facts.label, **common)
    elif kind is int:
        st.number_input(
            facts.label, int(facts.low or 0), int(facts.high or 0), step=1, width=NARROW, **common
        )
    elif kind is float:
        st.number_input(facts.label, facts.low, facts.high, step=0.5, width=NARROW, **common)
    elif name == "text":
        st.text_area(WORDS["text_label"], height="content", **common)
    else:
        st.text_input(WORDS["lengths_label"], width=250, **common)

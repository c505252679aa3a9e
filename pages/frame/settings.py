"""One field of the config -> widget, URL key, limits and sentence; the settings' part of the URL.

The address holds the whole state: `preset` names a base, and every field that differs from it. The view keys
(stage, cell, batch, paint, lens) belong to the browser's drawing, which replaces them without a rerun; they
are read here and handed on untouched. The pages' own view keys are kept here and checked by the page that
draws by them, so that they survive a look at another page.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mha_core import Config, devices
from mha_core.axes import shape_of
from mha_core.config import SETTINGS, divisors
from mha_core.errors import ConfigError
from mha_core.figures.texts import VIEW
from mha_core.origins import ORIGINS
from mha_core.parameters import parameter_pipeline
from mha_core.planted import JOBS, built, jobs_of, not_planted, reasons, shipped_jobs
from mha_core.presets import FIRST, PRESETS
from mha_core.run import pipeline_for
from mha_core.stage import Pipeline, made_names, maker_of
from mha_core.words import listed, say
from pages.frame import cache
from pages.frame.words import WORDS

VERSION = "1"
PAGE_VIEW = ("head", "minus", "other", "query", "key", "of", "as", "over")
"""The pages' own view keys."""

OPENS = {"heads": "planted"}
"""Pages that open a visit with a preset of their own; in their addresses the preset is always written."""

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


@dataclass(frozen=True)
class View:
    """What the browser has in front: batch item, open tensor, its first sheet, followed cell."""

    item: int
    stage: str
    sheet: int
    cell: str
    sentences: tuple[str, ...]


def checked_view(config: Config, asked: Any, pipeline: Pipeline | None = None) -> View:
    """Read what is in front from the address, within what the run has.

    Args:
        config: the run's settings.
        asked: what the drawing asks for in this run: its view keys, which the address may not hold yet, and
            perhaps a sheet.
        pipeline: the stages that the page draws; None: those of the run.
    """
    now = {key: str(value) for key, value in {**view(), **_kept(asked)}.items() if value is not None}
    return view_of(config, now, asked.get("sheet") if isinstance(asked, dict) else None, pipeline)


def view_of(
    config: Config, now: dict[str, str], sheet: Any = None, pipeline: Pipeline | None = None
) -> View:
    """Read what is in front from view keys, within what the page draws; other pages' keys are passed over."""
    pipeline = pipeline or pipeline_for(config)
    elsewhere = _drawn_elsewhere(config, pipeline)
    now = {key: value for key, value in now.items() if value.split(".")[0] not in elsewhere}
    last = config.batch_size - 1
    # a link to a cell need not say the batch item twice
    of_cell = re.match(r"\w+\.(\d{1,4})\.", now.get("cell", ""), re.ASCII)
    batch = now.get("batch", of_cell[1] if of_cell and int(of_cell[1]) <= last else "0")
    good = batch.isascii() and batch.isdigit() and len(batch) < 9 and int(batch) <= last
    framed = re.match(r"\d{1,4}(?=\.)", now.get("lens", ""), re.ASCII)  # the sheet that is looked at
    if sheet is None:
        sheet = int(framed[0]) if framed else 0
    stage = now.get("stage", "")
    return View(
        item=int(batch) if good else 0,
        stage=stage,
        sheet=sheet if isinstance(sheet, int) and 0 <= sheet < _sheets(config, stage, pipeline) else 0,
        cell=now.get("cell", ""),
        sentences=(
            *(() if good else (say(WORDS["no_batch"], value=batch, last=last),)),
            *_unknown_view(pipeline, now),
        ),
    )


def _drawn_elsewhere(config: Config, pipeline: Pipeline) -> set[str]:
    """Return the tensors that other pages draw under the same settings and this one does not."""
    every = (*pipeline_for(config), *parameter_pipeline(config.layout, config.bias))
    return {*made_names(every)} - {*made_names(pipeline)}


def _sheets(config: Config, stage: str, pipeline: Pipeline) -> int:
    """Count the sheets of a tensor; 1 where it has no depth, or is none."""
    if stage not in made_names(pipeline):
        return 1
    shape = shape_of(maker_of(pipeline, stage)[1].axes, config.sizes)
    return shape[1] if len(shape) > 3 else 1


def _kept(asked: Any) -> dict[str, Any]:
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


def _unknown_view(pipeline: Pipeline, now: dict[str, str]) -> list[str]:
    """Say which of stage, paint and lens the drawing will not find."""
    choices = {"stage": made_names(pipeline), "paint": ("value", *ORIGINS)}
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


def link(config: Config, preset: str, page: str = "") -> dict[str, str]:
    """Return the settings' part of a page's address: what differs from the base.

    Nothing for the first view, but on a page that opens with another one.
    """
    base = base_of(preset)
    left_out = BY_TEXT if config.input == "words" else ()
    changed = {
        name: written(getattr(config, name))
        for name in FIELDS
        if name not in left_out and getattr(config, name) != getattr(base, name)
    }
    if "text" in changed and config.input != "words":
        changed["input"] = config.input  # a link with a text alone would mean its words
    bare = preset == FIRST and not changed and page not in OPENS
    return {} if bare else {"preset": preset, **changed}


def whole_link(page: str = "") -> dict[str, str]:
    """Return the whole address of this view, for a link to another page."""
    shown = {**page_view(), **view(), **_told()}
    texts = {key: str(value) for key, value in shown.items() if value is not None}
    return link_to(current().config, texts, page)


def link_to(config: Config, shown: dict[str, str], page: str = "") -> dict[str, str]:
    """Return the whole address of a view: settings beside the preset that is chosen now, and view keys."""
    parts = {**link(config, current().preset, page), **shown}
    return {"v": VERSION, **parts} if parts else {}


def written(value: Any) -> str:
    """Write a setting as the address does."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


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
    if name == "jobs":
        return tuple(job.strip() for job in text.split(",") if job.strip())
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
    named = {key: value for key, value in asked.items() if key not in PAGE_VIEW}
    page = st.session_state["_page"]
    if "preset" in st.session_state and not back and not named and page in OPENS:
        return []  # a bare link inside a visit: the settings that the pages share win
    st.session_state["_page_view"] = {key: value for key, value in asked.items() if key in PAGE_VIEW}
    st.session_state.pop("_glance", None)
    sentences: list[str] = []
    version = st.query_params.get("v", VERSION)
    if version != VERSION:
        sentences.append(say(WORDS["other_version"], value=version))
    first = OPENS.get(page, FIRST)
    preset = named.get("preset", "" if named else first if first in PRESETS else FIRST)
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


# The strip of widgets.


def choose_preset() -> None:
    """Take over a preset's settings."""
    config = PRESETS[st.session_state["preset"]].config
    _put({name: getattr(config, name) for name in FIELDS})


def strip(beside: Callable[[], None]) -> None:
    """Draw the settings: presets and the ones that matter in sight, the rest in a popover.

    Args:
        beside: draws what stands beside that popover.
    """
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
            beside()
        with st.container(horizontal=True, vertical_alignment="bottom", key="settings-second"):
            if words:
                _widget("text")
            else:
                _widget("sequence_length")
            _widget("num_heads")
            _widget("mask")
            _heads_choice()


def _heads_choice() -> None:
    """Offer planted heads, one click away; where they are planted already, say what each was built to do."""
    config = current().config
    if config.weights != "planted":
        st.button(WORDS["plant"], help=WORDS["plant_help"], key="plant", on_click=plant)
        return
    asked = st.popover(WORDS["built"], help=WORDS["built_help"], key="built", on_change="rerun")
    if asked.open:
        with asked:
            heads_said(config)


def heads_said(config: Config) -> None:
    """Say of each planted head what it was built to do, a line a head."""
    heads = enumerate(zip(jobs_of(config), built(config), strict=True))
    lines = [
        say(WORDS["head_built"], head=head, job=JOBS[job].label, sentence=said) for head, (job, said) in heads
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))


def plant() -> None:
    """Plant heads at these sizes, or, where that cannot be, open the preset that has them."""
    if not not_planted(current().config):
        st.session_state["weights"] = "planted"
        return
    st.session_state["preset"] = "planted"
    choose_preset()


def _popover(words: bool) -> None:
    groups = {
        "group_sizes": ("batch_size", "sequence_length", "input_dim", "d_model"),
        "group_input": ("input", "positions", "seed"),
        "group_weights": ("weights", "layout", "bias", "gain"),
        "group_rest": ("lengths", "dtype", *(("device",) if len(devices()) > 1 else ())),
    }
    shown_above = () if words else ("sequence_length",)
    for group, names in groups.items():
        st.markdown(f"**{WORDS[group]}**")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for name in names:
                if name not in shown_above:
                    _widget(name, disabled=words and name in BY_TEXT)
        if group == "group_weights":
            _jobs()


def _jobs() -> None:
    """Draw the list of the heads' jobs; where heads are not planted, say why they cannot be, if so."""
    config = current().config
    if config.weights != "planted":
        if why := not_planted(config):
            st.caption(say(WORDS["no_planting"], reason=why))
        return
    why_not = reasons(config)
    st.multiselect(
        WORDS["jobs_label"],
        [job for job, reason in why_not.items() if not reason],
        format_func=lambda job: JOBS[job].label,
        key="jobs",
        help=SETTINGS["jobs"].help,
        placeholder=listed(JOBS[job].label for job in shipped_jobs(config)),
        max_selections=config.num_heads,
        persist_state="session",
    )
    missing = [
        say(WORDS["no_job"], job=JOBS[job].label, reason=reason) for job, reason in why_not.items() if reason
    ]
    if missing:
        st.caption(" ".join(missing))


WIDTHS = {"layout": WIDE, "input": WIDE, "weights": WIDE - 70, "mask": NARROW + 26}


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
        offered = list(facts.choices)
        if name == "weights" and not_planted(current().config):
            offered.remove("planted")
        st.selectbox(
            facts.label,
            offered,
            format_func=lambda choice: (facts.choices or {})[choice],
            width=WIDTHS.get(name, NARROW),
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

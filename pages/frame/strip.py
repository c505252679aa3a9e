"""The strip of settings: a widget for each field of the config, and the presets above them.

A widget's key is the field's name, its limits and help are the field's own.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from mha_core import Config, devices
from mha_core.config import SETTINGS, divisors
from mha_core.planted import JOBS, built, jobs_of, not_planted, reasons, shipped_jobs
from mha_core.presets import PRESETS
from mha_core.words import listed, say
from pages.frame import settings
from pages.frame.address import BY_TEXT
from pages.frame.words import WORDS

NARROW, WIDE = 124, 250  # pixels; three narrow ones stand side by side on a phone


def choose_preset() -> None:
    """Take over a preset's settings."""
    settings.take_over(PRESETS[st.session_state["preset"]].config)


def draw(beside: Callable[[], None]) -> None:
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
    config = settings.current().config
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
    if not not_planted(settings.current().config):
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
    config = settings.current().config
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
        if name == "weights" and not_planted(settings.current().config):
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

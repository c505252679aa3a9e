"""The widgets of the page of heads: each shows a view key, and changes it."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mha_core import Config, Trace
from mha_core.compare import map_names
from mha_core.config import MASKS, SETTINGS
from mha_core.words import say
from pages.frame import settings
from pages.frame.chosen import Chosen, offered, pages_of
from pages.frame.words import WORDS

Changes = dict[str, str | None]


def synced(
    widget: Callable[..., Any],
    key: str,
    value: Any,
    changes: Callable[[Any], Changes],
    *given: Any,
    **options: Any,
) -> None:
    """Draw a widget that shows what is in front and changes it.

    Its state is set only where it differs: setting it on every run would undo what was typed while the run
    went on.

    Args:
        widget: a widget of Streamlit.
        key: its key.
        value: what it is to show.
        changes: the view keys that a value of it stands for.
        given: its own arguments, the label first.
        options: its own named arguments.
    """
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    widget(*given, key=key, on_change=lambda: settings.look(**changes(st.session_state[key])), **options)


def controls(trace: Trace, now: Chosen) -> None:
    """Draw what can be chosen of the maps."""
    config = trace.config
    heads = (*pages_of(config.num_heads), "mean", *map(str, range(config.num_heads)))
    with st.container(horizontal=True, vertical_alignment="bottom", key="heads-controls"):
        synced(
            st.segmented_control,
            "heads-tensor",
            now.name,
            lambda name: {"stage": name},
            WORDS["heads_tensor"],
            map_names(trace.pipeline),
            required=True,
        )
        synced(
            st.selectbox,
            "heads-head",
            now.head,
            lambda head: {"head": None if head == heads[0] else head, "of": None},
            WORDS["heads_shown"],
            heads,
            format_func=_head_said,
            width=160,
        )
        _compared(trace, now)
        synced(
            st.segmented_control,
            "heads-as",
            "links" if now.links else "map",
            lambda kind: {"as": "links" if kind == "links" else None},
            WORDS["heads_as"],
            ("map", "links"),
            format_func=lambda kind: WORDS[f"as_{kind}"],
            required=True,
        )
        if config.batch_size > 1:
            synced(
                st.selectbox,
                "heads-item",
                now.item,
                lambda item: {"batch": str(item) if item else None, "cell": None},
                WORDS["heads_item"],
                range(config.batch_size),
                width=110,
            )


def _head_said(head: str) -> str:
    if head.isdigit():
        return say(WORDS["one_head"], head=head)
    if head in ("all", "mean"):
        return WORDS[f"{head}_heads"]
    first, _, last = head.partition("-")
    return say(WORDS["page_of_heads"], first=first, last=last)


def _compared(trace: Trace, now: Chosen) -> None:
    """Draw what is taken away: its kind, and which one."""
    writing = settings.page_view().get("minus") == "text" and "text" in offered(trace, now.name)
    kind = "text" if writing else now.minus
    firsts = _firsts(trace.config, now)
    synced(
        st.selectbox,
        "heads-minus",
        kind,
        lambda chosen: {"minus": firsts.get(chosen, chosen) or None},
        WORDS["heads_minus"],
        offered(trace, now.name),
        format_func=lambda chosen: WORDS[f"minus_{chosen or 'nothing'}"],
        width=230,
        help=WORDS["minus_help"],
    )
    if kind == "text":
        text = settings.page_view().get("other", "")
        label = WORDS["minus_text_label"]
        synced(st.text_input, "heads-other", text, lambda typed: {"other": typed or None}, label, width=260)
    elif kind in firsts:
        _which(trace.config, kind, now.value)


def _firsts(config: Config, now: Chosen) -> Changes:
    """Return what is compared with first: another head, mask or seed than the one that is shown."""
    seed = config.seed + 1 if config.seed < int(SETTINGS["seed"].high or 0) else 0
    return {
        "head": "head.1" if now.head == "0" else "head.0",
        "mask": f"mask.{next(mask for mask in MASKS if mask != config.mask)}",
        "seed": f"seed.{seed}",
    }


def _which(config: Config, kind: str, value: str) -> None:
    label, key = WORDS[f"minus_{kind}_label"], f"heads-minus-{kind}"

    def change(chosen: Any) -> Changes:
        return {"minus": f"{kind}.{chosen}"}

    if kind == "seed":
        most = int(SETTINGS["seed"].high or 0)
        synced(st.number_input, key, int(value), change, label, 0, most, step=1, width=124)
        return
    choices = list(map(str, range(config.num_heads))) if kind == "head" else list(MASKS)
    synced(st.selectbox, key, value, change, label, choices, width=124)


def head_of_table(trace: Trace, now: Chosen) -> None:
    """Draw whose numbers the table below all maps holds: the head that is looked at more closely."""
    heads = range(trace.config.num_heads)
    label = WORDS["table_head"]
    synced(st.selectbox, "heads-table-of", now.of, lambda at: {"of": str(at)}, label, heads, width=110)


def cell_controls(trace: Trace, now: Chosen, query: int, key: int, labels: Sequence[str]) -> None:
    """Draw which score is looked at more closely: a head, a query and a key, by their words."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="heads-cell"):
        heads = range(trace.config.num_heads)
        label = WORDS["closer_head"]
        synced(st.selectbox, "heads-of", now.of, lambda at: {"of": str(at)}, label, heads, width=110)
        for name, value in (("query", query), ("key", key)):
            synced(
                st.selectbox,
                f"heads-{name}",
                value,
                lambda at, name=name: {name: str(at)},
                name,
                range(len(labels)),
                format_func=lambda at: labels[at],
                width=200,
            )


def over_control(trace: Trace, now: Chosen) -> None:
    """Draw whether heads are measured over one batch item or over all."""
    synced(
        st.segmented_control,
        "heads-over",
        "all" if now.over else "item",
        lambda over: {"over": "all" if over == "all" else None},
        WORDS["measured_over"],
        ("item", "all"),
        format_func=lambda over: say(WORDS[f"over_{over}"], item=now.item, count=trace.config.batch_size),
        required=True,
    )


def picked(found: Any, size: int, **names: str) -> None:
    """Take over what was picked in a drawing.

    Args:
        found: what the drawing returned: indices by name, None where nothing was picked.
        size: how many rows and columns there are.
        names: for each name the view key that it goes to.
    """
    if not isinstance(found, dict):
        return
    changes: Changes = {}
    for name, key in names.items():
        at = found.get(name)
        if isinstance(at, int) and 0 <= at < size:
            changes[key] = str(at)
        elif name in found and at is None:
            changes[key] = None
    now = settings.page_view()
    if any(now.get(key) != value for key, value in changes.items()):
        settings.look_now(**changes)
        st.rerun()

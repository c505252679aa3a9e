"""One run as a page of its own: the very drawing that the app uses, in one file that fetches nothing.

Every word stands in one block of plain JSON (`words`), so that a course can translate it; numbers, facts and
drawing are packed (deflate, base64). What the app would ask its server for is either in the page (the
followed cell's way) or said to be elsewhere (another cell's way, other batch items).
"""

from __future__ import annotations

import base64
import html
import json
import zlib
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Any

from mha_core.axes import WORDS as AXIS_MEANINGS
from mha_core.config import Config
from mha_core.errors import InputError
from mha_core.figures.assets import script
from mha_core.figures.cells import describe, own_bytes
from mha_core.figures.follow import follow_json
from mha_core.figures.texts import constant_json, text_key
from mha_core.figures.theme import NEUTRALS
from mha_core.figures.to_bytes import run_bytes, run_id
from mha_core.figures.words import PAGE, WORDS
from mha_core.run import Trace
from mha_core.words import listed, say

FOLDER = Path(__file__).parent / "page"

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

MOST = 48_000_000
"""Bytes of numbers that one page holds; packed they may grow to about 64 MB."""

SAID = ("title", "why", "operation", "note", "source")
"""What is said of a stage, and therefore translated; its code and its formula are not."""

ROWS = {"rule": ("rows",)}
"""What is said in the table of a followed number besides its headings, by how the terms are joined."""

STREAMLITS = {"text-color": "text", "background-color": "page", "secondary-background-color": "panel"}
"""Streamlit's names for colours, which the drawing reads, and ours."""


def page_bytes(trace: Trace) -> int:
    """Return how many bytes of numbers the page of one batch item holds."""
    return sum(own_bytes(trace, name) for name in trace.names)


def to_html(  # noqa: PLR0913 - what stands on the page, by name
    trace: Trace,
    *,
    item: int = 0,
    view: Mapping[str, str] | None = None,
    link: str = "",
    notes: tuple[str, ...] = (),
    settings: Config | None = None,
) -> str:
    """Return one batch item of a run as a self-contained page.

    Args:
        trace: the run.
        item: the batch item that the page holds.
        view: what it opens with, as in a link: `stage`, `cell`, `paint`, `lens`. A cell of this batch item is
            followed, and the page knows the way of this one.
        link: the address of the live view, where there is one; anything but http and https is left out.
        notes: sentences about the run that stand above it.
        settings: the settings that the page lists; None: the run's own.

    Raises:
        InputError: the batch item holds more numbers than one page can.
    """
    held = page_bytes(trace)
    if held > MOST:
        raise InputError(
            "One batch item of this run holds {held} MB of numbers, and a page holds at most {most} MB. A "
            "smaller sequence_length, d_model or input_dim fits.",
            held=round(held / 1e6),
            most=MOST // 1_000_000,
        )
    shown, identity = dict(view or {}), f"{run_id(trace.config)}-{item}"
    numbers = run_bytes(trace, describe(trace, item, budget=MOST), (), identity)
    followed = _followed(trace, shown.get("cell", ""), item, identity)
    words, facts = _apart(trace, followed)
    words |= {"notes": list(notes), "batch": _batch(trace, item)}
    facts |= {
        "link": link if link.startswith(("https://", "http://")) else "",
        "view": {
            "stage": shown.get("stage") if shown.get("stage") in trace.names else None,
            "cell": followed["cell"] if followed else None,
            "paint": shown.get("paint") or None,
            "lens": shown.get("lens") or None,
            "batch": str(item) if item else None,
        },
        "settings": [
            [each.name, _written(getattr(settings or trace.config, each.name))] for each in fields(Config)
        ],
    }
    return Template(_file("page.html")).substitute(
        lang=html.escape(words["lang"]),
        policy=POLICY,
        title=html.escape(words["page"]["title"]),
        style=_style(),
        no_script=html.escape(words["page"]["no_script"]),
        words=_block(words),
        facts=_packed(json.dumps(facts, ensure_ascii=False).encode()),
        numbers=_packed(numbers),
        drawing=_drawing(),
        start=_file("start.js"),
    )


def _apart(trace: Trace, followed: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part what is read (the words) from what is not (the facts)."""
    constant = json.loads(constant_json())
    used = {key: constant["stages"][key] for key in map(text_key, trace.pipeline) if key}
    words: dict[str, Any] = {
        "lang": "en",
        "page": PAGE,
        "stages": {key: {name: stage.pop(name) for name in SAID} for key, stage in used.items()},
        "words": WORDS,
        "axes": AXIS_MEANINGS,
    }
    if followed:
        sums, strips = followed["sums"], followed["strips"]
        said = {
            # of a rule that was compared the row has a name; other rows name cells
            name: {key: one.pop(key) for key in ("sentence", "columns", *ROWS.get(one["joined_by"], ()))}
            for name, one in sums.items()
        }
        labels = [strip.pop("label") for strip in strips]
        words["followed"] = {"list": followed.pop("list"), "sums": said, "strips": labels}
    plain = {key: value for key, value in constant.items() if key not in words} | {"stages": used}
    return words, {"constant": plain, "followed": followed}


def _followed(trace: Trace, cell: str, item: int, identity: str) -> dict[str, Any] | None:
    """Return what is known of a cell; None where a link names none that this page draws."""
    try:
        found: dict[str, Any] = json.loads(follow_json(trace, cell, identity))
    except InputError:
        return None
    return found if found["index"][0] == item else None


def _batch(trace: Trace, item: int) -> str:
    """Say that the other batch items are elsewhere; nothing where there are none."""
    count = trace.config.batch_size
    return say(PAGE["batch"], item=item, count=count) if count > 1 else ""


def _written(value: object) -> str:
    return listed(value) if isinstance(value, tuple) else str(value)


def _block(facts: Mapping[str, Any]) -> str:
    """Write JSON that no text inside it can end."""
    return json.dumps(facts, ensure_ascii=False, indent=1).replace("<", "\\u003c")


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


@lru_cache(maxsize=1)
def _drawing() -> str:
    return _packed(script().encode())


@lru_cache(maxsize=4)
def _file(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


@lru_cache(maxsize=1)
def _style() -> str:
    """Return the page's style, with the colours that the drawing otherwise reads from Streamlit."""
    themes = {
        side: "\n".join(
            [
                *(
                    f"  --st-{theirs}: {getattr(NEUTRALS[ours], side)};"
                    for theirs, ours in STREAMLITS.items()
                ),
                f"  --muted: {getattr(NEUTRALS['muted'], side)};",
            ]
        )
        for side in ("light", "dark")
    }
    return Template(_file("page.css")).substitute(themes)

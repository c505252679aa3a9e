"""Heatmaps as Plotly figures. Looks come from the theme; any text enters through `shown_text`.

What is unusual, and why:
- Axes are numeric, and words are their tick texts: words as categories merge repeats and drop data silently.
- Numbers travel as float32 (float64 of a float64 run), which Plotly sends as they are; float16 would become a
  list of twice the size.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from mha_core.figures.maps import Map, Maps, Side
from mha_core.figures.plot_looks import (
    FONT,
    LETTER,
    LONGEST,
    MARKS,
    PITCH,
    SMALL,
    Look,
    Room,
    neutral,
    room_for,
    scale_of,
    shown_text,
)
from mha_core.figures.plot_traces import sums, traces
from mha_core.figures.said import number
from mha_core.figures.theme import AXES
from mha_core.figures.words import MAP_LABELS
from mha_core.words import say

__all__ = ["Look", "figure", "room_for", "scale_of", "shown_text"]

LINE = 17
"""Pixels of a further line under a map."""

BAR = 62
"""Pixels that a phone's colour bar takes below the maps; above it stand the names of the lowest ones."""


def figure(maps: Maps, look: Look) -> go.Figure:
    """Draw maps as small multiples with one colour axis; a single one with its row and column sums."""
    room = _with_jobs(maps, room_for(len(maps.maps), look.narrow))
    data: list[dict[str, Any]] = []
    layout = _layout(maps, look, room)
    for place, one in enumerate(maps.maps):
        axes = _axis_names(place)
        data += [{**trace, **axes} for trace in traces(one, maps, look, room)]
        layout.update(_axes(place, maps, look, room))
        layout["annotations"] += _captions(place, one, look, room)
    if len(maps.maps) == 1:
        bars, axes = sums(maps.maps[0], maps, look, room)
        data += bars
        layout.update(axes)
    return go.Figure(data, layout)


def _with_jobs(maps: Maps, room: Room) -> Room:
    """Make room below the lowest maps where what a head was built to do has a line of its own."""
    lined = not room.sums and any(one.job for one in maps.maps)
    return replace(room, bottom=room.bottom + LINE, between=room.between + LINE - 7) if lined else room


def _short(text: str) -> str:
    return shown_text(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


# The figure as a whole.


def _layout(maps: Maps, look: Look, room: Room) -> dict[str, Any]:
    text = neutral(look, "text")
    return {
        "height": room.height(len(maps.maps)),
        "margin": {"l": room.left, "r": room.right, "t": room.top, "b": room.bottom, "pad": 0},
        "paper_bgcolor": neutral(look, "page"),
        "plot_bgcolor": neutral(look, "page"),
        "font": {"color": text, "size": 12, "family": FONT},
        "showlegend": False,
        "dragmode": False,
        "bargap": 0.35,
        "coloraxis": _colour_axis(maps, look, room),
        "hoverlabel": {
            "bgcolor": neutral(look, "chip"),
            "bordercolor": neutral(look, "outline"),
            "font": {"color": text, "size": 13, "family": FONT},
            "align": "left",
        },
        "annotations": [
            _annotation(0, MAP_LABELS[axis], AXES[axis].of(look.theme), yshift=shift)
            | {"y": 1, "xanchor": "right", "yanchor": "bottom", "xshift": -8}
            for axis, shift in (("query", 3), ("key", 20))
        ],
        "template": {"layout": {"xaxis": _axis(maps.columns, look), "yaxis": _axis(maps.rows, look)}},
    }


def _annotation(place: int, text: str, colour: str, **more: Any) -> dict[str, Any]:
    """Build a text beside a map; it follows the map wherever the page's width puts it."""
    axes = _axis_names(place)
    return {
        "xref": f"{axes['xaxis']} domain",
        "yref": f"{axes['yaxis']} domain",
        "x": 0,
        "text": text,
        "showarrow": False,
        "font": {"color": colour, "size": 12.5},
        **more,
    }


def _colour_axis(maps: Maps, look: Look, room: Room) -> dict[str, Any]:
    scale, spread = scale_of(maps, look)
    signed = maps.kind == "signed"
    limit = number(maps.limit, 3)
    more = "_spread" if spread else "_clipped" if maps.clipped else ""
    title = say(MAP_LABELS[f"bar_{maps.kind}{more}"], limit=limit)
    bar: dict[str, Any] = {
        "title": {"text": title, "font": {"size": 12}},
        "thickness": 12,
        "outlinewidth": 0,
        "ticks": "",
        "tickfont": {"size": 11.5},
        "tickmode": "array",
        "tickvals": [-maps.limit, 0, maps.limit] if signed else [0, 0.25, 0.5, 0.75, 1],
        "ticktext": [f"−{limit}", "0", limit] if signed else ["0", "0.25", "0.5", "0.75", "1"],
    }
    if look.narrow:
        bar |= {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "top", "len": 1}
        bar["ypad"] = room.bottom - BAR
    else:
        side = (room.side + room.sums) / room.wide if room.sums else 1
        bar |= {"x": side, "xpad": 14, "lenmode": "pixels", "len": 230, "y": 1, "yanchor": "top"}
    low = -maps.limit if signed else 0
    return {"cmin": low, "cmax": maps.limit if signed else 1, "colorscale": scale, "colorbar": bar}


def _axis(side: Side, look: Look) -> dict[str, Any]:
    """Build what all axes of one side have in common; the hover takes its words from `labelalias`."""
    return {
        "labelalias": {str(index): shown_text(label) for index, label in enumerate(side.labels)},
        "color": AXES[side.axis].of(look.theme),
        "tickfont": {"size": 11.5},
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "mirror": True,
        "linewidth": 1,
        "linecolor": neutral(look, "outline"),
        "fixedrange": True,
        "constrain": "domain",
    }


def _axis_names(place: int) -> dict[str, str]:
    tail = str(place + 1) if place else ""
    return {"xaxis": f"x{tail}", "yaxis": f"y{tail}"}


def _axes(place: int, maps: Maps, look: Look, room: Room) -> dict[str, Any]:
    """Build the two axes of one map; ticks stand on the top row and on the left column alone."""
    row, column = divmod(place, room.across)
    high = room.inner(len(maps.maps))
    top = 1 - row * (room.side + room.between) / high
    # maps side by side share the whole width; a single one stands close to its sums
    across = [0, room.side / room.wide] if room.sums else _shared(column, room)
    names, size = _axis_names(place), (len(maps.rows.labels), len(maps.columns.labels))
    x: dict[str, Any] = {
        "domain": across,
        "anchor": names["yaxis"],
        "range": [-0.5, size[1] - 0.5],
        "constraintoward": "right" if room.sums else "left",
        **(_ticks(maps.columns, room, turned=True) if row == 0 else {"showticklabels": False}),
        "side": "top",
    }
    y: dict[str, Any] = {
        "domain": [max(0.0, top - room.side / high), top],
        "anchor": names["xaxis"],
        "range": [size[0] - 0.5, -0.5],  # query 0 is on top
        "scaleanchor": names["xaxis"],
        "scaleratio": size[1] / size[0],
        "constraintoward": "top",
        **(_ticks(maps.rows, room, turned=False) if column == 0 else {"showticklabels": False}),
    }
    tail = names["xaxis"][1:]
    return {f"xaxis{tail}": x, f"yaxis{tail}": y}


def _shared(column: int, room: Room) -> list[float]:
    """Share the width among the columns, with the gaps between them."""
    gap = room.gap / room.wide
    each = (1 - gap * (room.across - 1)) / room.across
    return [column * (each + gap), min(1.0, column * (each + gap) + each)]


def _ticks(side: Side, room: Room, turned: bool) -> dict[str, Any]:
    """Name every index where there is room, else every 2nd, 4th, 8th ... with its index."""
    size = len(side.labels)
    pitch = room.side / size
    step = 1
    while step * pitch < PITCH:
        step *= 2
    named = side.labels if step == 1 else side.indexed
    if room.side < SMALL:
        named = tuple(map(str, range(size)))
    shown = list(range(0, size, step))
    texts = [_short(named[index]) for index in shown]
    long = max(map(len, texts)) * LETTER > step * pitch
    angle = {"tickangle": -45 if size > 4 or long else 0} if turned else {}
    return {"tickmode": "array", "tickvals": shown, "ticktext": texts, **angle}


def _called(one: Map, room: Room) -> str:
    """Return a map's name, with what a planted head was built to do: below it where maps stand side by side.

    Only a large map is sure to be wide enough for both: the page may be much narrower than `Room` supposes.
    """
    text = one.title
    for kind, marked in (("nan", one.nan), ("infinite", one.infinite)):
        if marked and room.side / len(one.values) < MARKS:
            text = say(MAP_LABELS[f"count_{kind}"], title=text, count=len(marked))
    if not one.job:
        return text
    return say(MAP_LABELS["head_job" if room.sums else "head_job_lines"], title=text, job=one.job)


def _captions(place: int, one: Map, look: Look, room: Room) -> list[dict[str, Any]]:
    """Build a map's name below it, with what is too small to be marked."""
    text = _called(one, room)
    caption = _annotation(place, text, AXES["head"].of(look.theme), yshift=-3)
    caption |= {"y": 0, "xanchor": "left", "yanchor": "top", "align": "left"}
    if not room.sums:
        return [caption]
    row_sum = _annotation(0, MAP_LABELS["row_sum"], AXES["query"].of(look.theme), yshift=3)
    column_sum = _annotation(0, MAP_LABELS["column_sum"], AXES["key"].of(look.theme))
    return [
        caption | {"yref": "y2 domain"},
        row_sum | {"xref": "x2 domain", "y": 1, "xanchor": "left", "yanchor": "bottom"},
        column_sum | {"xref": "x2 domain", "yref": "y2 domain", "y": 1, "xanchor": "left", "yanchor": "top"},
    ]

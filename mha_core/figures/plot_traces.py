"""What stands on one map of a Plotly figure: the heatmap, the hatch, digits and marks, and sums beside it.

The hatch is a polygon over the cells, which does not answer the hover: the true number below it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mha_core.figures.hatch import outline
from mha_core.figures.maps import FEW, LINEAR, Map, Maps, cell_text
from mha_core.figures.plot_looks import DIGITS, GAPS, MARKS, PARTED, ROOMY, Look, Room, neutral, scale_of
from mha_core.figures.said import number
from mha_core.figures.theme import AXES, colour_at, ink_on
from mha_core.figures.words import MAP_LABELS
from mha_core.words import say


def traces(one: Map, maps: Maps, look: Look, room: Room) -> Iterator[dict[str, Any]]:
    """Give everything that is drawn on one map, bottom to top; the axes are the caller's."""
    pitch = room.side / max(one.values.shape)
    small = max(one.values.shape) <= GAPS
    hover = {"query": "%{y}", "key": "%{x}", "value": f"%{{z:.{maps.digits}~g}}"}
    heatmap = {
        "type": "heatmap",
        "name": one.title,
        "z": one.values,
        "coloraxis": "coloraxis",
        "xgap": int(small and pitch >= PARTED),
        "ygap": int(small and pitch >= PARTED),
        "hovertemplate": f"{say(MAP_LABELS['hover'], **hover)}<extra>{one.title}</extra>",
    }
    if small and one.hidden.any():
        # the number under the hatch is true and says so; longer maps would carry a text a cell for it
        heatmap["text"] = np.where(one.hidden, MAP_LABELS["is_masked"], "").tolist()
        masked = say(MAP_LABELS["hover_masked"], **hover, masked="%{text}")
        heatmap["hovertemplate"] = f"{masked}<extra>{one.title}</extra>"
    yield heatmap
    if one.hidden.any():
        yield _hatch(one.hidden, look)
    if texts := list(_texts(one, maps, look, pitch)):
        columns, rows, words, colours = zip(*texts, strict=True)
        yield {
            "type": "scatter",
            "mode": "text",
            "x": list(columns),
            "y": list(rows),
            "text": list(words),
            "textfont": {"size": 13 if pitch >= ROOMY else 11, "color": list(colours)},
            "hoverinfo": "skip",
        }


def _hatch(hidden: np.ndarray, look: Look) -> dict[str, Any]:
    x, y = outline(hidden)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": neutral(look, "hatch_ground"),
        "fillpattern": {
            "shape": "/",
            "size": 6,
            "solidity": 0.22,
            "fillmode": "replace",
            "fgcolor": neutral(look, "hatch_line"),
            "bgcolor": neutral(look, "hatch_ground"),
        },
        "hoverinfo": "skip",
    }


def _texts(one: Map, maps: Maps, look: Look, pitch: float) -> Iterator[tuple[int, int, str, str]]:
    """Give column, row, text and colour of every digit and mark that has room."""
    mark = neutral(look, "text")
    if pitch >= MARKS:
        yield from ((column, row, "×", mark) for row, column in one.nan)
        yield from ((column, row, "∞" if sign > 0 else "−∞", mark) for (row, column), sign in one.infinite)
    if pitch < DIGITS or max(one.values.shape) > FEW:
        return
    scale, _ = scale_of(maps, look)
    places, stops = zip(*scale, strict=True)
    evenly = np.linspace(0, 1, len(stops))
    for row, column in np.argwhere(np.isfinite(one.values) & ~one.hidden):
        value = float(one.values[row, column])
        share = value if maps.kind == "probability" else (value / maps.limit + 1) / 2
        at = float(np.interp(share, places, evenly))  # a scale's own stops stand evenly
        yield int(column), int(row), cell_text(value, maps.kind), ink_on(colour_at(stops, at))


# The sums beside a single map.


def sums(one: Map, maps: Maps, look: Look, room: Room) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Draw the sums of the rows at the right and of the columns below, as bars on the map's own axes."""
    high = room.inner(1)
    form = f".{maps.digits}~g"
    row_said = say(MAP_LABELS["hover_row_sum"], query="%{y}", value=f"%{{x:{form}}}")
    column_said = say(MAP_LABELS["hover_column_sum"], key="%{x}", value=f"%{{y:{form}}}")
    rows = {
        **_bars(one.row_sums, AXES["query"].of(look.theme), "row_sum"),
        "orientation": "h",
        "x": one.row_sums,
        "y": np.arange(len(one.row_sums)),
        "xaxis": "x2",
        "yaxis": "y",
        "hovertemplate": f"{row_said}<extra></extra>",
    }
    columns = {
        **_bars(one.column_sums, AXES["key"].of(look.theme), "column_sum"),
        "x": np.arange(len(one.column_sums)),
        "y": one.column_sums,
        "xaxis": "x",
        "yaxis": "y2",
        "hovertemplate": f"{column_said}<extra></extra>",
    }
    plain = {"showticklabels": False, "showline": False, "mirror": False, "constrain": "range"}
    beside = [(room.side + 8) / room.wide, (room.side + room.sums) / room.wide]
    below = [0, (room.sums - 12) / high]
    return [rows, columns], {
        "xaxis2": {**plain, "domain": beside, "anchor": "y", "range": _reach(one.row_sums)},
        # sums grow downwards, away from the map
        "yaxis2": {**plain, "domain": below, "anchor": "x", "range": _reach(one.column_sums)[::-1]},
    }


def _bars(sums: np.ndarray, colour: str, name: str) -> dict[str, Any]:
    bars = {"type": "bar", "name": MAP_LABELS[name], "marker": {"color": colour, "line": {"width": 0}}}
    if len(sums) > LINEAR:
        return bars
    texts = [number(round(value, 2) + 0.0, 3) for value in sums.tolist()]  # + 0.0: no "−0"
    return {**bars, "text": texts, "textposition": "outside", "cliponaxis": False, "textangle": 0}


NOUGHT = 0.005
"""Sums that all lie within this are written as 0 and have no length."""


def _reach(sums: np.ndarray) -> list[float]:
    finite: Sequence[float] = sums[np.isfinite(sums)].tolist()
    low, high = min(0.0, *finite, 0.0), max(0.0, *finite, 0.0)
    if high - low < NOUGHT:  # a rounding is not drawn as a difference
        return [-1.0, 1.0]
    room = 0.45 * (high - low)  # for the numbers at the bars' ends
    return [low - room * (low < 0), high + room if high > low else low + 1.0]

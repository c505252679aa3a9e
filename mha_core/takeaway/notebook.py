"""The script as a notebook: a cell a stage, with its words and formula, and the maps of every head.

Plain JSON (nbformat 4.5), made without any library. The figures are saved in it, as SVG and, for readers that
show no SVG before a notebook is trusted, as PNG; running the notebook draws them again with torch alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mha_core.axes import edges
from mha_core.figures.cells import hidden_by
from mha_core.figures.theme import NEUTRALS, SCALES
from mha_core.run import Trace
from mha_core.stage import Made, Stage
from mha_core.takeaway.heatmaps import heatmaps, painted, png
from mha_core.takeaway.script import CELL, sections
from mha_core.takeaway.source import Carried
from mha_core.words import say

HEADS = 16
"""Heads whose maps are drawn; above, the first ones."""

SCALED = 12
"""Pixels of a cell in the pictures for readers that show no SVG."""

NAMED = ("outline", "hatch_line", "hatch_ground", "page", "text")
"""The colours of the page that a map needs besides its scale's."""

MAPS = "Maps of {name}: {count} heads, queries down, keys across."

Cell = dict[str, Any]


def notebook(trace: Trace, link: str = "", item: int = 0, threads: int | None = None) -> str:
    """Return a notebook that runs the stages of a trace, compares every tensor, and draws the heads' maps.

    Args:
        trace: the run.
        link: the address of the view, which the notebook names.
        item: the batch item whose maps are drawn.
        threads: on how many threads the run took place; None: on as many as torch has now.

    Raises:
        InputError: the run has an input or weights of the caller's own, too large for a notebook.
    """
    parts = sections(trace, link, threads)
    cells = [_words("title", [f"# {TITLE}", ABOUT])]
    cells += [_code(f"part-{at}", part) for at, part in enumerate(parts.before)]
    drawing = Carried()
    drawing.add(heatmaps)
    imports = "\n".join([*sorted(drawing.imports), "from IPython.display import SVG, display"])
    cells.append(
        _code("maps", f"# How the maps of the heads are drawn\n{imports}\n\n{drawing.text()}\n\n\n{_look()}")
    )
    for stage, part in zip(trace.pipeline, parts.stages, strict=True):
        cells += [_words(f"about-{stage.key}", _about(stage)), _code(f"stage-{stage.key}", part)]
        cells += [_map(trace, made, item) for made in stage.makes if _is_map(made)]
    cells.append(_words("after", ["## Compare with the numbers that were shown"]))
    cells += [_code(f"after-{at}", part) for at, part in enumerate(parts.after)]
    return json.dumps(
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        ensure_ascii=False,
        indent=1,
    )


TITLE = "Multi-head attention, stage by stage"
ABOUT = (
    "Each cell below is a step that ran, with the settings and the numbers of one view of the explorer. Run "
    "all cells: the last one compares every tensor with the one that was shown. It needs torch alone."
)


def _is_map(made: Made) -> bool:
    return [edge.words for edge in edges(made.axes)][1:] == [("head",), ("query",), ("key",)]


def _about(stage: Stage) -> list[str]:
    formula = [f"$${stage.formula}$$"] if stage.formula else []
    return [f"## {stage.title}", stage.why, *([f"*{stage.note}*"] if stage.note else []), *formula]


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _words(key: str, paragraphs: Sequence[str]) -> Cell:
    return {"cell_type": "markdown", "id": key, "metadata": {}, "source": _lines("\n\n".join(paragraphs))}


def _code(key: str, text: str, outputs: Sequence[Cell] = ()) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": key,
        "metadata": {},
        "outputs": list(outputs),
        "source": _lines(f"#{text.removeprefix(CELL)}" if text.startswith(CELL) else text),
    }


def _look() -> str:
    """Return the lines that name the colours."""
    colours = {name: NEUTRALS[name].light for name in NAMED}
    stops = {kind: SCALES[kind].light for kind in ("signed", "probability")}
    return f"colours = {json.dumps(colours)}\nstops = {json.dumps(stops, indent=4)}"


def _map(trace: Trace, made: Made, item: int) -> Cell:
    """Return the cell that draws a tensor's heads, with the picture of the shown numbers."""
    config, flag = trace.config, hidden_by(trace.pipeline, made.name)
    heads = trace.window(made.name, batch=item)[:HEADS].cpu()
    hidden = (
        trace.window(flag, batch=item)[0].cpu() if flag else torch.zeros(heads.shape[1:], dtype=torch.bool)
    )
    tokens = config.words[item] if config.words else tuple(map(str, range(config.sequence_length)))
    sizes = heads[heads.isfinite()].abs()
    signed = made.values == "signed"
    limit = float(f"{float(sizes.max()) or 1.0:.3g}") if signed and len(sizes) else float(signed)
    kind = "signed" if signed else "probability"
    look = {**{name: NEUTRALS[name].light for name in NAMED}, "stops": SCALES[kind].light}
    masked = f"{flag}[{item}, 0]" if flag else f"torch.zeros({tuple(hidden.shape)}, dtype=torch.bool)"
    source = (
        f"tokens = {tokens!r}\n"
        f"drawn = heatmaps(\n    {made.name}[{item}, :{HEADS}], {masked}, tokens, "
        f'{{**colours, "stops": stops["{kind}"]}}, {limit!r}\n)\ndisplay(SVG(drawn))'
    )
    shown = {
        "image/svg+xml": _lines(heatmaps(heads, hidden, tokens, look, limit)),
        "image/png": base64.b64encode(_picture(heads, hidden, look, limit)).decode(),
        "text/plain": [say(MAPS, name=made.name, count=len(heads))],
    }
    return _code(f"map-{made.name}", source, [{"output_type": "display_data", "data": shown, "metadata": {}}])


def _picture(heads: Tensor, hidden: Tensor, look: dict[str, Any], limit: float) -> bytes:
    """Return the maps side by side as a PNG without words, hidden cells hatched."""
    scale = max(1, min(SCALED, 256 // len(hidden)))

    def colour(name: str) -> Tensor:
        return torch.tensor(list(bytes.fromhex(look[name][1:])), dtype=torch.uint8)

    def large(cells: Tensor) -> Tensor:
        return cells.repeat_interleave(scale, 0).repeat_interleave(scale, 1)

    hides = large(hidden)[..., None]
    place = torch.arange(len(hides))
    lines = (place[:, None] + place) % 5 == 0
    hatch = torch.where(lines[..., None], colour("hatch_line"), colour("hatch_ground"))
    gap = colour("page").expand(len(hides), SCALED, 3)
    sheets = [torch.where(hides, hatch, large(painted(head, look["stops"], limit))) for head in heads]
    parts = [part for sheet in sheets for part in (sheet, gap)]
    return png(torch.cat(parts[:-1], dim=1))

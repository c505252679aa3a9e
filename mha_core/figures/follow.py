"""One number followed through the whole run: marks, moves, arithmetic, and the same in words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mha_core.errors import InputError
from mha_core.figures.cells import statistics, widened
from mha_core.figures.said import Teller, number, written
from mha_core.figures.sums import Sums
from mha_core.figures.words import LABELS, TEMPLATES
from mha_core.inputs import TABLES, vocabulary
from mha_core.origins import boxes, item_sizes, kept_out, roots, trail
from mha_core.run import Trace
from mha_core.stage import Cell
from mha_core.words import listed, say

__all__ = ["Follower", "follow_json", "number", "read_cell", "spelled", "written"]

LONGEST_STRIP = 4096


def read_cell(trace: Trace, text: str) -> tuple[str, Cell]:
    """Read `weights.0.3.2.1` as a tensor's name and an index.

    Raises:
        InputError: no such tensor, or no such cell; the sentence says which there are.
    """
    name, *places = text.split(".")
    if name not in trace.names:
        raise InputError(TEMPLATES["no_tensor"], given=text, known=listed(trace.names))
    shape = tuple(trace[name].shape)
    index = tuple(int(place) for place in places if place.isascii() and place.isdigit() and len(place) < 9)
    if len(index) != len(places) or len(index) != len(shape) or any(map(int.__ge__, index, shape)):
        last = ".".join([name, *(str(size - 1) for size in shape)])
        first = ".".join([name, *("0" for _ in shape)])
        raise InputError(TEMPLATES["no_index"], given=text, name=name, shape=shape, first=first, last=last)
    return name, index


class Follower:
    """Everything that is said and marked of one followed cell."""

    def __init__(self, trace: Trace, name: str, cell: Cell) -> None:
        """Follow `cell` of tensor `name` through `trace`."""
        self.trace, self.name, self.cell, self.item = trace, name, cell, cell[0]
        self.teller = Teller(trace, self.item)
        self.worked = Sums(self.teller)
        self.marks = trail(trace, name, cell)
        self.one = {other: self._single(other) for other in self.marks}

    def _single(self, name: str) -> Cell | None:
        return self._only(name, self.marks[name])

    def _only(self, name: str, cells: Tensor) -> Cell | None:
        """Return the one marked cell; None where there are several."""
        found = cells.nonzero()
        if len(found) != 1:
            return None
        index = tuple(found[0].tolist())
        return (self.item, *index[1:]) if name in self.trace.names else index

    def flat(self, name: str, index: Cell) -> int:
        """Return the offset in the tensor's memory, as torch counts it."""
        tensor = self.trace[name]
        steps = zip(index, tensor.stride(), strict=True)
        return int(tensor.storage_offset() + sum(at * stride for at, stride in steps))

    def moves(self) -> list[dict[str, Any]]:
        """Return the same number through the stages that only move it, in order."""
        known = roots(self.trace.pipeline, item_sizes(self.trace.config.sizes))
        mine = known[self.name][0]
        return [
            {"name": other, "index": list(index), "flat": self.flat(other, index)}
            for other in self.trace.names
            if known[other][0] == mine and (index := self.one.get(other)) is not None
        ]

    def sentences(self) -> list[str]:
        """Return the way of the number, as an ordered list that reads well aloud."""
        moved = {move["name"]: move for move in self.moves()}
        order = self.trace.names
        start = order.index(self.name)
        first = [self._sentence("start", self.name, self.cell), *self.worked.reasons(self.name, self.cell)]
        before = [
            sentence
            for other in reversed(order[:start])
            if other in self.marks
            for sentence in self._step(other, "before", "read", moved)
        ]
        aside = [
            sentence
            for other in self.marks
            if other not in order
            for sentence in self._step(other, "before", "read", moved)
        ]
        after = [
            sentence
            for other in order[start + 1 :]
            if other in self.marks
            for sentence in self._step(other, "after", "fed", moved)
        ]
        return [*first, *before, *aside, *after, *self._end(order[start:])]

    def _step(self, name: str, side: str, kind: str, moved: Mapping[str, Any]) -> list[str]:
        index = self.one[name]
        if name in moved:
            return [self._sentence(f"same_{side}", name, tuple(moved[name]["index"]))]
        if index is not None and name in self.trace.names:
            return [self._sentence(f"{kind}_one", name, index), *self.worked.reasons(name, index)]
        count = int(self.marks[name].sum())
        many = "read_flags" if self.teller.is_flag(name) else "read"
        key = kind if kind == "fed" else ("read_single" if count == 1 else many)
        return [say(TEMPLATES[key], count=count, name=name, place=self.teller.region(name, self.marks[name]))]

    def _end(self, onward: tuple[str, ...]) -> list[str]:
        """Say where another number was put in its place, and whether no later step reads it."""
        found = []
        reached = {name: self.marks[name] for name in onward if name in self.marks}
        for stage in self.trace.pipeline:
            mine = {source: reached[source] for source in stage.inputs.values() if source in reached}
            for name, cells in kept_out(stage, mine, self.worked.available).items():
                index = self._only(name, cells)
                if index is not None:
                    found.append(say(TEMPLATES["kept_out_one"], cell=written(name, index)))
                    found += self.worked.reasons(name, index, with_flag=True)
                else:
                    place = self.teller.region(name, cells)
                    count = int(cells.sum())
                    found.append(say(TEMPLATES["kept_out"], count=count, name=name, place=place))
        ends = onward[1:] and not any(name in reached for name in onward[-1:])
        return [*found, *([say(TEMPLATES["nowhere"])] if ends else [])]

    def _sentence(self, key: str, name: str, index: Cell) -> str:
        return say(
            TEMPLATES[key],
            cell=written(name, index),
            value=self.teller.text(name, index),
            place=self.teller.place(name, index),
            flat=self.flat(name, index),
        )

    def sums(self) -> dict[str, Any]:
        """Return the arithmetic of every marked cell that stands alone in its tensor and was computed."""
        tables = {
            name: self.worked.table(name, index)
            for name in self.trace.names
            if (index := self.one.get(name)) is not None
        }
        return {name: table for name, table in tables.items() if table is not None}

    def strips(self) -> list[dict[str, Any]]:
        """Return the rows of parameters that the number was made with."""
        available = self.trace.available
        found = []
        for name, cells in self.marks.items():
            if name in self.trace.names:
                continue
            rows = (
                cells.flatten(1).any(1).nonzero().flatten().tolist()
                if cells.ndim > 1
                else cells.nonzero().flatten().tolist()
            )
            if len(rows) != 1:
                continue
            source, _, part = name.partition(".")
            tensor: Tensor = getattr(available[source], part) if part else available[source]
            values = tensor[rows[0]].reshape(-1)[:LONGEST_STRIP]
            found.append(
                {
                    "name": name,
                    "index": [rows[0], *[None] * (cells.ndim - 1)],
                    "label": self._strip_label(name, rows[0], cells.ndim),
                    "values": [float(value) for value in values],
                    "limit": statistics(widened(tensor))[1],
                }
            )
        return found

    def _strip_label(self, name: str, row: int, axes: int) -> str:
        kind = TABLES.get(name, "row" if axes > 1 else "one")
        words = vocabulary(self.trace.config) if kind == "word" else ()
        return say(LABELS[f"strip_{kind}"], name=name, row=row, word=words[row] if words else "")

    def as_dict(self, identity: str) -> dict[str, Any]:
        """Return all of it for the drawing."""
        return {
            "run": identity,
            "cell": ".".join([self.name, *map(str, self.cell)]),
            "name": self.name,
            "index": list(self.cell),
            "value": self.teller.value(self.name, self.cell),
            "marks": {
                name: {
                    "one": None if self.one[name] is None else list(self.one[name] or ()),
                    "boxes": self._boxes(name),
                }
                for name in self.marks
            },
            "moves": self.moves(),
            "sums": self.sums(),
            "strips": self.strips(),
            "list": self.sentences(),
        }

    def _boxes(self, name: str) -> list[Any]:
        found = boxes(self.marks[name])
        if name in self.trace.names:
            here = ((self.item, self.item + 1),)
            found = tuple((here, *box[1:]) for box in found)
        return [[list(map(list, spans)) for spans in box] for box in found]


def spelled(value: Any) -> Any:
    """Replace numbers that JSON cannot hold by their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: spelled(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [spelled(part) for part in value]
    return value


def follow_json(trace: Trace, text: str, identity: str = "") -> str:
    """Follow the cell that a link names, as JSON for the drawing.

    Raises:
        InputError: there is no such cell.
    """
    with torch.inference_mode(False):
        facts = Follower(trace, *read_cell(trace, text)).as_dict(identity)
    return json.dumps(spelled(facts), ensure_ascii=False, allow_nan=False)

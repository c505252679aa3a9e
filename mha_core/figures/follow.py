"""One number followed through the whole run: marks, moves, arithmetic, and the same in words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mha_core.axes import Edge, edges, split_index
from mha_core.errors import InputError
from mha_core.figures.cells import ROLES, statistics, widened
from mha_core.inputs import vocabulary
from mha_core.origins import boxes, item_sizes, one_item, ranges, roots, trail
from mha_core.run import Trace
from mha_core.stage import Arithmetic, Cell
from mha_core.words import listed, say

TEMPLATES = {
    "start": "{cell} is {value}: {place}.",
    "same_before": "It is the same number as {cell}, at place {flat} of its memory.",
    "same_after": "It is handed on unchanged as {cell}, at place {flat} of its memory.",
    "read": "It was made with {count} numbers of {name}: {place}.",
    "read_one": "It was made with {cell} = {value}: {place}.",
    "read_single": "It was made with one number of {name}: {place}.",
    "fed": "It takes part in {count} numbers of {name}: {place}.",
    "fed_one": "It takes part in {cell} = {value}: {place}.",
    "sum": "The {count} terms add up to {total} in float64; the run, in {dtype}, shows {shown}: {apart} "
    "apart.",
    "sum_one": "The one term is {total} in float64; the run, in {dtype}, shows {shown}: {apart} apart.",
    "share_one": "The row has one key, whose share is {total}; the run, in {dtype}, shows {shown}: {apart} "
    "apart.",
    "quotient": "{number} divided by {divisor} is {total} in float64; the run, in {dtype}, shows {shown}: "
    "{apart} apart.",
    "share": "The exponential of this score, divided by {divisor} (the sum of all {count}), is {total} in "
    "float64; the run, in {dtype}, shows {shown}: {apart} apart. The row's largest score is taken off "
    "first, which changes nothing in the quotient.",
    "strip_row": "row {row} of {name}",
    "strip_word": "the row of “{word}” in {name}",
    "strip_one": "{name}[{row}]",
    "no_cell": "There is no cell {given}; {reason}",
    "no_tensor": "this run has no tensor of that name. Its tensors are {known}.",
    "no_index": "{name} has shape {shape}, so its cells go from {first} to {last}.",
}

COLUMNS = {
    "sum": {"term": "term", "left": "{left}", "right": "{right}", "value": "product"},
    "terms": {"term": "term", "left": "", "right": "", "value": "number"},
    "quotient": {"term": "number", "left": "{left}", "right": "", "value": "number"},
    "share": {"term": "score", "left": "{left}", "right": "", "value": "exponential"},
}

LONGEST_STRIP = 4096


def read_cell(trace: Trace, text: str) -> tuple[str, Cell]:
    """Read `weights.0.3.2.1` as a tensor's name and an index.

    Raises:
        InputError: no such tensor, or no such cell; the sentence says which there are.
    """
    name, *places = text.split(".")
    if name not in trace.names:
        reason = say(TEMPLATES["no_tensor"], known=listed(trace.names))
        raise InputError(TEMPLATES["no_cell"], given=text, reason=reason)
    shape = tuple(trace[name].shape)
    index = tuple(int(place) for place in places if place.isascii() and place.isdigit() and len(place) < 9)
    if len(index) != len(places) or len(index) != len(shape) or any(map(int.__ge__, index, shape)):
        last = ".".join([name, *(str(size - 1) for size in shape)])
        first = ".".join([name, *("0" for _ in shape)])
        reason = say(TEMPLATES["no_index"], name=name, shape=shape, first=first, last=last)
        raise InputError(TEMPLATES["no_cell"], given=text, reason=reason)
    return name, index


def number(value: float, digits: int = 9) -> str:
    """Write a number with its digits, as the drawing does: nine name a float32, seventeen a float64."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    return (f"{value:.{digits}g}" if digits < 17 else repr(value)).replace("-", "−")


def written(name: str, index: Cell) -> str:
    """Write a cell: `q[0, 3, 2, 17]`."""
    return f"{name}[{listed(index)}]"


class Follower:
    """Everything that is said and marked of one followed cell."""

    def __init__(self, trace: Trace, name: str, cell: Cell) -> None:
        """Follow `cell` of tensor `name` through `trace`."""
        self.trace, self.name, self.cell, self.item = trace, name, cell, cell[0]
        self.sizes = trace.config.sizes
        self.digits = 17 if trace.config.dtype == "float64" else 9
        self.marks = trail(trace, name, cell)
        self.one = {other: self._single(other) for other in self.marks}

    def _single(self, name: str) -> Cell | None:
        found = self.marks[name].nonzero()
        return self._absolute(name, tuple(found[0].tolist())) if len(found) == 1 else None

    def _absolute(self, name: str, index: Cell) -> Cell:
        return (self.item, *index[1:]) if name in self.trace.names else index

    def value(self, name: str, index: Cell) -> float:
        """Return the number that the run shows."""
        return float(self.trace[name][index])

    def edges_of(self, name: str) -> tuple[Edge, ...]:
        """Return a tensor's edges; a parameter's are the plain words of its two sides."""
        return edges(self.trace.made(name).axes)

    def place(self, name: str, index: Cell) -> str:
        """Say where a cell stands, in the words of its axes: head 3, query 2 “saw”, head_dim 17."""
        found = []
        for edge, at in zip(self.edges_of(name)[1:], index[1:], strict=True):
            for word, part in split_index(edge, at, self.sizes).items():
                if word != "1":
                    found.append(self._index(word, part))
        return listed(found)

    def _index(self, word: str, at: int) -> str:
        if word == "qkv":
            return ROLES[at]
        words = self.trace.config.words
        if words and word in ("token", "query", "key"):
            return f"{word} {at} “{words[self.item][at]}”"
        return f"{word} {at}"

    def region(self, name: str) -> str:
        """Say where marked cells lie: the range along every axis."""
        cells = self.marks[name]
        if name not in self.trace.names:
            labels = ["row", "column"][: cells.ndim]
        else:
            labels = [edge.label for edge in self.edges_of(name)]
        found = []
        for axis, label in enumerate(labels):
            if name in self.trace.names and axis == 0:
                continue
            others = tuple(other for other in range(cells.ndim) if other != axis)
            along = cells.any(dim=others) if others else cells
            spans = ranges(along.nonzero().flatten().tolist())
            found.append(f"{label} " + listed(self._span(label, low, high) for low, high in spans))
        return listed(found)

    def _span(self, label: str, low: int, high: int) -> str:
        words = self.trace.config.words
        if high - low > 1:
            return f"{low} to {high - 1}"
        return (
            f"{low} “{words[self.item][low]}”" if words and label in ("token", "query", "key") else str(low)
        )

    def flat(self, name: str, index: Cell) -> int:
        """Return the offset in the tensor's memory, as torch counts it."""
        tensor = self.trace[name]
        steps = zip(index, tensor.stride(), strict=True)
        return int(tensor.storage_offset() + sum(at * stride for at, stride in steps))

    def moves(self) -> list[dict[str, Any]]:
        """Return the same number through the stages that only move it, in order."""
        known = roots(self.trace.pipeline, item_sizes(self.sizes))
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
        first = self._sentence("start", self.name, self.cell)
        before = [
            self._step(other, "before", "read", moved)
            for other in reversed(order[:start])
            if other in self.marks
        ]
        aside = [self._step(other, "before", "read", moved) for other in self.marks if other not in order]
        after = [
            self._step(other, "after", "fed", moved) for other in order[start + 1 :] if other in self.marks
        ]
        return [first, *before, *aside, *after]

    def _step(self, name: str, side: str, kind: str, moved: Mapping[str, Any]) -> str:
        index = self.one[name]
        if name in moved:
            return self._sentence(f"same_{side}", name, tuple(moved[name]["index"]))
        if index is not None and name in self.trace.names:
            return self._sentence(f"{kind}_one", name, index)
        count = int(self.marks[name].sum())
        key = "read_single" if kind == "read" and count == 1 else kind
        return say(TEMPLATES[key], count=count, name=name, place=self.region(name))

    def _sentence(self, key: str, name: str, index: Cell) -> str:
        return say(
            TEMPLATES[key],
            cell=written(name, index),
            value=number(self.value(name, index), self.digits),
            place=self.place(name, index),
            flat=self.flat(name, index),
        )

    def sums(self) -> dict[str, Any]:
        """Return the arithmetic of every marked cell that stands alone in its tensor and was computed."""
        available = one_item(self.trace, self.item)
        found = {}
        for name in self.trace.names:
            index, stage = self.one.get(name), self.trace.stage(name)
            if index is not None and stage.worked is not None:
                worked = stage.worked(name, (0, *index[1:]), available)
                found[name] = self._worked(name, index, worked)
        return found

    def _worked(self, name: str, index: Cell, worked: Arithmetic) -> dict[str, Any]:
        shown = self.value(name, index)
        first = worked.terms[0]
        names = [source for source, _ in first.cells]
        facts = {"left": names[0], "right": names[1] if len(names) > 1 else ""}
        products = any(len(term.factors) > 1 for term in worked.terms)
        columns = "terms" if worked.joined_by == "sum" and not products else worked.joined_by
        alone = f"{worked.joined_by}_one" if len(worked.terms) == 1 else worked.joined_by
        sentence = say(
            TEMPLATES.get(alone, TEMPLATES[worked.joined_by]),
            count=len(worked.terms),
            total=number(worked.total, 17),
            shown=number(shown, self.digits),
            apart=number(abs(worked.total - shown), 2),
            dtype=self.trace.config.dtype,
            divisor=number(worked.divisor or 0.0, 17),
            number=number(first.value, 17),
        )
        return {
            "index": list(index),
            "joined_by": worked.joined_by,
            "divisor": worked.divisor,
            "chosen": worked.chosen,
            "total": worked.total,
            "shown": shown,
            "sentence": sentence,
            "columns": [say(template, **facts) for template in COLUMNS[columns].values()],
            "rows": [
                [
                    " · ".join(written(source, self._absolute(source, at)) for source, at in term.cells),
                    # where others are multiplied, a bias is not: it stands under the products alone
                    None if worked.joined_by == "sum" and len(term.factors) == 1 else term.factors[0],
                    term.factors[1] if len(term.factors) > 1 else None,
                    term.value,
                ]
                for term in worked.terms
            ],
        }

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
        if name == "embedding":
            return say(TEMPLATES["strip_word"], word=vocabulary(self.trace.config)[row], name=name)
        return say(TEMPLATES["strip_row" if axes > 1 else "strip_one"], row=row, name=name)

    def as_dict(self, identity: str) -> dict[str, Any]:
        """Return all of it for the drawing."""
        return {
            "run": identity,
            "cell": ".".join([self.name, *map(str, self.cell)]),
            "name": self.name,
            "index": list(self.cell),
            "value": self.value(self.name, self.cell),
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

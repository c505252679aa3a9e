"""A run's header made small and whole again: what is left out follows from axes, sizes and defaults.

The browser makes it whole by the same FORMAT, which travels with the drawing's constant data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mha_core.axes import edges
from mha_core.figures.cells import Memory, Statistics

DEFAULTS: dict[str, Any] = {
    "values": "signed",
    "paint": "value",
    "hidden": "",
    "role": "",
    "place": 0,
    "column": None,
    "origins": {},
}
"""What an entry has where it says nothing else."""

STATISTICS = tuple(each.name for each in fields(Statistics))
MEMORY = tuple(each.name for each in fields(Memory))
"""What an entry lists without names, in this order."""

FORMAT = {"defaults": DEFAULTS, "statistics": STATISTICS, "memory": MEMORY}
"""The same for the browser, which is told it once."""


def slim(header: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a header what `full` can put back: a small run's header would outweigh its numbers.

    Edges and shape follow from the axes and the sizes, a whole piece's place from the shape; statistics are
    written once for tensors that hold the same numbers; defaults are left out.
    """
    seen: dict[str, str] = {}
    tensors = []
    for entry in header["tensors"]:
        left_out = {key for key, value in DEFAULTS.items() if entry[key] == value} | {"edges", "shape"}
        small = {key: value for key, value in entry.items() if key not in left_out}
        if small["shared"] == small["limit"]:
            del small["shared"]
        facts = [entry["statistics"][name] for name in STATISTICS]
        small["statistics"] = seen.setdefault(json.dumps(facts), entry["name"])
        if small["statistics"] == entry["name"]:
            small["statistics"] = facts
        small["memory"] = [entry["memory"][name] for name in MEMORY]
        small["pieces"] = [_slim_piece(piece, header["item"], entry["shape"]) for piece in entry["pieces"]]
        tensors.append(small)
    return {**header, "tensors": tensors}


def _slim_piece(piece: Mapping[str, Any], item: int, shape: list[int]) -> dict[str, Any]:
    whole = {"start": [item, *[0] * (len(shape) - 1)], "step": [1] * len(shape), "shape": [1, *shape[1:]]}
    return {key: value for key, value in piece.items() if whole.get(key) != value}


def full(header: Mapping[str, Any]) -> dict[str, Any]:
    """Put back what `slim` left out, as the browser does."""
    tensors: dict[str, dict[str, Any]] = {}
    for small in header["tensors"]:
        lines = [(edge, edge.sizes(header["sizes"])) for edge in edges(small["axes"])]
        shape = [math.prod(sizes) for _, sizes in lines]
        whole = {
            "start": [header["item"], *[0] * (len(shape) - 1)],
            "step": [1] * len(shape),
            "shape": [1, *shape[1:]],
        }
        entry = {**DEFAULTS, "shared": small["limit"], **small, "shape": shape}
        entry["edges"] = [
            {"label": edge.label, "colour": edge.colour, "words": list(edge.words), "sizes": list(sizes)}
            for edge, sizes in lines
        ]
        facts = small["statistics"]
        same = isinstance(facts, str)
        listed = tensors[facts]["statistics"] if same else dict(zip(STATISTICS, facts, strict=True))
        entry["statistics"] = listed
        entry["memory"] = dict(zip(MEMORY, small["memory"], strict=True))
        entry["pieces"] = [{**whole, **piece} for piece in small["pieces"]]
        tensors[entry["name"]] = entry
    return {**header, "tensors": list(tensors.values())}

"""A description as packed bytes for the browser: a header in JSON, then the numbers as they are.

Layout: the header's length (uint32, little-endian), the header (UTF-8, filled with spaces so that the numbers
start on a multiple of eight), the buffers. A tensor that shares storage with one already packed is packed as
offset and strides read off the real view, so that a faulty move draws as it ran.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mha_core.config import Config
from mha_core.figures.cells import Block, Picture, widened
from mha_core.figures.header import full, slim
from mha_core.figures.texts import text_key
from mha_core.run import Trace

KINDS = {"float32": "f4", "float64": "f8", "bool": "u1", "uint8": "u1"}


class Buffers:
    """Numbers one after the other, each storage once."""

    def __init__(self) -> None:
        """Start empty."""
        self.parts: list[bytes] = []
        self.length = 0
        self.storages: dict[int, tuple[int, int, int]] = {}

    def add(self, numbers: np.ndarray) -> int:
        """Append an array's bytes, filled up to a multiple of eight, and return where they start."""
        data = np.ascontiguousarray(numbers).tobytes()
        start = self.length
        self.parts.append(data + b"\0" * (-len(data) % 8))
        self.length += len(self.parts[-1])
        return start

    def place(self, view: Tensor, spans: Mapping[int, tuple[int, int]]) -> dict[str, Any]:
        """Return kind, start (bytes), offset and strides (elements) of a view; a new storage is packed."""
        key = view.untyped_storage().data_ptr()
        low, high = spans[key]
        if key not in self.storages:
            flat = torch.as_strided(view, (high - low,), (1,), low)
            self.storages[key] = (self.add(widened(flat)), low, high)
        start, low, _ = self.storages[key]
        kind = KINDS[str(widened(view[:0]).dtype)]
        return {
            "kind": kind,
            "at": start,
            "offset": view.storage_offset() - low,
            "strides": list(view.stride()),
        }


def pack(header: Mapping[str, Any], buffers: Buffers) -> bytes:
    """Put a run's header before its buffers."""
    return framed(slim(header), buffers)


def framed(header: Mapping[str, Any], buffers: Buffers) -> bytes:
    """Put a header, as it is, before its buffers."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return struct.pack("<I", len(text)) + text + b"".join(buffers.parts)


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Take a packed run apart again: the header, and the buffers as one."""
    header, buffers = taken_apart(data)
    return full(header), buffers


def taken_apart(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Take packed bytes apart again, the header as it was sent."""
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def unpacked(entry: Mapping[str, Any], buffers: bytes) -> np.ndarray:
    """Read one piece's numbers back, as the browser does: kind, start, offset, strides, shape."""
    kind = np.dtype({"f4": "<f4", "f8": "<f8", "u1": "u1"}[entry["kind"]])
    start = entry["at"] + entry["offset"] * kind.itemsize
    strides = [stride * kind.itemsize for stride in entry["strides"]]
    return np.ndarray(entry["shape"], kind, buffers, start, strides)


def run_id(config: Config) -> str:
    """Return a short name for a run: the same settings have the same."""
    return hashlib.sha256(repr(config).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Beside:
    """What makes a run one of two side by side.

    Attributes:
        title: its heading.
        text: its sentence.
        opens: the tensor it opens.
        ringed: the first cell that differs, in each tensor that does.
        said: for each tensor how it compares, a sentence.
    """

    title: str
    text: str
    opens: str
    ringed: tuple[tuple[str, tuple[int, ...]], ...]
    said: tuple[tuple[str, str], ...]

    def header(self) -> dict[str, Any]:
        """Return it as the drawing reads it: `beside`, and the rings as marks of followed cells."""
        marks = {
            name: {"one": list(index), "boxes": [[[[place, place + 1]] for place in index]]}
            for name, index in self.ringed
        }
        facts = {"title": self.title, "text": self.text, "opens": self.opens, "said": dict(self.said)}
        return {"beside": facts, "marks": marks}


def run_bytes(
    trace: Trace,
    picture: Picture,
    notes: tuple[str, ...] = (),
    identity: str = "",
    beside: Beside | None = None,
) -> bytes:
    """Pack one run's picture for the drawing."""
    buffers = Buffers()
    spans = _spans(picture) if picture.whole else None
    tensors = [_tensor(block, buffers, spans) for block in picture.blocks]
    words = trace.config.words
    header = {
        "id": identity or run_id(trace.config),
        "item": picture.item,
        "whole": picture.whole,
        "sizes": trace.config.sizes,
        "dtype": trace.config.dtype,
        "device": trace.config.device,
        "tokens": list(words[picture.item]) if words else None,
        "notes": list(notes),
        **(beside.header() if beside else {}),
        "tensors": tensors,
        "stages": [
            {
                "text": text_key(step.stage),
                "reads": list(step.reads),
                "makes": list(step.makes),
                "filled": step.code,
            }
            for step in picture.steps
        ],
    }
    return pack(header, buffers)


def _spans(picture: Picture) -> dict[int, tuple[int, int]]:
    """Return the range of elements that is needed of every storage."""
    spans: dict[int, tuple[int, int]] = {}
    for block in picture.blocks:
        for piece in block.pieces:
            view = piece.values
            low = int(view.storage_offset())
            high = (
                low
                + 1
                + sum((size - 1) * stride for size, stride in zip(view.shape, view.stride(), strict=True))
            )
            key = view.untyped_storage().data_ptr()
            was = spans.get(key, (low, high))
            spans[key] = (min(low, was[0]), max(high, was[1]))
    return spans


def _number(value: float) -> float:
    return float(f"{value:.9g}")


def _tensor(block: Block, buffers: Buffers, spans: Mapping[int, tuple[int, int]] | None) -> dict[str, Any]:
    facts = vars(block.statistics)
    return {
        "name": block.name,
        "axes": block.axes,
        "shape": list(block.shape),
        "edges": [
            {"label": edge.label, "colour": edge.colour, "words": list(edge.words), "sizes": list(sizes)}
            for edge, sizes in zip(block.edges, block.sizes, strict=True)
        ],
        "values": block.values,
        "paint": block.paint,
        "limit": _number(block.limit),
        "shared": _number(block.shared),
        "hidden": block.hidden,
        "role": block.role,
        "row": block.row,
        "column": block.column,
        "place": block.place,
        "statistics": {
            name: _number(value) if isinstance(value, float) else value for name, value in facts.items()
        },
        "memory": vars(block.memory),
        "pieces": [
            {
                "start": list(piece.start),
                "step": list(piece.step),
                "shape": list(piece.values.shape),
                **_numbers(piece.values, buffers, spans),
            }
            for piece in block.pieces
        ],
        "origins": {paint: _labels(origin) for paint, origin in block.origins.items()},
    }


def _numbers(view: Tensor, buffers: Buffers, spans: Mapping[int, tuple[int, int]] | None) -> dict[str, Any]:
    """Pack a piece: as a view on its storage, or, where only parts of the run are sent, by itself."""
    if spans is not None:
        return buffers.place(view, spans)
    copy = view.contiguous()
    kind = KINDS[str(widened(copy[:0]).dtype)]
    return {"kind": kind, "at": buffers.add(widened(copy)), "offset": 0, "strides": list(copy.stride())}


def _labels(origin: Tensor) -> dict[str, Any]:
    """Write labels as runs: `label, how many times, label ...`.

    Moves keep heads, roles and tokens together: a fused axis of 1,536 cells is 24 runs. An axis along which
    nothing changes has stride 0.
    """
    strides = [
        0 if size == 1 else stride
        for size, stride in zip(origin.shape, origin.contiguous().stride(), strict=True)
    ]
    flat = origin.numpy().ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=-1))
    runs = np.stack((flat[starts], np.diff(starts, append=flat.size)), axis=1).ravel().tolist()
    return {"runs": runs, "strides": strides, "count": int(flat.max()) + 1}

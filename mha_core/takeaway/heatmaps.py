"""Heatmaps of one tensor's heads as SVG, in plain Python. The notebook holds these very functions.

The cells are one small picture a head, a pixel a cell; what is written and hatched lies above it.
"""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

ROOM = 28
"""Pixels of a cell from which it holds its number."""

LABELLED = 9
"""Pixels of a cell from which rows and columns hold their words."""

WIDEST = 1100


def png(colours: Tensor) -> bytes:
    """Return colours, `row column 3` in uint8, as a PNG picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows, columns, _ = colours.shape
    lines = torch.nn.functional.pad(colours.reshape(rows, -1), (1, 0))  # a 0 before each row: no filter
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(lines.flatten().tolist()), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def painted(sheet: Tensor, stops: Sequence[str], limit: float) -> Tensor:
    """Return the colours of one head's cells, `row column 3`: from -limit to limit, or 0 to 1 where it is 0.

    What is not finite is white: it is marked, never coloured.
    """
    known = torch.tensor([list(bytes.fromhex(stop[1:])) for stop in stops], dtype=torch.float64)
    values = sheet.double().nan_to_num()
    share = ((values / limit + 1) / 2 if limit else values).clamp(0, 1) * (len(known) - 1)
    low = share.long().clamp(max=len(known) - 2)
    colours = known[low] + (known[low + 1] - known[low]) * (share - low)[..., None]
    return colours.round().masked_fill(~sheet.isfinite()[..., None], 255).to(torch.uint8)


def stretches(flags: Tensor) -> list[tuple[int, int, int]]:
    """Return where flags that are set stand side by side: row, from, to."""
    edges = torch.nn.functional.pad(flags.int(), (1, 1)).diff().nonzero().tolist()
    return [(row, first, last) for (row, first), (_, last) in zip(edges[::2], edges[1::2], strict=True)]


def written(value: float, probability: bool) -> str:
    """Write a number as short as a cell; a weight that rounds to nothing, even to 0, says so."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if probability and value < 0.005:
        return "&lt;0.01"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def numbers(sheet: Tensor, hatched: Tensor, colours: Tensor, cell: int, probability: bool) -> str:
    """Write every number that is not hatched into its cell."""
    texts = []
    dark = (colours.double() @ torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64) < 140).tolist()
    for row, key in (~hatched).nonzero().tolist():
        texts.append(
            f'<text x="{(key + 0.5) * cell}" y="{(row + 0.5) * cell + 3}" font-size="9" text-anchor="middle" '
            f'fill="{"#fff" if dark[row][key] else "#000"}">'
            f"{written(sheet[row, key].item(), probability)}</text>"
        )
    return "".join(texts)


def heatmap(sheet: Tensor, hidden: Tensor, cell: int, look: Mapping[str, Any], limit: float) -> str:
    """Draw one head's cells: colours, hatches over what is hidden or no finite number, and numbers."""
    size = len(sheet) * cell
    colours = painted(sheet, look["stops"], limit)
    picture = base64.b64encode(png(colours)).decode()
    hatches = {"hidden": hidden & ~sheet.isnan()}
    if cell < ROOM:
        hatches["odd"] = ~sheet.isfinite() & ~hatches["hidden"]
    marks = "".join(
        f'<rect x="{first * cell}" y="{row * cell}" width="{(last - first) * cell}" height="{cell}" '
        f'fill="url(#{kind})"/>'
        for kind, flags in hatches.items()
        for row, first, last in stretches(flags)
    )
    texts = numbers(sheet, hatches["hidden"], colours, cell, not limit) if cell >= ROOM else ""
    return (
        f'<image width="{size}" height="{size}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{picture}"/>{marks}{texts}'
        f'<rect width="{size}" height="{size}" fill="none" stroke="{look["outline"]}"/>'
    )


def named(words: Sequence[str], cell: int) -> str:
    """Write the words beside the rows and above the columns."""
    texts = []
    for at, word in enumerate(words):
        middle = (at + 0.5) * cell + 4
        text = html.escape("".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in word))
        texts.append(f'<text x="-4" y="{middle}" text-anchor="end">{text}</text>')
        texts.append(f'<text transform="translate({middle} -4) rotate(-90)">{text}</text>')
    return "".join(texts)


def heatmaps(
    tensor: Tensor, hidden: Tensor, words: Sequence[str], look: Mapping[str, Any], limit: float = 0.0
) -> str:
    """Draw one map a head: queries down, keys across, hidden cells hatched, NaN and infinities crossed.

    Args:
        tensor: head query key.
        hidden: query key; true where the mask hides.
        words: the words of the tokens, or their numbers.
        look: the colours: `stops` of the scale, `outline`, `hatch_line`, `hatch_ground`, `page`, `text`.
        limit: the scale runs from -limit to limit; 0: from 0 to 1.
    """
    heads, cell = len(tensor), max(3, min(34, 272 // len(hidden)))
    size, labels = len(hidden) * cell, [word[:16] for word in words] if cell >= LABELLED else []
    beside = 8 + 7 * max(map(len, labels), default=0)
    wide, high = size + beside + 24, size + beside + 34
    across = max(1, min(heads, WIDEST // wide))
    maps = "".join(
        f'<g transform="translate({head % across * wide + beside} {head // across * high + beside + 24})">'
        f'<text y="{-beside - 6}" font-weight="600">head {head}</text>'
        f"{named(labels, cell)}{heatmap(tensor[head], hidden, cell, look, limit)}</g>"
        for head in range(heads)
    )
    width, height = across * wide, -(-heads // across) * high
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="One map a head: queries down, keys across" '
        f'font-family="sans-serif" font-size="{max(9, min(12, cell))}" fill="{look["text"]}">'
        '<defs><pattern id="hidden" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="5" height="5" fill="{look["hatch_ground"]}"/>'
        f'<rect width="1.5" height="5" fill="{look["hatch_line"]}"/></pattern>'
        '<pattern id="odd" width="4" height="4" patternUnits="userSpaceOnUse">'
        f'<path d="M0 0L4 4M4 0L0 4" stroke="{look["text"]}" stroke-width=".7"/></pattern></defs>'
        f'<rect width="100%" height="100%" fill="{look["page"]}"/>{maps}</svg>'
    )

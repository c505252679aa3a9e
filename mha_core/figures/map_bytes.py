"""One map (rows x columns of numbers) as packed bytes, for the links view and the table that can be walked.

Layout as in `to_bytes`: the header's length, the header in JSON, the numbers as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mha_core.figures.cells import widened
from mha_core.figures.to_bytes import KINDS, Buffers, framed

MAP_KINDS = ("probability", "signed", "flag")


def map_bytes(  # noqa: PLR0913 - one keyword for each fact of the header
    values: Tensor,
    *,
    title: str,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    hidden: Tensor | None = None,
    kind: str = "probability",
    row_axis: str = "query",
    column_axis: str = "key",
    head: int | None = None,
    picked: int | None = None,
    row_sums: Tensor | None = None,
    column_sums: Tensor | None = None,
) -> bytes:
    """Pack one map with every bit of its numbers.

    Args:
        values: (query, key), any floating type or bool, a view too; 16-bit ones are widened, which is exact.
        title: what the map is called: a whole phrase, shown as text.
        rows: the words of the rows, top to bottom; none where they have only their index. Repeats stay apart.
        columns: the words of the columns, left to right.
        hidden: (query, key), True where the mask hides the key; or any shape that broadcasts to it.
        kind: what the numbers are: `probability`, `signed` or `flag`.
        row_axis: the word of the axis of the rows.
        column_axis: the word of the axis of the columns.
        head: the head that the map belongs to, if it is one head's.
        picked: the row that is picked in the links view.
        row_sums: (query,), a sum for each row; shown as one more column of the table.
        column_sums: (key,), a sum for each column; shown as one more row of the table.

    Raises:
        ValueError: shapes, words or the picked row do not fit the values.
    """
    if values.ndim != 2:
        raise ValueError(f"A map has rows and columns; values have shape {tuple(values.shape)}.")
    if kind not in MAP_KINDS:
        raise ValueError(f"A map's numbers are one of {MAP_KINDS}, not {kind!r}.")
    high, wide = values.shape
    for name, given, size in (("rows", rows, high), ("columns", columns, wide)):
        if given and len(given) != size:
            raise ValueError(f"{name} has {len(given)} words for {size} places.")
    if picked is not None and not 0 <= picked < high:
        raise ValueError(f"picked {picked} is not one of the rows 0 to {high - 1}.")
    buffers = Buffers()
    numbers = widened(values)
    header: dict[str, Any] = {
        "title": title,
        "values": kind,
        "shape": [high, wide],
        "kind": KINDS[str(numbers.dtype)],
        "at": buffers.add(numbers),
        "rows": {"axis": row_axis, "words": list(rows)},
        "columns": {"axis": column_axis, "words": list(columns)},
        "head": head,
        "picked": picked,
        "hidden": None if hidden is None else buffers.add(_flags(hidden, high, wide)),
        "row_sums": _sums(buffers, row_sums, "row_sums", high),
        "column_sums": _sums(buffers, column_sums, "column_sums", wide),
    }
    return framed(header, buffers)


def _flags(hidden: Tensor, high: int, wide: int) -> np.ndarray:
    return torch.broadcast_to(hidden.bool(), (high, wide)).numpy().astype(np.uint8)


def _sums(buffers: Buffers, sums: Tensor | None, name: str, size: int) -> int | None:
    if sums is None:
        return None
    if tuple(sums.shape) != (size,):
        raise ValueError(f"{name} has shape {tuple(sums.shape)}, not ({size},).")
    return buffers.add(sums.double().numpy())

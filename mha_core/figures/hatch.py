"""The outline of the cells that a mask hides, as polygons along the cells' edges."""

from __future__ import annotations

import numpy as np

Run = tuple[int, int]
"""Hidden cells of a row that lie side by side: the first column, and the one after the last."""


def outline(hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Trace the hidden cells, `rows columns`, in cell coordinates: cell 2 reaches from 1.5 to 2.5.

    Rows with one run each that touch are traced as one polygon, down its right side and up its left: drawn as
    one rectangle a row, a hatch shows seams. Polygons are parted by NaN.

    Returns:
        x and y, float32, which Plotly sends as they are.
    """
    x: list[float] = []
    y: list[float] = []
    for top, runs in _chains(hidden):
        right = [(stop - 0.5, row) for row, (_, stop) in enumerate(runs, top)]
        left = [(start - 0.5, row) for row, (start, _) in enumerate(runs, top)]
        down = [corner for edge, row in right for corner in ((edge, row - 0.5), (edge, row + 0.5))]
        up = [corner for edge, row in reversed(left) for corner in ((edge, row + 0.5), (edge, row - 0.5))]
        points = [*down, *up, down[0], (np.nan, np.nan)]
        x += [point[0] for point in points]
        y += [point[1] for point in points]
    return np.array(x[:-1], np.float32), np.array(y[:-1], np.float32)


def _chains(hidden: np.ndarray) -> list[tuple[int, list[Run]]]:
    """Return pieces that can be traced as one polygon: the first row, and a run for every row of it."""
    found: list[tuple[int, list[Run]]] = []
    going = False
    for row, cells in enumerate(hidden):
        runs = _runs(cells)
        if len(runs) == 1 and going and _touch(found[-1][1][-1], runs[0]):
            found[-1][1].append(runs[0])
            continue
        found += [(row, [run]) for run in runs]
        going = len(runs) == 1
    return found


def _runs(cells: np.ndarray) -> list[Run]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], cells, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _touch(one: Run, other: Run) -> bool:
    return one[0] < other[1] and other[0] < one[1]

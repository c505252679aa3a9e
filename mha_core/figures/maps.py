"""Frozen descriptions of heatmaps: numbers in, no drawing, no pixels; the same for whatever tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mha_core.compare import MEAN, Selected
from mha_core.config import Config
from mha_core.figures.cells import widened
from mha_core.figures.map_ranges import range_of_colours
from mha_core.figures.said import number
from mha_core.figures.words import FIGURES, MAP_LABELS
from mha_core.planted import JOBS, jobs_of
from mha_core.run import Trace
from mha_core.stage import Values
from mha_core.words import listed, say

FEW = 6
"""Cells a side up to which digits stand in them."""

LINEAR = 16
"""Cells a side up to which colours are spread evenly: weights of more keys, about 1/T, would look empty."""

LARGEST = 3
"""How many of the largest cells a sentence names."""

Place = tuple[int, int]


@dataclass(frozen=True)
class Side:
    """One side of a map.

    Attributes:
        axis: its word.
        labels: for each index its word; a repeated one with its index, so that repeats stay apart; without
            words the index.
        indexed: for each index its word and index: what is shown where labels are left out.
    """

    axis: str
    labels: tuple[str, ...]
    indexed: tuple[str, ...]


@dataclass(frozen=True)
class Map:
    """One heatmap.

    Attributes:
        title: what it is called: `head 3`.
        job: what a planted head was built to do, in a word or two; nothing of any other map.
        values: rows by columns, float32 (float64 of a float64 run): the true numbers, under a hatch too.
        hidden: rows by columns: where the hatch of the mask stands.
        nan: cells that hold NaN.
        infinite: cells that hold an infinity, with its sign, and are not hidden.
        row_sums, column_sums: over the cells that are not hidden, in float64.
    """

    title: str
    values: np.ndarray
    hidden: np.ndarray
    nan: tuple[Place, ...]
    infinite: tuple[tuple[Place, int], ...]
    row_sums: np.ndarray
    column_sums: np.ndarray
    job: str = ""


@dataclass(frozen=True)
class Maps:
    """Maps of one size with one range of colours.

    Attributes:
        name: the tensor.
        title: what is shown, for a heading and a file.
        sentence: the drawing in words: shape, range, where the largest are.
        kind: what the numbers are.
        limit: the colours of signed numbers run from -limit to +limit; those of probabilities from 0 to 1.
        clipped: some maps reach far beyond the limit, and keep its colour there.
        rows, columns: the two sides.
        maps: the maps, in order.
        digits: significant digits that name a number exactly.
    """

    name: str
    title: str
    sentence: str
    kind: Values
    limit: float
    clipped: bool
    rows: Side
    columns: Side
    maps: tuple[Map, ...]
    digits: int


def side(axis: str, size: int, words: Sequence[str] = ()) -> Side:
    """Label the indices of an axis.

    >>> side("query", 3, ["the", "cat", "the"]).labels
    ('the 0', 'cat', 'the 2')
    """
    numbers = tuple(map(str, range(size)))
    if not words:
        return Side(axis, numbers, numbers)
    indexed = tuple(
        say(MAP_LABELS["word_index"], word=word, index=index) for index, word in enumerate(words[:size])
    )
    labels = tuple(
        label if list(words).count(word) > 1 else word for word, label in zip(words, indexed, strict=False)
    )
    return Side(axis, labels, indexed)


def describe_maps(trace: Trace, selected: Selected) -> Maps:
    """Describe the maps that were selected of a run."""
    wanted, config = selected.wanted, trace.config
    words = config.words[selected.item] if config.words else ()
    _, queries, keys = selected.values.shape
    rows, columns = side("query", queries, words), side("key", keys, words)
    exact = np.float64 if config.dtype == "float64" else np.float32
    hidden = selected.hidden.numpy()
    limit, clipped = range_of_colours(trace, selected)
    maps = tuple(
        one_map(_title(head), widened(values).astype(exact), hidden, _job(config, selected, head))
        for head, values in zip(wanted.heads, selected.values, strict=True)
    )
    return Maps(
        name=wanted.name,
        title=_whole_title(selected),
        sentence=_sentence(trace, selected, maps, rows, columns),
        kind=selected.kind,
        limit=limit,
        clipped=clipped,
        rows=rows,
        columns=columns,
        maps=maps,
        digits=17 if config.dtype == "float64" else 9,
    )


def one_map(title: str, values: np.ndarray, hidden: np.ndarray, job: str = "") -> Map:
    """Describe one map. A NaN is marked, masked or not: the softmax of a wholly masked row gives it."""
    missing = np.isnan(values)
    hatched = hidden & ~missing
    infinite = np.isinf(values) & ~hidden
    seen = np.where(hatched, 0.0, values.astype(np.float64))
    return Map(
        title=title,
        values=values,
        hidden=hatched,
        nan=tuple((int(row), int(column)) for row, column in np.argwhere(missing)),
        infinite=tuple(
            ((int(row), int(column)), int(np.sign(values[row, column])))
            for row, column in np.argwhere(infinite)
        ),
        row_sums=seen.sum(1),
        column_sums=seen.sum(0),
        job=job,
    )


def _title(head: int) -> str:
    return MAP_LABELS["mean"] if head == MEAN else say(MAP_LABELS["head"], head=head)


def _job(config: Config, selected: Selected, head: int) -> str:
    """Return what a planted head was built to do; a mean of heads and a difference do no job."""
    if config.weights != "planted" or selected.wanted.minus or head == MEAN:
        return ""
    return JOBS[jobs_of(config)[head]].label


def _whole_title(selected: Selected) -> str:
    wanted = selected.wanted
    if not wanted.minus:
        return wanted.name
    return say(MAP_LABELS[f"title_{wanted.minus}"], name=wanted.name, value=wanted.value)


def _sentence(trace: Trace, selected: Selected, maps: tuple[Map, ...], rows: Side, columns: Side) -> str:
    wanted, heads = selected.wanted, selected.wanted.heads
    key = "of_mean" if heads == (MEAN,) else "of_heads" if len(heads) > 1 else "of_head"
    if heads != tuple(range(heads[0], heads[0] + len(heads))):
        key = "of_some_heads"
    facts = {"name": _whole_title(selected), "item": selected.item, "heads": trace.config.num_heads}
    found = [
        say(
            FIGURES[key],
            **facts,
            first=heads[0],
            last=heads[-1],
            some=listed(heads),
            queries=len(rows.labels),
            keys=len(columns.labels),
        ),
        *([FIGURES[f"minus_{wanted.minus}"]] if wanted.minus else []),
        *_range(maps),
        *_largest(maps, selected.kind, rows, columns),
    ]
    masked = int(maps[0].hidden.sum())
    if masked:
        found.append(say(FIGURES["masked"], masked=masked, cells=maps[0].hidden.size))
    found += [
        say(FIGURES[name], count=count)
        for name in ("nan", "infinite")
        if (count := sum(len(getattr(each, name)) for each in maps))
    ]
    return listed(found, "sentences")


def _range(maps: tuple[Map, ...]) -> list[str]:
    finite = [each.values[np.isfinite(each.values) & ~each.hidden] for each in maps]
    every = np.concatenate(finite)
    if not every.size:
        return [FIGURES["nothing_finite"]]
    return [say(FIGURES["range"], low=number(float(every.min()), 4), high=number(float(every.max()), 4))]


def _largest(maps: tuple[Map, ...], kind: Values, rows: Side, columns: Side) -> list[str]:
    """Say where the largest numbers are (of signed ones the largest in size); nothing where all are 0."""
    found = [
        (size, -place, row, column)
        for place, each in enumerate(maps)
        for size, row, column in _top(each, kind)
    ]
    if max(found, default=(0.0,))[0] == 0:
        return []
    cells = [
        say(
            MAP_LABELS["cell"],
            value=number(float(maps[-place].values[row, column]), 4),
            title=maps[-place].title,
            query=rows.labels[row],
            key=columns.labels[column],
        )
        for _, place, row, column in sorted(found, key=lambda each: (-each[0], -each[1]))[:LARGEST]
    ]
    return [say(FIGURES["largest"], cells=listed(cells, "parts"))]


def _top(one: Map, kind: Values) -> list[tuple[float, int, int]]:
    sizes = np.abs(one.values) if kind == "signed" else one.values
    seen = np.isfinite(one.values) & ~one.hidden
    if kind == "probability":
        seen &= (~one.hidden).sum(1, keepdims=True) > 1  # where one key is left, its weight of 1 says nothing
    open_cells = np.where(seen, sizes, -1.0)
    order = np.argsort(-open_cells, axis=None, kind="stable")[:LARGEST]
    places = [divmod(int(at), one.values.shape[1]) for at in order]
    return [(float(open_cells[at]), *at) for at in places if open_cells[at] >= 0]


def cell_text(value: float, kind: Values) -> str:
    """Write a number as it stands in an open cell: two decimals.

    A weight that rounds to nothing is not nothing, even where float32 holds no smaller number than 0.

    >>> cell_text(0.004, "probability"), cell_text(-0.004, "signed"), cell_text(-1.5, "signed")
    ('<0.01', '0.00', '−1.50')
    """
    if kind == "probability" and value < 0.005:
        return MAP_LABELS["almost_nothing"]
    written = f"{value:.2f}"
    return "0.00" if written == "-0.00" else written.replace("-", "−")

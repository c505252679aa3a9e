"""Frozen descriptions of what is drawn: numbers in, no drawing, no pixels.

A description names tensors, axes, cells and marks. It never asks which stage it describes: what a figure
needs to know is a fact of the stage's row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mha_core.axes import Edge, by_item, edges
from mha_core.listing import filled
from mha_core.origins import ORIGINS, item_sizes, labels, roots
from mha_core.run import Trace
from mha_core.stage import Pipeline, Stage, maker_of, tensor_inputs

BUDGET = 1_000_000
"""Bytes of one batch item up to which a run is sent whole."""

FACE = 256
"""Cells along an axis up to which a face shows every index; beyond, every n-th real cell."""

BINS = 24
"""Bars of a histogram."""

ROLES = ("q", "k", "v")


@dataclass(frozen=True)
class Statistics:
    """What a tensor's finite numbers are like, of one batch item."""

    low: float
    high: float
    mean: float
    deviation: float
    finite: int
    nan: int
    infinite: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """Cells of a tensor: where they start, every how many-th along each axis, and a view of their numbers."""

    start: tuple[int, ...]
    step: tuple[int, ...]
    values: Tensor


@dataclass(frozen=True)
class Memory:
    """How a whole tensor lies in memory.

    `view_of` names the first tensor that shares its storage, if any. `bytes` are what its numbers take there:
    a number that is read again and again along an axis of stride 0 counts once.
    """

    strides: tuple[int, ...]
    offset: int
    contiguous: bool
    view_of: str
    bytes: int


@dataclass(frozen=True)
class Block:
    """One tensor as a labelled block.

    Attributes:
        name: the tensor.
        axes: its axes as a string.
        edges: its axes.
        shape: its true shape, all batch items.
        values: what its numbers are (signed, probability, flag).
        paint: the paint it opens in.
        limit: signed colours run from -limit to +limit: the 99.5 % quantile of this tensor's own size, or,
            where that is 0, the median of what is not 0.
        shared: the limit it shares with the tensors it is compared with.
        hidden: the flag tensor that says which of its cells are masked, or nothing.
        role: q, k or v where all its cells are of one role, else nothing.
        row, column, place: where it stands in the overview: the part, the depth by what it reads, and its
            place among tensors of the same depth. A column of None: it reads nothing and stands aside.
        pieces: the cells that are sent.
        origins: by paint, the token, head or role of every cell (axes along which it never changes have
            size 1).
        statistics: of the item drawn.
        memory: how it lies in memory.
    """

    name: str
    axes: str
    edges: tuple[Edge, ...]
    sizes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    values: str
    paint: str
    limit: float
    shared: float
    hidden: str
    role: str
    row: int
    column: int | None
    place: int
    pieces: tuple[Piece, ...]
    origins: dict[str, Tensor]
    statistics: Statistics
    memory: Memory


@dataclass(frozen=True)
class Step:
    """One stage: what it reads and makes, its row of facts, and its code with the sizes filled in."""

    stage: Stage
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    code: str


@dataclass(frozen=True)
class Picture:
    """The whole pipeline of one run, one batch item of it in front."""

    item: int
    blocks: tuple[Block, ...]
    steps: tuple[Step, ...]
    whole: bool


PARTS = ("project", "attend", "join")


@lru_cache(maxsize=64)
def places(pipeline: Pipeline) -> dict[str, tuple[int, int | None, int]]:
    """Return row, column and place of every tensor in the overview."""
    found: dict[str, tuple[int, int | None, int]] = {}
    for number, stage in enumerate(pipeline):
        row = PARTS.index(stage.part)
        sources = [found[source] for source in tensor_inputs(pipeline, stage)]
        inside = [column for part, column, _ in sources if part == row and column is not None]
        column: int | None = max(inside) + 1 if inside else 0
        if number > 0 and not sources and _joins(pipeline, stage):
            column = None
        for made in stage.makes:
            alike = sum((row, column) == (part, depth) for part, depth, _ in found.values())
            found[made.name] = (row, column, alike)
    return found


def _joins(pipeline: Pipeline, stage: Stage) -> bool:
    """Say whether what a stage makes is only read beside other tensors: then it stands aside of their way."""
    mine = {made.name for made in stage.makes}
    readers = [set(tensor_inputs(pipeline, other)) for other in pipeline]
    return any(mine & read and read - mine for read in readers)


def hidden_by(pipeline: Pipeline, name: str) -> str:
    """Return the flag tensor that says which cells of a tensor are masked, or nothing.

    A flag tensor hides the cells of whatever is made from it along the same two last axes.
    """
    stage, made = maker_of(pipeline, name)
    for source in tensor_inputs(pipeline, stage):
        _, row = maker_of(pipeline, source)
        if edges(row.axes)[-2:] != edges(made.axes)[-2:]:
            continue
        found = source if row.values == "flag" else hidden_by(pipeline, source)
        if found:
            return found
    return ""


def statistics(values: np.ndarray) -> tuple[Statistics, float]:
    """Return what numbers are like, and the 99.5 % quantile of their size."""
    flat = values.ravel().astype(np.float32) if values.dtype == bool else values.ravel()
    good = np.isfinite(flat)
    finite = flat if good.all() else flat[good]
    nan = int(np.isnan(flat).sum()) if finite is not flat else 0
    if not finite.size:
        return Statistics(0, 0, 0, 0, 0, nan, flat.size - nan, ()), 0.0
    low, high, wide = float(finite.min()), float(finite.max()), finite.astype(np.float64, copy=False)
    # numpy refuses bins that are finer than the numbers can be: such numbers share the middle bin
    least = BINS * float(np.spacing(max(abs(low), abs(high))))
    half = 0.0 if high - low > least else max(0.5, least)
    counts, _ = np.histogram(wide, BINS, (low - half, high + half))
    sizes = np.abs(finite)
    limit = _quantile(sizes, 0.995)
    if not limit and sizes.any():  # nearly all are 0: the middle of the rest, so that small ones are seen too
        limit = _quantile(sizes[sizes > 0], 0.5)
    facts = (low, high, float(wide.mean()), float(wide.std()))
    return Statistics(*facts, finite.size, nan, flat.size - finite.size - nan, tuple(counts.tolist())), limit


def _quantile(sizes: np.ndarray, part: float) -> float:
    place = min(int(np.ceil(part * sizes.size)), sizes.size) - 1
    return float(np.partition(sizes, place)[place])


def widened(tensor: Tensor) -> np.ndarray:
    """Return a tensor's numbers as numpy has them; 16-bit numbers become float32, which is exact."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def item_of(trace: Trace, name: str, item: int) -> Tensor:
    """Return one batch item of a tensor, its batch axis kept with size 1; the whole of one without items."""
    if not by_item(trace.made(name).axes):
        return trace.window(name)
    return trace.window(name, batch=slice(item, item + 1))


def first_of(trace: Trace, name: str, item: int) -> int:
    """Return where one batch item of a tensor stands on its first axis: 0 where that is not the batch."""
    return item if by_item(trace.made(name).axes) else 0


def whole_item(trace: Trace, name: str, item: int) -> Piece:
    """Return one batch item of a tensor as one piece."""
    values = item_of(trace, name, item)
    return Piece((first_of(trace, name, item), *[0] * (values.ndim - 1)), (1,) * values.ndim, values)


def faces(trace: Trace, name: str, item: int) -> tuple[Piece, ...]:
    """Return the cells on a block's visible faces: the front sheet, every row 0, every last column.

    Axes longer than FACE are thinned out: every n-th real cell, never a mean.
    """
    tensor, at = trace[name], first_of(trace, name, item)
    leading, (rows, columns) = tensor.shape[1:-2], tensor.shape[-2:]
    across, down = -(-columns // FACE), -(-rows // FACE)
    step = (1, *[1] * len(leading), down, across)
    start = (at, *[0] * (tensor.ndim - 1))
    front = trace[name][
        (slice(at, at + 1), *[slice(0, 1)] * len(leading), slice(0, None, down), slice(0, None, across))
    ]
    found = [Piece(start, step, front)]
    if leading:
        every = (slice(at, at + 1), *[slice(None)] * len(leading))
        found.append(Piece(start, step, tensor[(*every, slice(0, 1), slice(0, None, across))]))
        last = (at, *[0] * (tensor.ndim - 2), columns - 1)
        found.append(Piece(last, step, tensor[(*every, slice(0, None, down), slice(columns - 1, None))]))
    return tuple(found)


def opened(trace: Trace, name: str, item: int, sheet: int) -> tuple[Piece, ...]:
    """Return the open tensor's cells, from a sheet on, as many sheets as the budget holds (at least one).

    Raises:
        WindowError: the tensor has no such sheet.
    """
    whole = whole_item(trace, name, item)
    if whole.values.nbytes <= BUDGET or whole.values.ndim < 4:
        return (whole,)
    one = whole.values[:, :1].nbytes
    stop = min(sheet + max(1, BUDGET // one), whole.values.shape[1])
    axis = edges(trace.made(name).axes)[1].key
    sheets = trace.window(name, **{axis: slice(sheet, stop)})
    at = first_of(trace, name, item)
    return (Piece((at, sheet, 0, 0), whole.step, sheets[at : at + 1]),)


def describe(
    trace: Trace, item: int = 0, open_name: str = "", sheet: int = 0, budget: int = BUDGET
) -> Picture:
    """Describe one batch item of a run, for the drawing.

    Up to the budget the item is described whole. Above, only the cells on the faces and the open tensor's.

    Args:
        trace: the run.
        item: the batch item in front.
        open_name: the tensor whose stage is open, where one is.
        sheet: the first sheet that is wanted of it.
        budget: bytes of an item up to which all of it is wanted.
    """
    whole = sum(own_bytes(trace, name) for name in trace.names) <= budget
    sizes, where = item_sizes(trace.config.sizes), places(trace.pipeline)
    known = _known(trace, item)
    blocks = []
    for name in trace.names:
        made, root = trace.made(name), roots(trace.pipeline, sizes)[name][0]
        pieces = (whole_item(trace, name, item),) if whole else faces(trace, name, item)
        if name == open_name and not whole:
            pieces += opened(trace, name, item, sheet)
        origins = _origins(trace, name)
        role = origins.get("role")
        row, column, place = where[name]
        blocks.append(
            Block(
                name=name,
                axes=made.axes,
                edges=edges(made.axes),
                sizes=tuple(edge.sizes(trace.config.sizes) for edge in edges(made.axes)),
                shape=tuple(trace[name].shape),
                values=made.values,
                paint=made.paint,
                limit=known[name][1],
                shared=known[made.like or root][1],
                hidden=hidden_by(trace.pipeline, name),
                role=ROLES[int(role)] if role is not None and role.numel() == 1 else "",
                row=row,
                column=column,
                place=place,
                pieces=pieces,
                origins=origins,
                statistics=known[name][0],
                memory=_memory(trace, name),
            )
        )
    steps = tuple(
        Step(
            stage,
            tensor_inputs(trace.pipeline, stage),
            tuple(made.name for made in stage.makes),
            filled(stage, trace.given),
        )
        for stage in trace.pipeline
    )
    return Picture(item, tuple(blocks), steps, whole)


def _known(trace: Trace, item: int) -> dict[str, tuple[Statistics, float]]:
    """Return every tensor's statistics and limit; numbers that were only moved are counted once."""
    sizes = item_sizes(trace.config.sizes)
    known: dict[str, tuple[Statistics, float]] = {}
    for name in trace.names:
        root = roots(trace.pipeline, sizes)[name][0]
        same = root != name and trace[root].numel() == trace[name].numel()
        known[name] = known[root] if same else statistics(widened(item_of(trace, name, item)))
    return known


def _origins(trace: Trace, name: str) -> dict[str, Tensor]:
    """Return by paint where a tensor's cells come from, for the paints in which that is one thing."""
    sizes = item_sizes(trace.config.sizes)
    found = {paint: labels(trace.pipeline, sizes, name, paint) for paint in ORIGINS}
    return {paint: origin for paint, origin in found.items() if origin is not None}


def own_bytes(trace: Trace, name: str) -> int:
    """Count the bytes that a tensor, of any one item, sends: none where an earlier one holds them already."""
    tensor = trace[name]
    size = max(4, tensor.element_size()) if tensor.is_floating_point() else tensor.element_size()  # widened
    return 0 if _shared_with(trace, name) else tensor.numel() // len(tensor) * size


def _shared_with(trace: Trace, name: str) -> str:
    """Return the first earlier tensor that lies in the same storage, or nothing."""
    mine = trace[name].untyped_storage().data_ptr()
    for other in trace.names[: trace.names.index(name)]:
        if trace[other].untyped_storage().data_ptr() == mine:
            return other
    return ""


def _memory(trace: Trace, name: str) -> Memory:
    tensor = trace[name]
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return Memory(
        strides=tuple(tensor.stride()),
        offset=int(tensor.storage_offset()),
        contiguous=tensor.is_contiguous(),
        view_of=_shared_with(trace, name),
        bytes=tensor.element_size() * math.prod(size for size, step in steps if step),
    )

"""Where a number comes from: one mechanism for every stage, right or wrong.

A stage is run again in float64 on stand-in values, and a NaN is sent through it: backwards as the gradient of
chosen output cells (the input cells whose gradient is NaN were read), or forwards in chosen input cells (the
outputs that become NaN are fed by them). Origins are a matter of wiring: on real values a NaN, an infinity or
a wholly masked row would flood the answer. "Read" means takes part in the arithmetic, even times zero; cells
that a mask replaces are not read. The flag that decides whether a cell is replaced is read in any case; flags
have no gradient, so they are found by turning them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from mha_core.axes import by_item, edges, shape_of
from mha_core.inputs import linear
from mha_core.run import Trace
from mha_core.stage import Cell, Pipeline, Stage, arguments, execute, maker_of, results, tensor_inputs

Marks = dict[str, Tensor]
"""Marked cells: for each tensor's name a bool tensor of its shape."""

Ranges = tuple[tuple[int, int], ...]
Box = tuple[Ranges, ...]

BY_ITEM = ("token_ids", "item_lengths", "given_x")
"""What stages read besides tensors that has one entry a batch item, on its first axis."""


def one_item(trace: Trace, item: int) -> dict[str, Any]:
    """Return everything a stage can ask for, cut to one batch item (batch_size is then 1).

    Nothing in attention mixes batch items; a test compares with whole batches over all pipelines.
    """
    available = {**trace.available, "batch_size": 1}
    for name, tensor in trace.tensors.items():
        if by_item(trace.made(name).axes):
            available[name] = tensor[item : item + 1]
    for name in BY_ITEM:
        if name in available:
            available[name] = available[name][item : item + 1]
    return available


def stand_in(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return seeded float64 numbers between 0.5 and 1.5."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5


def stand_ins(stage: Stage, available: Mapping[str, Any]) -> tuple[dict[str, Any], Marks]:
    """Replace every floating input of a stage by stand-in values.

    Returns:
        the function's arguments, and the stand-ins by name (`x`, `qkv_layer.weight` ...), which ask for
        gradients. Masks, sizes and indices stay as they are.
    """
    call = arguments(stage, available)
    leaves: Marks = {}

    def leaf(name: str, tensor: Tensor) -> Tensor:
        leaves[name] = stand_in(tuple(tensor.shape), len(leaves)).requires_grad_()
        return leaves[name]

    for parameter, name in stage.inputs.items():
        value = call[parameter]
        if isinstance(value, nn.Linear):
            layer = linear(
                *(
                    None if part is None else stand_in(tuple(part.shape), place)
                    for place, part in enumerate((value.weight, value.bias))
                )
            )
            for part, tensor in layer.named_parameters():
                leaves[f"{name}.{part}"] = tensor.requires_grad_()
            call[parameter] = layer
        elif isinstance(value, Tensor):
            # tensors made under inference_mode take no part in gradients: those that stay are cloned
            call[parameter] = leaf(name, value) if value.dtype.is_floating_point else value.cpu().clone()
        elif isinstance(value, dict):  # where and in which dtype x is drawn
            call[parameter] = {"device": torch.device("cpu"), "dtype": torch.float64}
    return call, leaves


def flag_inputs(stage: Stage, available: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which of a stage's inputs are flags, yes or no."""
    call = arguments(stage, available)
    found = [(name, call[parameter]) for parameter, name in stage.inputs.items()]
    return tuple(name for name, value in found if isinstance(value, Tensor) and value.dtype == torch.bool)


def deciders(stage: Stage, flag: str, available: Mapping[str, Any]) -> Marks:
    """Say which cell of a flag tensor decides each cell of what a stage makes.

    The flag's cells are numbered from 1, and the stage is run on stand-ins once for every binary digit of
    these numbers, each flag set to that digit of its number: an output changes in just those runs whose digit
    stands in the number of the cell that decides it. An output that two cells decide would be taken for
    another's; the brute force of the tests finds such a stage.

    Returns:
        by the tensors that the stage makes: int64 of their shape, the cell's number; 0 where none decides.
    """
    call, _ = stand_ins(stage, available)
    (parameter,) = (each for each, name in stage.inputs.items() if name == flag)
    shape = call[parameter].shape
    numbers = torch.arange(1, shape.numel() + 1).reshape(shape)

    def ran(flags: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            made = results(stage, stage.run(**{**call, parameter: flags}))
            return {row.name: tensor.nan_to_num() for row, tensor in made}

    base = ran(torch.zeros(shape, dtype=torch.bool))
    found = {name: torch.zeros(tensor.shape, dtype=torch.int64) for name, tensor in base.items()}
    for digit in range(shape.numel().bit_length()):
        for name, tensor in ran((numbers >> digit) % 2 == 1).items():
            found[name] += (tensor != base[name]).long() << digit
    return found


def read(stage: Stage, marked: Marks, available: Mapping[str, Any]) -> Marks:
    """Return the input cells that take part in making the marked cells of what a stage makes.

    Args:
        stage: the stage.
        marked: output cells, by the names of the stage's tensors.
        available: tensors, parameters, sizes and indices by name; only shapes and integers matter.
    """
    flags = {name: _deciding(stage, name, marked, available) for name in flag_inputs(stage, available)}
    call, leaves = stand_ins(stage, available)
    if not leaves:
        return flags
    made = {row.name: tensor for row, tensor in results(stage, stage.run(**call)) if row.name in marked}
    gradients = [torch.zeros_like(made[name]).masked_fill(marked[name], float("nan")) for name in made]
    reached = torch.autograd.grad(
        list(made.values()), list(leaves.values()), gradients, allow_unused=True, materialize_grads=True
    )
    return {name: gradient.isnan() for name, gradient in zip(leaves, reached, strict=True)} | flags


def _deciding(stage: Stage, flag: str, marked: Marks, available: Mapping[str, Any]) -> Tensor:
    """Return which cells of a flag tensor decide the marked cells of what a stage makes."""
    shape = available[flag].shape
    found = torch.zeros(shape.numel() + 1, dtype=torch.bool)
    for name, numbers in deciders(stage, flag, available).items():
        if name in marked:
            found[numbers[marked[name]]] = True
    return found[1:].reshape(shape)


def fed(stage: Stage, marked: Marks, available: Mapping[str, Any]) -> Marks:
    """Return the cells of what a stage makes that the marked input cells take part in."""
    call, leaves = stand_ins(stage, available)
    with torch.no_grad():
        for name, cells in marked.items():
            if name in leaves:
                leaves[name][cells] = float("nan")
        reached = {row.name: tensor.isnan() for row, tensor in results(stage, stage.run(**call))}
    for flag in flag_inputs(stage, available):
        if flag in marked:
            chosen = torch.cat([torch.zeros(1, dtype=torch.bool), marked[flag].flatten()])
            for name, numbers in deciders(stage, flag, available).items():
                reached[name] = reached[name] | chosen[numbers]
    return reached


def kept_out(stage: Stage, marked: Marks, available: Mapping[str, Any]) -> Marks:
    """Return the cells of what a stage makes that marked cells would feed, were a flag not set as it is."""
    if not any(cells.any() for cells in marked.values()):
        return {}
    reached, found = fed(stage, marked, available), Marks()
    for flag in flag_inputs(stage, available):
        for all_of_it in (torch.zeros_like, torch.ones_like):
            turned = fed(stage, marked, {**available, flag: all_of_it(available[flag])})
            for name, cells in turned.items():
                found[name] = found.get(name, torch.zeros_like(cells)) | (cells & ~reached[name])
    return {name: cells for name, cells in found.items() if cells.any()}


def trail(trace: Trace, name: str, cell: Cell) -> Marks:
    """Follow one cell through the whole run, back to the input and on to the output.

    Returns:
        marks by tensor and parameter (`qkv_layer.weight`), of the cell's batch item alone: their batch axis
        has size 1. The cell itself is marked in its own tensor.
    """
    available = one_item(trace, cell[0])
    start = torch.zeros(available[name].shape, dtype=torch.bool)
    start[(0, *cell[1:])] = True
    back: Marks = {name: start}
    for stage in reversed(trace.pipeline):
        mine = {
            made.name: back[made.name] for made in stage.makes if made.name in back and back[made.name].any()
        }
        for source, cells in (read(stage, mine, available) if mine else {}).items():
            back[source] = back[source] | cells if source in back else cells
    on: Marks = {name: start}
    for stage in trace.pipeline:
        mine = {source: on[source] for source in tensor_inputs(trace.pipeline, stage) if source in on}
        for made, cells in (fed(stage, mine, available) if mine else {}).items():
            on[made] = on[made] | cells if made in on else cells
    both = {**back, **{made: back[made] | cells if made in back else cells for made, cells in on.items()}}
    return {made: cells for made, cells in both.items() if cells.any()}


def ranges(indices: list[int]) -> Ranges:
    """Write rising indices as ranges, the end not included: 0 1 2 5 -> (0, 3), (5, 6)."""
    found: list[tuple[int, int]] = []
    for index in indices:
        if found and found[-1][1] == index:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return tuple(found)


def boxes(cells: Tensor) -> tuple[Box, ...]:
    """Write marked cells as a few boxes, each a tuple of ranges for every axis."""
    if cells.ndim == 1:
        return ((ranges(cells.nonzero().flatten().tolist()),),) if cells.any() else ()
    alike: dict[bytes, list[int]] = {}
    for index in cells.flatten(1).any(1).nonzero().flatten().tolist():
        alike.setdefault(cells[index].numpy().tobytes(), []).append(index)
    return tuple((ranges(indices), *rest) for indices in alike.values() for rest in boxes(cells[indices[0]]))


@lru_cache(maxsize=8)  # one entry is some 50 MB at the largest sizes
def roots(pipeline: Pipeline, sizes: tuple[tuple[str, int], ...]) -> Mapping[str, tuple[str, Tensor]]:
    """Say of every cell from which cell of which computed tensor it was moved.

    The stages that only move numbers are run on tensors of flat indices.

    Args:
        pipeline: the stages.
        sizes: the sizes of the axes, as pairs, with batch 1.

    Returns:
        by tensor name: the nearest tensor that was computed and not moved, and a tensor of flat indices into
        it (int64, the tensor's own shape with batch 1).
    """
    known: dict[str, tuple[str, Tensor]] = {}
    lengths = dict(sizes)
    given = {
        "batch_size": 1,
        "sequence_length": lengths["token"],
        "num_heads": lengths["head"],
        "head_dim": lengths["head_dim"],
        "d_model": lengths["d_model"],
        "input_dim": lengths["input_dim"],
    }
    for stage in pipeline:
        sources = tensor_inputs(pipeline, stage)
        if stage.moves and sources and len({known[source][0] for source in sources}) == 1:
            moved = execute((stage,), {**given, **{source: known[source][1] for source in sources}}, lengths)
            known.update({name: (known[sources[0]][0], tensor) for name, tensor in moved.items()})
            continue
        for made in stage.makes:
            shape = shape_of(made.axes, lengths)
            known[made.name] = (made.name, torch.arange(torch.Size(shape).numel()).reshape(shape))
    return known


ORIGINS = {"token": ("token", "query", "key"), "head": ("head",), "role": ("qkv",)}
"""The words that answer "which token, which head, which role", by paint."""


@lru_cache(maxsize=512)
def labels(pipeline: Pipeline, sizes: tuple[tuple[str, int], ...], name: str, paint: str) -> Tensor | None:
    """Return for every cell the token, head or role it comes from: int64, the tensor's shape with batch 1.

    Axes along which the answer never changes have size 1. None where the tensor that the cells were computed
    in has no such axis, or has two (a score is made of a query token and a key token).

    Args:
        pipeline: the stages.
        sizes: the sizes of the axes, as pairs, with batch 1.
        name: the tensor.
        paint: a key of ORIGINS.
    """
    root, flat = roots(pipeline, sizes)[name]
    axes = edges(maker_of(pipeline, root)[1].axes)
    words = [word for edge in axes for word in edge.words if word in ORIGINS[paint]]
    if len(words) != 1:
        return None
    below = 1
    for word, size in reversed(
        [pair for edge in axes for pair in zip(edge.words, edge.sizes(dict(sizes)), strict=True)]
    ):
        if word == words[0]:
            break
        below *= size
    # numpy, since torch pays several times as much for each of some hundred tiny steps
    found = flat.numpy() // below % size
    for axis, length in enumerate(found.shape):
        first = found.take([0], axis)
        if length > 1 and (found == first).all():
            found = first
    return torch.from_numpy(found)


def item_sizes(sizes: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return the sizes of one batch item, as pairs that can be a key."""
    return tuple({**sizes, "batch": 1}.items())

"""The seven checks: which numbers a claim is asked about, and how far apart they may be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mha_core.axes import edges
from mha_core.inputs import linear, seed_of, to_stacked
from mha_core.proving.claims import (
    add_heads,
    attend_by_module,
    attend_in_one_call,
    change_head,
    change_last,
    find_unwanted,
    reorder,
    sum_rows,
)
from mha_core.proving.compared import Broke, Compared, compare, longest, step
from mha_core.proving.part import NotApplicableError, Part, fit, layer_of, rows_of, take
from mha_core.proving.subject import COMPARED, READ, Found, Subject
from mha_core.stage import tensor_inputs
from mha_core.words import say

NOT_CAUSAL = "The mask lets queries see later tokens, so what comes later may matter."
NONE_EARLIER = "No batch item has two tokens, so none comes before the last."
LAST_IS_STILL = "Changing the last token does not change its own output either, so no leak could show."
ONE_TOKEN = "There is one token, and one token has no other order."
ALL_ALIKE = "All tokens are alike, so another order is the same order."
MASK_NOT_READ = "No step of this pipeline reads the mask, so it cannot be reordered with the tokens."
ONE_HEAD = "There is one head, and no other whose columns it could touch: only the sum was checked."
HEAD_IS_STILL = "Changing a head does not change its own columns either: only the sum was checked."
HEAD_CHANGED = "The head that was changed is head {head}."
COLUMNS = "Of out, {columns} of {all_columns} columns were added up."


def check_module(subject: Subject) -> Found:
    """Compare out and weights with nn.MultiheadAttention's; with heads left out, concat instead of out."""
    config, trace, width = subject.config, subject.trace, subject.config.head_dim

    def cost(items: int, heads: int, tokens: int) -> float:
        last = config.d_model if heads == config.num_heads else 0
        weights = 2 * 3 * config.input_dim * heads * width + last**2  # twice: the reach needs q and k
        seen = 2 * heads * tokens * (width + 2 * READ + COMPARED / 2)
        return items * tokens * (weights + seen + COMPARED * (last or heads * width)) + READ * weights

    # the reruns of the other checks take place four times, this one once
    part = fit(config, cost, 4 * subject.budget, cut_tokens=False)
    heads, everyone = len(part.heads), len(part.heads) == config.num_heads
    layer = subject.layer(layer_of(trace.parameters["qkv_layer"], part.heads, config, subject.layout))
    stacked = layer if subject.layout == "stacked" else to_stacked(layer, heads)
    if everyone:
        out_layer = subject.layer(trace.parameters["out_layer"])
    else:
        out_layer = linear(torch.eye(heads * width, dtype=subject.precise), None)
    x = subject.wide("x", part)
    out, weights = attend_by_module(x, stacked, out_layer, subject.mask[list(part.items)], heads)
    q, k, v = (each.unflatten(-1, (heads, width)) for each in stacked(x).chunk(3, dim=-1))
    moved, blind = subject.rounding(q, k), subject.blind(part)
    tolerance = moved * subject.size(v) * longest(out_layer.weight) + subject.added(out)
    name = "out" if everyone else "concat"
    outs = subject.compared(name, part, out, tolerance, blind[..., None])
    return Found((outs, subject.compared("weights", part, weights, moved, blind[:, None, :, None])), part)


def check_call(subject: Subject) -> Found:
    """Compare context with scaled_dot_product_attention's, on the run's own q, k, v and mask."""
    width = subject.config.head_dim

    def cost(items: int, heads: int, tokens: int) -> float:
        return items * heads * tokens * (2 * tokens * (width + 2 * READ) + COMPARED * width)

    part = fit(subject.config, cost, subject.budget, cut_tokens=False)
    q, k, v = (subject.wide(name, part) for name in ("q", "k", "v"))
    mask = subject.trace["mask"].cpu().expand(subject.config.batch_size, -1, -1, -1)[list(part.items)]
    tolerance = subject.rounding(q, k) * subject.size(v)
    context = attend_in_one_call(q, k, v, mask)
    apart = mask.all(dim=-1)[..., None]
    return Found((subject.compared("context", part, context, tolerance, apart),), part)


def check_rows(subject: Subject) -> Found:
    """Compare the sums of the weights' rows with 1."""
    config, made = subject.config, subject.trace.made("weights")
    every = config.sequence_length

    def cost(items: int, heads: int, tokens: int) -> float:
        return items * heads * tokens * (2 * READ * every + COMPARED)

    part = fit(config, cost, subject.budget)
    weights, places = take(subject.trace["weights"], made.axes, part, config.sizes)
    sums, blind = sum_rows(weights.cpu()), subject.blind(part)[:, None]
    tolerance, ones = step(subject.dtype), torch.ones_like(sums)
    return Found(
        (compare("weights", sums, ones, tolerance=tolerance, places=places[:-1], apart=blind),), part
    )


def check_future(subject: Subject) -> Found:
    """Change each item's last token and look whether an earlier output moves, if only by its last bit."""
    size = subject.config.sequence_length
    later = torch.ones(size, size, dtype=torch.bool).triu(1)
    if not subject.mask[:, 0][:, later].all():
        raise NotApplicableError(NOT_CAUSAL)
    rerun, part = subject.rerun, subject.rerun.part
    tokens = torch.arange(len(part.tokens))
    sees_itself = ~subject.hides(part).diagonal(dim1=-2, dim2=-1)
    last = (sees_itself * tokens).amax(dim=-1)
    if not last.any():
        raise NotApplicableError(NONE_EARLIER)
    before, after = rerun.before["out"], change_last(rerun, rerun.x, last.to(rerun.x.device))
    items = torch.arange(len(last))
    if torch.equal(before[items, last], after[items, last]):
        raise NotApplicableError(LAST_IS_STILL)
    apart = ((tokens >= last[:, None]) | subject.blind(part))[..., None]
    # the same pipeline on the same sizes makes a row that does not change of the same bits
    moved = compare("out", after, before, tolerance=0.0, places=subject.joined(part), apart=apart)
    return Found((moved,), part, smaller=not rerun.whole)


def check_order(subject: Subject) -> Found:
    """Reorder the tokens and look whether every output goes with its token."""
    if subject.config.sequence_length == 1:
        raise NotApplicableError(ONE_TOKEN)
    pipeline = subject.trace.pipeline
    if subject.mask.any() and not any("mask" in tensor_inputs(pipeline, stage) for stage in pipeline):
        raise NotApplicableError(MASK_NOT_READ)
    rerun, part = subject.rerun, subject.rerun.part
    drawn = torch.Generator().manual_seed(seed_of(subject.config.seed, "order"))
    order = torch.randperm(len(part.tokens), generator=drawn)
    order = (order.roll(1) if (order.diff() == 1).all() else order).to(rerun.x.device)
    if torch.equal(rerun.x[:, order], rerun.x):
        raise NotApplicableError(ALL_ALIKE)
    before = rerun.before
    after = reorder(rerun, rerun.x, before["mask"], order)
    moved = subject.rounding(before["q"], before["k"]) * subject.size(before["v"])
    tolerance = moved * longest(rerun.out_layer.weight) + subject.added(before["out"])
    places, apart = subject.joined(part), subject.blind(part)[..., None]
    moved_rows = compare("out", after, before["out"], tolerance=tolerance, places=places, apart=apart)
    return Found((moved_rows,), part, smaller=not rerun.whole)


def check_slices(subject: Subject) -> Found:
    """Halve one head and look whether another one's columns move; and add the heads' parts up to out."""
    config, out_layer = subject.config, subject.trace.parameters["out_layer"]
    columns = min(config.d_model, max(1, int(subject.budget / (2 * READ) / config.d_model)))

    def cost(items: int, heads: int, tokens: int) -> float:
        added = config.d_model + READ * config.num_heads + COMPARED
        return (items * tokens * added + READ * config.d_model) * columns

    part = fit(config, cost, subject.budget, cut_heads=False)
    drawn = torch.Generator().manual_seed(seed_of(config.seed, "columns"))
    chosen = torch.randperm(config.d_model, generator=drawn)[:columns].sort().values
    context, layer = subject.wide("context", part), subject.layer(out_layer, chosen)
    total = add_heads(context, layer)
    length = longest(layer.weight) * longest(context.transpose(1, 2).flatten(2))
    summed = compare(
        "out",
        subject.wide("out", part)[..., chosen],
        total,
        tolerance=step(subject.dtype) * length + subject.added(total),
        places=(*subject.places("out", part)[:2], tuple(chosen.tolist())),
        apart=subject.blind(part)[..., None],
    )
    counted = {"columns": columns, "all_columns": config.d_model}
    notes = (say(COLUMNS, **counted),) if columns < config.d_model else ()
    try:
        head, alone = _alone(subject)
    except NotApplicableError as reason:
        return Found((summed,), part, (*notes, str(reason)))
    return Found((alone, summed), part, (*notes, say(HEAD_CHANGED, head=head)))


def _alone(subject: Subject) -> tuple[int, Compared]:
    """Compare the other heads' columns before and after one head was changed: not a bit may differ."""
    if subject.config.num_heads == 1:
        raise NotApplicableError(ONE_HEAD)
    rerun, width = subject.rerun, subject.config.head_dim
    heads = rerun.part.heads
    head = seed_of(subject.config.seed, "head") % len(heads)
    columns = rows_of(head, len(heads), width, subject.layout).to(rerun.x.device)
    before, after = rerun.before["concat"], change_head(rerun, rerun.before["qkv"], columns)
    if torch.equal(before.nan_to_num(), after.nan_to_num()):
        raise NotApplicableError(HEAD_IS_STILL)
    own = torch.arange(before.shape[-1]) // width == head
    apart = own | subject.blind(rerun.part)[..., None]
    places = subject.joined(rerun.part)
    return heads[head], compare("concat", after, before, tolerance=0.0, places=places, apart=apart)


def check_finite(subject: Subject) -> Found:
    """Look for infinities and NaN where neither is meant; the figure counts them."""
    trace, config = subject.trace, subject.config
    after_mask = {"mask"}
    for stage in trace.pipeline:
        if after_mask & set(tensor_inputs(trace.pipeline, stage)):
            after_mask |= {made.name for made in stage.makes}
    names = [name for name in trace.names if trace[name].is_floating_point()]
    shapes = {name: [word for edge in edges(trace.made(name).axes) for word in edge.words] for name in names}

    def cost(items: int, heads: int, tokens: int) -> float:
        kept = {"batch": items, "head": heads, "token": tokens, "query": tokens}
        sizes = {**config.sizes, **kept}
        return 2 * READ * sum(math.prod(sizes[word] for word in words) for words in shapes.values())

    part = fit(config, cost, subject.budget)
    compared = []
    for name in names:
        tensor, places = take(trace[name], trace.made(name).axes, part, config.sizes)
        meant = _meant(subject, name, part, tensor) if name in after_mask else torch.tensor(False)
        unwanted = find_unwanted(tensor, meant.to(tensor.device))
        count, broke = int(unwanted.sum()), None
        if count:
            cell = tuple(unwanted.nonzero()[0].tolist())
            index = tuple(axis[place] for axis, place in zip(places, cell, strict=True))
            broke = Broke(name, index, float(tensor[cell]), None)
        compared.append(Compared(name, float(count), 0.0, tensor.numel(), 0, broke))
    return Found(tuple(compared), part)


def _meant(subject: Subject, name: str, part: Part, tensor: Tensor) -> Tensor:
    """Say where a tensor that the mask reaches may be infinite or NaN.

    −∞ in cells that the mask hides, and anything in the rows of queries that see no key.
    """
    hides = subject.hides(part)
    sizes = dict(zip(("batch", "query", "key"), hides.shape, strict=True))
    words = [edge.key for edge in edges(subject.trace.made(name).axes)]
    if not {"batch", "query"} <= set(words):
        return torch.tensor(False)
    meant = hides.all(dim=-1).reshape([1 if word == "key" else sizes.get(word, 1) for word in words])
    if "key" not in words:
        return meant
    return meant | (hides.reshape([sizes.get(word, 1) for word in words]) & tensor.cpu().isneginf())

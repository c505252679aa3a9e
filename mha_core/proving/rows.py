"""The checks in their order, each with everything that is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mha_core.proving import checks, claims
from mha_core.proving.subject import Found, Subject


@dataclass(frozen=True)
class Check:
    """A row of the strip: a check, and everything a page says of it.

    Attributes:
        run: compares what is there with what must be.
        label: a few words for a chip.
        title: the claim.
        how: how it works, in two plain sentences.
        shows: the functions whose bodies are the check, as a page shows them.
        needs: the tensors that a pipeline must make for it.
        chip: what a chip says of the figure.
        told: what is said of each comparison.
        failed: what is said of the cell where it broke.
        one_by_one: whether each tensor's comparison is worth a sentence, or the worst alone.
    """

    run: Callable[[Subject], Found]
    label: str
    title: str
    how: str
    shows: tuple[Callable[..., object], ...]
    needs: tuple[str, ...]
    chip: str = "{figure} apart"
    told: str = "{name}: {count} numbers compared, largest difference {figure}, allowed is {tolerance}."
    failed: str = "{cell} is {mine}; it must be {theirs}."
    one_by_one: bool = True


CHECKS: dict[str, Check] = {
    "module": Check(
        checks.check_module,
        label="same as nn.MultiheadAttention",
        title="Equal to nn.MultiheadAttention",
        how="PyTorch's own module is given the same x, the same mask and the same weights, their rows put in "
        "its order. Its out and every head's weights must be the numbers on show, up to rounding.",
        shows=(claims.attend_by_module,),
        needs=("x", "weights", "concat", "out"),
        failed="{cell} is {mine}; nn.MultiheadAttention makes it {theirs}.",
    ),
    "call": Check(
        checks.check_call,
        label="same as scaled_dot_product_attention",
        title="Equal to scaled_dot_product_attention",
        how="PyTorch does everything between q, k, v and context in one call. Given the run's own q, k, v "
        "and mask it must return the context on show, up to rounding.",
        shows=(claims.attend_in_one_call,),
        needs=("q", "k", "v", "mask", "context"),
        failed="{cell} is {mine}; scaled_dot_product_attention makes it {theirs}.",
    ),
    "rows": Check(
        checks.check_rows,
        label="rows sum to 1",
        title="Each row of weights sums to 1",
        how="The weights of every query are added over its keys, in float64. Each sum must be 1: what a "
        "query collects is an average, shared out completely.",
        shows=(claims.sum_rows,),
        needs=("weights",),
        chip="{figure} off",
        told="{name}: {count} rows added, the furthest is {figure} from 1, allowed is {tolerance}.",
        failed="The row {cell} sums to {mine}; it must sum to {theirs}.",
    ),
    "future": Check(
        checks.check_future,
        label="nothing leaks from the future",
        title="Nothing leaks from the future",
        how="Each batch item's last token is replaced by other numbers, and the same pipeline runs again. No "
        "output before that token may move, not even by its last bit.",
        shows=(claims.change_last,),
        needs=("x", "out"),
        chip="moved by {figure}",
        told="{name}: {count} earlier numbers compared, largest movement {figure}, allowed is {tolerance}.",
        failed="{cell} was {theirs} and becomes {mine} when only the last token is changed.",
    ),
    "order": Check(
        checks.check_order,
        label="token order does not matter",
        title="Reordered tokens give reordered outputs",
        how="The tokens change places, the mask with them, and the same pipeline runs again. Each token must "
        "get the same output as before, up to rounding; positions, where there are any, are part of x and "
        "move with their token.",
        shows=(claims.reorder,),
        needs=("x", "q", "k", "v", "mask", "out"),
        failed="{cell} was {theirs} and becomes {mine} when the tokens change places.",
    ),
    "slices": Check(
        checks.check_slices,
        label="heads keep to their columns",
        title="A head touches only its own columns",
        how="The columns of qkv that hold one head's q, k and v are halved, and the rest of the pipeline "
        "runs again: in concat no other head's columns may move, not even by a last bit. And what the heads "
        "add to out, each through its own columns of out_layer, must sum to out.",
        shows=(claims.change_head, claims.add_heads),
        needs=("x", "qkv", "context", "concat", "out"),
        chip="{figure} off",
        failed="{cell} is {mine}; as far as its own head alone counts it must be {theirs}.",
    ),
    "finite": Check(
        checks.check_finite,
        label="everything finite",
        title="Every number is finite",
        how="Every tensor is searched for infinities and NaN. −∞ is meant only where the mask hides a cell, "
        "and NaN only in the rows of a query that sees no key at all.",
        shows=(claims.find_unwanted,),
        needs=(),
        chip="{figure} exceptions",
        told="The most that a tensor holds of numbers that should not be infinite or NaN: {figure}.",
        one_by_one=False,
        failed="{cell} is {mine}, the first number that is not finite.",
    ),
}

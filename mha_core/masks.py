"""Which keys a query may not see: rules on index ranges. True hides.

A mask has axes `batch 1 query key`. A bare `batch query key` would be laid over the heads, without an error,
wherever batch_size equals num_heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from mha_core.config import Config
from mha_core.names import Also
from mha_core.stage import Arithmetic, Cell, Made, Stage, Term, Worked

Rule = Callable[[Tensor, Tensor, Tensor], Tensor]


def hide_nothing(item_lengths: Tensor, query_index: Tensor, key_index: Tensor) -> Tensor:
    """batch, query, key -> batch 1 query key: no key is hidden."""
    return torch.zeros(
        len(item_lengths), 1, len(query_index), len(key_index), dtype=torch.bool, device=key_index.device
    )


def hide_future(item_lengths: Tensor, query_index: Tensor, key_index: Tensor) -> Tensor:
    """batch, query, key -> batch 1 query key: a key later than the query is hidden."""
    later = key_index > query_index[:, None]
    return later.expand(len(item_lengths), 1, -1, -1)


def hide_padding(item_lengths: Tensor, query_index: Tensor, key_index: Tensor) -> Tensor:
    """batch, query, key -> batch 1 query key: a key at or beyond the item's length is hidden."""
    filling = key_index >= item_lengths[:, None]
    return filling[:, None, None, :].expand(-1, 1, len(query_index), -1)


def hide_both(item_lengths: Tensor, query_index: Tensor, key_index: Tensor) -> Tensor:
    """batch, query, key -> batch 1 query key: later keys and filling are hidden."""
    later = key_index > query_index[:, None]
    filling = key_index >= item_lengths[:, None]
    return later | filling[:, None, None, :]


RULES: dict[str, Rule] = {
    "none": hide_nothing,
    "causal": hide_future,
    "padding": hide_padding,
    "both": hide_both,
}

# How one cell is decided, beside the rules.


def is_later(cell: Cell, inputs: Mapping[str, Any]) -> Term:
    """Compare the key's index with the query's."""
    _, _, query, key = cell
    numbers = float(inputs["key_index"][key]), float(inputs["query_index"][query])
    cells = (("key_index", (key,)), ("query_index", (query,)))
    return Term(cells, numbers, float(numbers[0] > numbers[1]), "later")


def is_filling(cell: Cell, inputs: Mapping[str, Any]) -> Term:
    """Compare the key's index with the item's length."""
    batch, _, _, key = cell
    numbers = float(inputs["key_index"][key]), float(inputs["item_lengths"][batch])
    cells = (("key_index", (key,)), ("item_lengths", (batch,)))
    return Term(cells, numbers, float(numbers[0] >= numbers[1]), "filling")


Comparison = Callable[[Cell, Mapping[str, Any]], Term]

COMPARISONS: dict[str, tuple[Comparison, ...]] = {
    "none": (),
    "causal": (is_later,),
    "padding": (is_filling,),
    "both": (is_later, is_filling),
}


def work_rule(rule: str) -> Worked:
    """Return how a cell of one of the RULES is decided: hidden where one comparison says so."""

    def worked(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
        terms = tuple(compared(cell, inputs) for compared in COMPARISONS[rule])
        return Arithmetic(terms, float(any(term.value for term in terms)), "rule")

    return worked


WHY = {
    "none": "This mask hides nothing: every query may look at every key.",
    "causal": "A token may look at itself and at earlier tokens, never at later ones. This is how a model "
    "that writes word after word is trained.",
    "padding": "Shorter inputs are filled up to the same length. The mask hides the filling, so that no "
    "query looks at it.",
    "both": "Later tokens are hidden, and so is the filling at the end of shorter inputs.",
}


MASK = Also(
    torch="attn_mask, key_padding_mask",
    gpt2="attention_mask",
    bert="attention_mask",
    neox="attention_mask",
    nanogpt="bias",
    llama="attention_mask",
)


@cache  # one row for each rule, so that what is known of a stage is worked out once
def mask_stage(rule: str) -> Stage:
    """Return the stage that makes the mask by one of the RULES."""
    return Stage(
        RULES[rule],
        (Made("mask", "batch 1 query key", values="flag", also=MASK),),
        title="Make the mask",
        why=WHY[rule],
        operation=rule,
        part="attend",
        formula=r"\mathrm{mask}_{ij} = 1 \text{ where key } j \text{ is hidden from query } i",
        source="nn.MultiheadAttention, whose attn_mask hides where it is True",
        note="Libraries disagree on what True means: it hides here and in nn.MultiheadAttention, and it "
        "keeps in scaled_dot_product_attention.",
        worked=work_rule(rule),
    )


def hidden(config: Config, batch: slice, query: slice, key: slice) -> Tensor:
    """Return the mask for ranges of batch items, queries and keys, without making the whole.

    Returns:
        bool, `batch 1 query key` of the ranges asked for.
    """
    lengths = torch.tensor(config.item_lengths)[batch]
    indices = torch.arange(config.sequence_length)
    return RULES[config.mask](lengths, indices[query], indices[key])

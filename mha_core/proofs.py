"""Proofs on the numbers of one run: does what must be so of multi-head attention hold for these very numbers?

`prove(trace)` looks at a run as it took place, whatever its pipeline, and asks seven questions. Each passes,
fails or does not apply, with its figure, what that may be, and where it broke. What a run ought to have done
is told by its settings, never by the run itself: a mask that was made wrongly is held against the rule that
it was to follow, and weights are read in the order in which they were written.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from mha_core.proving.compared import Broke, Compared, worst
from mha_core.proving.part import NotApplicableError
from mha_core.proving.rows import CHECKS, Check
from mha_core.proving.subject import Found, Subject
from mha_core.run import Trace
from mha_core.words import listed, say

__all__ = ["BUDGET", "CHECKS", "Check", "Proof", "code", "prove"]

BUDGET = 40_000_000
"""What one check may cost, in multiplications of float32; a weight that is read counts as 16."""

NO_TENSOR = "This pipeline makes no tensor called {name}."
NOTHING_LEFT = "No number is left to compare: no query sees a key, or nothing is finite on either side."
WHOLLY_HIDDEN = (
    "Queries that see no key at all: {count}, in batch items {items}. A softmax over nothing is NaN, which "
    "is no fault of the pipeline; their rows are set apart."
)
UNKNOWN = "Numbers that are finite on neither side and could not be compared: {count}."
EVERYTHING = "Every number was looked at."
SOME = (
    "Looked at {items} of {all_items} batch items, {heads} of {all_heads} heads and {tokens} of {all_tokens} "
    "tokens, chosen by the seed: these exactly, and no others."
)
SMALLER = (
    "Run again by itself: {items} of {all_items} batch items, {heads} of {all_heads} heads, and the first "
    "{tokens} of {all_tokens} tokens. The numbers named are those of this smaller run."
)


@dataclass(frozen=True)
class Proof:
    """The answer of one check.

    Attributes:
        name: the check's name, a key of CHECKS.
        passed: None where the check does not apply; `reason` then says why.
        figure: the largest difference, of the comparison nearest to its limit; for `finite` a count.
        tolerance: what the figure may be.
        broke: where it failed first: tensor, index, the number there and the one that must be.
        looked: how much of the run was looked at, as a sentence.
        notes: further sentences: rows set apart, numbers that cannot be compared.
        compared: every comparison that was made.
        reason: why the check does not apply.
    """

    name: str
    passed: bool | None
    figure: float | None = None
    tolerance: float | None = None
    broke: Broke | None = None
    looked: str = ""
    notes: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    reason: str = ""


def prove(
    trace: Trace, *, mask: Tensor | None = None, layout: str | None = None, budget: float = BUDGET
) -> tuple[Proof, ...]:
    """Ask every check about the numbers of a run.

    Args:
        trace: the run, of whatever pipeline.
        mask: the mask that the run was to use, bool, `batch 1 query key` (True hides), where it is another
            than its settings'.
        layout: the layout in which the rows of qkv_layer were written, where the run reads another.
        budget: what one check may cost, in multiplications; beyond it, part of the run is looked at.

    Returns:
        One proof for each of CHECKS, in their order.
    """
    subject = Subject(trace, mask, layout, budget)
    with torch.inference_mode():
        return tuple(_asked(name, subject) for name in CHECKS)


def _asked(name: str, subject: Subject) -> Proof:
    check = CHECKS[name]
    try:
        for tensor in check.needs:
            if tensor not in subject.trace.names:
                raise NotApplicableError(NO_TENSOR, name=tensor)
        found = check.run(subject)
        if not any(each.count for each in found.compared):
            raise NotApplicableError(NOTHING_LEFT)
    except NotApplicableError as reason:
        return Proof(name, None, reason=str(reason))
    broke = next((each.broke for each in found.compared if each.broke), None)
    hardest = worst(found.compared)
    return Proof(
        name,
        broke is None,
        hardest.largest,
        hardest.tolerance,
        broke,
        _looked(subject, found),
        (*found.notes, *_set_apart(subject, found)),
        found.compared,
    )


def _looked(subject: Subject, found: Found) -> str:
    config, part = subject.config, found.part
    if part.whole(config):
        return EVERYTHING
    template = SMALLER if found.smaller else SOME
    looked = {"items": len(part.items), "heads": len(part.heads), "tokens": len(part.tokens)}
    sizes = {
        "all_items": config.batch_size,
        "all_heads": config.num_heads,
        "all_tokens": config.sequence_length,
    }
    return say(template, **looked, **sizes)


def _set_apart(subject: Subject, found: Found) -> tuple[str, ...]:
    """Name the batch items with queries that see no key, and count what could not be compared."""
    blind, notes = subject.blind(found.part), []
    if count := int(blind.sum()):
        items = [item for item, row in zip(found.part.items, blind, strict=True) if row.any()]
        notes.append(say(WHOLLY_HIDDEN, count=count, items=listed(items)))
    if unknown := sum(each.unknown for each in found.compared):
        notes.append(say(UNKNOWN, count=unknown))
    return tuple(notes)


@lru_cache
def code(function: Callable[..., object]) -> str:
    """Return the body of a claim as it stands in its file, after the docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef), f"{function.__name__} is not a plain function"
    documented = definition.body[0].end_lineno
    lines = textwrap.dedent("\n".join(source.splitlines()[documented:])).splitlines()
    return "\n".join(line.split("  # type: ignore")[0] for line in lines)

"""What a planted head can be built to do: each job's words, and the sizes that are too small for it.

Only names and arithmetic stand here, no tensor: the settings ask which jobs fit. How a job becomes weights
stands in `mha_core.planted`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mha_core.waves import (
    LEAST,
    TOKENS,
    Mass,
    enough,
    first_mass,
    one_step_mass,
    slow_pair,
    steady,
    window_mass,
)
from mha_core.words import listed, say

WORDS_APART = 128
"""Different words that a text of planted heads may have. Small heads that compare words blur before that."""

LITTLE_WORDS = tuple(
    (
        "a an and are as at be but by for from had has have he her his i in is it its my no not of on or our "
        "she so that the their them they this to was we were with you your"
    ).split()
)
"""The words that the content head passes over: our own short list, nothing that a model found."""


@dataclass(frozen=True)
class Space:
    """What a job has to do with: the head's size, the input's, and whether there are biases and positions."""

    head_dim: int
    input_dim: int
    bias: bool = True
    positions: bool = True

    @property
    def half(self) -> int:
        """Numbers of the word, and numbers of its position."""
        return self.input_dim // 2


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        label: what it is called.
        sentence: what the head was built to do, in one honest sentence.
        reason: given a space, why the job cannot be done in it; nothing where it can.
        causal: the sentence where later tokens are hidden, if that makes a difference.
        by_position: whether it finds its keys by their positions alone.
    """

    label: str
    sentence: str
    reason: Callable[[Space], str]
    causal: str = ""
    by_position: bool = False


def _by_waves(mass: Mass) -> Callable[[Space], str]:
    """Return the check of a head that compares sines and cosines of positions."""

    def reason(space: Space) -> str:
        if mass(space.head_dim, space.half) >= LEAST:
            return ""
        head_dim, input_dim = enough(mass, space.head_dim, space.half)
        facts = {"given": space.head_dim, "given_input": space.input_dim, "tokens": TOKENS}
        if input_dim == space.input_dim:
            return say(TOO_FEW_WAVES, head_dim=head_dim, **facts)
        return say(TOO_SHORT_WAVES, head_dim=head_dim, input_dim=input_dim, **facts)

    return reason


def _constant(space: Space) -> str:
    """Say why there is no constant to ask with: without a bias the slowest cosine of the positions is it."""
    if space.bias:
        return ""
    if not space.positions:
        return NO_CONSTANT
    if steady(space.half) >= 0.99:
        return ""
    would = next(half for half in range(space.half, 4096) if steady(half) >= 0.99)
    return say(UNSTEADY, given=space.input_dim, tokens=TOKENS, would=2 * would)


def _all_of(*checks: Callable[[Space], str]) -> Callable[[Space], str]:
    """Return the first reason that any of the checks has."""
    return lambda space: next(filter(None, (check(space) for check in checks)), "")


def _signs(least: int) -> Callable[[Space], str]:
    return lambda space: (
        "" if space.head_dim >= least else say(TOO_FEW_SIGNS, given=space.head_dim, least=least)
    )


def _rising(space: Space) -> str:
    if slow_pair(space.half) is not None:
        return ""
    would = next(half for half in range(space.half, 4096) if slow_pair(half) is not None)
    return say(NO_RISING, given=space.input_dim, tokens=TOKENS, would=2 * would)


TOO_FEW_WAVES = (
    "With head_dim {given} its few waves repeat within {tokens} tokens (input_dim {given_input}); head_dim "
    "{head_dim} would do."
)
TOO_SHORT_WAVES = (
    "With head_dim {given} and input_dim {given_input} its waves cannot tell {tokens} positions apart; "
    "head_dim {head_dim} with input_dim {input_dim} would do."
)
TOO_FEW_SIGNS = (
    "With head_dim {given} it compares too few signs to tell words apart; head_dim {least} would do."
)
NO_RISING = (
    "With input_dim {given} no sine of positions rises over {tokens} tokens; input_dim {would} would do."
)
NO_CONSTANT = "Without bias and without positions it has nothing constant to ask with; either would do."
UNSTEADY = (
    "Without bias it asks with the slowest cosine of the positions, which with input_dim {given} changes too "
    "much over {tokens} tokens; input_dim {would} would do."
)

JOBS: dict[str, Job] = {
    "previous": Job(
        "previous token",
        "Built to look at the token before: it turns its own position back by one step and finds the key "
        "that stands there. It reads no words.",
        _by_waves(one_step_mass),
        by_position=True,
    ),
    "next": Job(
        "next token",
        "Built to look at the token after: it turns its own position on by one step and finds the key that "
        "stands there. It reads no words.",
        _by_waves(one_step_mass),
        causal="Built to look at the token after, which the causal mask hides from it: so it settles on "
        "itself.",
        by_position=True,
    ),
    "first": Job(
        "first token",
        "Built to look at the very first token: only at position 0 are all cosines 1, and every query asks "
        "for that. It reads no words.",
        _all_of(_by_waves(first_mass), _constant),
        by_position=True,
    ),
    "same": Job(
        "same word",
        "Built to look at every copy of its own word, itself included: it counts the signs in which two "
        "words agree. With head_dim 8 it keeps some 30 different words sharply apart, and blurs with more; "
        f"with 16 it keeps {WORDS_APART}.",
        _signs(8),
    ),
    "first_occurrence": Job(
        "first occurrence",
        "Built to look at where its own word stood first: it looks for the same word, and of several copies "
        "the earliest wins. A new word finds itself.",
        _all_of(_signs(16), _rising, _constant),
    ),
    "window": Job(
        "window",
        "Built to look around the token before: it is the previous-token head with a sixth of the gain, and "
        "so a blur. It reads no words.",
        _by_waves(window_mass),
        by_position=True,
    ),
    "content": Job(
        "content words",
        "Built to pass over little words: a list of ours marks them, and every query asks for a word without "
        f"the mark. Nothing is understood. The list: {listed(LITTLE_WORDS)}.",
        _constant,
    ),
    "uniform": Job(
        "plain average",
        "Built to ask nothing: it takes the plain average of all tokens that it may see.",
        lambda space: "",
    ),
}

FEW = ("previous", "same", "first", "uniform")
ALL = tuple(JOBS)


def unfit(space: Space) -> dict[str, str]:
    """Return for each job why it cannot be chosen in a space; nothing where it can."""
    return {name: job.reason(space) for name, job in JOBS.items()}


def shipped(num_heads: int, space: Space) -> tuple[str, ...]:
    """Return the jobs of so many heads where none were chosen.

    Up to four heads take the first of `FEW`, more take all jobs in their order; jobs that do not fit are
    passed over, and more heads than jobs begin again. `uniform` fits everywhere.
    """
    fitting = [name for name in (FEW if num_heads <= len(FEW) else ALL) if not JOBS[name].reason(space)]
    return repeated(tuple(fitting) or ("uniform",), num_heads)


def repeated(jobs: tuple[str, ...], num_heads: int) -> tuple[str, ...]:
    """Return one job a head: fewer than the heads begin again."""
    return tuple(jobs[head % len(jobs)] for head in range(num_heads))

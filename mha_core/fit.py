"""Whether settings can have planted weights: what must go together, and what would work where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mha_core.errors import ConfigError
from mha_core.jobs import WORDS_APART, shipped, unfit
from mha_core.words import listed

if TYPE_CHECKING:
    from mha_core.config import Config

LEAST_INPUT = 4
"""The smallest input that has a pair of sine and cosine beside a word."""


def check_planted(config: Config, divisors: Sequence[int]) -> None:
    """Check what planted weights need: words, two halves of the input, a head that fits one, jobs that fit.

    Args:
        config: the settings, each already checked by itself.
        divisors: every num_heads that divides d_model.

    Raises:
        ConfigError: something is missing; the sentence says what would work.
    """
    _check_words(config)
    _check_halves(config)
    _check_heads(config, divisors)
    _check_jobs(config)


def _check_words(config: Config) -> None:
    if config.input != "words":
        raise ConfigError(
            "weights planted read words, and input is {input}; input words would do, or weights initial.",
            "weights",
            "initial",
            input=config.input,
        )
    different = len(set(config.text.split()))
    if different > WORDS_APART:
        raise ConfigError(
            "The text has {different} different words, and planted heads tell at most {most} apart; a "
            "shorter text would do, or weights initial.",
            "weights",
            "initial",
            different=different,
            most=WORDS_APART,
        )


def _check_halves(config: Config) -> None:
    if config.input_dim % 2 or config.input_dim < LEAST_INPUT:
        would = max(LEAST_INPUT, config.input_dim + 1)
        raise ConfigError(
            "input_dim {input_dim} cannot be cut into a half for the word and a half for its position, as "
            "weights planted need; {would} can.",
            "input_dim",
            would,
            input_dim=config.input_dim,
            would=would,
        )


def _check_heads(config: Config, divisors: Sequence[int]) -> None:
    half = config.input_dim // 2
    head_dims = {number: config.d_model // number for number in divisors}
    fitting = [number for number, head_dim in head_dims.items() if head_dim % 2 == 0 and head_dim <= half]
    if config.num_heads in fitting:
        return
    facts = {name: getattr(config, name) for name in ("head_dim", "d_model", "num_heads", "input_dim")}
    if not fitting:
        raise ConfigError(
            "weights planted need an even head_dim of at most half of input_dim {input_dim}, and no "
            "num_heads gives d_model {d_model} one (head_dim is {head_dim} with num_heads {num_heads}); an "
            "even d_model of at most {would} would do, or weights initial.",
            "weights",
            "initial",
            would=half - half % 2,
            **facts,
        )
    nearest = min(fitting, key=lambda number: (abs(number - config.num_heads), number))
    raise ConfigError(
        "head_dim {head_dim} (d_model {d_model} / num_heads {num_heads}) does not suit weights planted: it "
        "must be even and at most half of input_dim {input_dim}; num_heads {would} would do.",
        "num_heads",
        nearest,
        would=nearest,
        **facts,
    )


def _check_jobs(config: Config) -> None:
    if len(config.jobs) > config.num_heads:
        raise ConfigError(
            "jobs names {given} jobs ({jobs}), and num_heads is {num_heads}; give at most {num_heads}.",
            "jobs",
            config.jobs[: config.num_heads],
            given=len(config.jobs),
            jobs=listed(config.jobs),
            num_heads=config.num_heads,
        )
    why = unfit(config.space)
    instead = shipped(config.num_heads, config.space)
    for job in config.jobs:
        if why[job]:
            raise ConfigError(
                "The job {job} does not fit these sizes. {reason}",
                "jobs",
                tuple(instead[at] if why[each] else each for at, each in enumerate(config.jobs)),
                job=job,
                reason=why[job],
            )

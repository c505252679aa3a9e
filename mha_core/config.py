"""Sizes and choices of a run: frozen, checked, each with its label, help and limits in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from mha_core.errors import ConfigError
from mha_core.fit import check_planted
from mha_core.jobs import JOBS, Space
from mha_core.words import listed

MAX_HEADS = 64
MAX_WORD = 64
MAX_TEXT = 5_000  # characters; in an address each takes up to twelve, and servers read some 64,000 of them
PAD = "< pad >"  # with spaces in it no visitor can type it as a word

DTYPES = ("float32", "float64", "bfloat16", "float16")
MASKS = {
    "none": "none",
    "causal": "causal",
    "padding": "padding",
    "both": "causal, padding",
}
LAYOUTS = {"per_head": "per head, as in the tutorial", "stacked": "stacked, as in GPT-2"}
INPUTS = {"normal": "seeded normal numbers", "words": "words that you type"}
WEIGHTS = {"initial": "freshly initialised", "planted": "planted by hand"}


@dataclass(frozen=True)
class Setting:
    """What a page needs to know of a field: its words, and what is allowed."""

    label: str
    help: str
    low: float | None = None
    high: float | None = None
    choices: Mapping[str, str] | None = None


def setting(default: Any, label: str, help: str, **limits: Any) -> Any:
    """Declare a field of the config together with everything a page says about it."""
    if "choices" in limits and not isinstance(limits["choices"], Mapping):
        limits["choices"] = {choice: choice for choice in limits["choices"]}
    return field(default=default, metadata={"setting": Setting(label, help, **limits)})


@dataclass(frozen=True)
class Config:
    """One run's settings. The defaults are the tutorial's sizes.

    With `input="words"` the text decides batch_size (its lines) and sequence_length (words of the longest
    line), whatever else was given.

    Raises:
        ConfigError: a value outside its limits, or values that do not go together; the sentence says what
            was given, what is allowed and what would work.
    """

    batch_size: int = setting(1, "batch_size", "Independent inputs worked on together.", low=1, high=64)
    sequence_length: int = setting(4, "sequence_length", "Tokens of each input.", low=1, high=128)
    input_dim: int = setting(512, "input_dim", "Numbers of a token as it comes in.", low=1, high=4096)
    d_model: int = setting(512, "d_model", "Numbers of a token inside the attention.", low=1, high=4096)
    num_heads: int = setting(
        8, "num_heads", "Attention heads. They share d_model, so they must divide it.", low=1, high=MAX_HEADS
    )
    bias: bool = setting(True, "bias", "Whether the two linear layers add a bias.")
    layout: str = setting(
        "per_head",
        "layout",
        "How qkv_layer's columns are laid out. per head: q, k, v of head 0, then of head 1 (the tutorial, "
        "GPT-NeoX, BLOOM). stacked: all q, then all k, then all v (nn.MultiheadAttention, GPT-2).",
        choices=LAYOUTS,
    )
    mask: str = setting(
        "none",
        "mask",
        "Which keys a query may not see. causal: none that comes later. padding: none of the filling at the "
        "end of shorter inputs.",
        choices=MASKS,
    )
    lengths: tuple[int, ...] = setting(
        (),
        "lengths",
        "Real tokens of each batch item, for the padding mask; the rest is filling. Empty: as long as the "
        "text.",
        low=0,
    )
    seed: int = setting(0, "seed", "Decides every number that is drawn.", low=0, high=2**31 - 1)
    input: str = setting("normal", "input", "Where x comes from.", choices=INPUTS)
    text: str = setting("", "text", "Words, separated by spaces. Each line is a batch item.")
    positions: bool = setting(True, "positions", "Whether sinusoidal positions are added to the words.")
    gain: float = setting(
        1.0,
        "gain",
        "Multiplies the weights of qkv_layer: larger scores, sharper attention.",
        low=0.0,
        high=100.0,
    )
    device: str = setting("cpu", "device", "Where the run takes place.")
    dtype: str = setting("float32", "dtype", "The kind of number the run uses.", choices=DTYPES)
    weights: str = setting(
        "initial",
        "weights",
        "Where the weights come from. initial: drawn from the seed, as nn.Linear begins; nothing is learned. "
        "planted: written by hand, a job for each head, on words beside their positions.",
        choices=WEIGHTS,
    )
    jobs: tuple[str, ...] = setting(
        (),
        "jobs",
        "What each planted head is built to do, in the order of the heads; fewer jobs than heads begin "
        "again. Empty: a set that fits the sizes.",
    )

    def __post_init__(self) -> None:
        """Check every field, then what goes together."""
        for each in fields(self):
            object.__setattr__(self, each.name, _checked(each.name, getattr(self, each.name)))
        if self.input == "words":
            lines = _lines(self.text)
            object.__setattr__(self, "batch_size", len(lines))
            object.__setattr__(self, "sequence_length", max(map(len, lines)))
        if len(self.text) > MAX_TEXT:
            raise ConfigError(
                "The text has {given} characters in all; at most {most} fit, so that a link can hold it.",
                "text",
                None,
                given=len(self.text),
                most=MAX_TEXT,
            )
        if self.d_model % self.num_heads:
            raise ConfigError(
                "num_heads {num_heads} does not divide d_model {d_model}; {would} would.",
                "num_heads",
                nearest_heads(self.d_model, self.num_heads),
                num_heads=self.num_heads,
                d_model=self.d_model,
                would=_neighbours(self.d_model, self.num_heads),
            )
        if len(self.lengths) > self.batch_size:
            raise ConfigError(
                "lengths names {given} batch items ({lengths}), and batch_size is {batch_size}; "
                "give at most {batch_size}.",
                "lengths",
                self.lengths[: self.batch_size],
                given=len(self.lengths),
                lengths=listed(self.lengths),
                batch_size=self.batch_size,
            )
        if any(length > self.sequence_length for length in self.lengths):
            raise ConfigError(
                "lengths {lengths} name more tokens than sequence_length {sequence_length}; "
                "each may be 0 to {sequence_length}.",
                "lengths",
                tuple(min(length, self.sequence_length) for length in self.lengths),
                lengths=listed(self.lengths),
                sequence_length=self.sequence_length,
            )
        if self.weights == "planted":
            check_planted(self, divisors(self.d_model))

    @property
    def space(self) -> Space:
        """What a planted head has to do with."""
        return Space(self.head_dim, self.input_dim, self.bias, self.positions)

    @property
    def head_dim(self) -> int:
        """Numbers in one head's query, key or value vector."""
        return self.d_model // self.num_heads

    @property
    def sizes(self) -> dict[str, int]:
        """The size of every axis word."""
        return {
            "1": 1,
            "batch": self.batch_size,
            "token": self.sequence_length,
            "query": self.sequence_length,
            "key": self.sequence_length,
            "head": self.num_heads,
            "head_dim": self.head_dim,
            "qkv": 3,
            "d_model": self.d_model,
            "input_dim": self.input_dim,
        }

    @property
    def words(self) -> tuple[tuple[str, ...], ...] | None:
        """The words of each batch item, filled up with PAD; None where x is not made of words."""
        if self.input != "words":
            return None
        return tuple(line + (PAD,) * (self.sequence_length - len(line)) for line in _lines(self.text))

    @property
    def item_lengths(self) -> tuple[int, ...]:
        """Real tokens of each batch item: as given, else as many as the text has, else all."""
        own = [len(line) for line in _lines(self.text)] if self.input == "words" else []
        whole = own or [self.sequence_length] * self.batch_size
        return tuple(self.lengths) + tuple(whole[len(self.lengths) :])

    def but(self, **changes: Any) -> Config:
        """Return the same settings with some changed; everything is checked again."""
        return replace(self, **changes)


SETTINGS: dict[str, Setting] = {each.name: each.metadata["setting"] for each in fields(Config)}


def held_bytes(config: Config) -> int:
    """Estimate the bytes that a run holds: weights, activations, and four tensors of query times key."""
    size = {"float64": 8, "float32": 4}.get(config.dtype, 2)
    tokens = config.batch_size * config.sequence_length
    weights = 3 * config.d_model * config.input_dim + config.d_model**2
    square = 4 * tokens * config.sequence_length * config.num_heads
    return size * (weights + tokens * (config.input_dim + 6 * config.d_model) + square)


def multiplications(config: Config) -> int:
    """Count the multiplications of a run: two projections, scores and the mixing of values."""
    tokens = config.batch_size * config.sequence_length
    layers = tokens * config.d_model * (3 * config.input_dim + config.d_model)
    return layers + 2 * tokens * config.sequence_length * config.d_model


def divisors(d_model: int) -> tuple[int, ...]:
    """Return every num_heads that divides d_model, up to the largest allowed."""
    return tuple(number for number in range(1, min(d_model, MAX_HEADS) + 1) if d_model % number == 0)


def nearest_heads(d_model: int, num_heads: int) -> int:
    """Return the allowed num_heads nearest to the one wanted (the smaller of two equally near)."""
    return min(divisors(d_model), key=lambda number: (abs(number - num_heads), number))


def _neighbours(d_model: int, num_heads: int) -> str:
    below = [number for number in divisors(d_model) if number < num_heads][-1:]
    above = [number for number in divisors(d_model) if number > num_heads][:1]
    return listed(below + above, "either")


def _checked(name: str, value: Any) -> Any:
    """Check one field by itself."""
    facts = SETTINGS[name]
    if name == "lengths":
        return _checked_lengths(value)
    if name == "jobs":
        return _checked_jobs(value)
    if facts.choices is not None and (not isinstance(value, str) or value not in facts.choices):
        raise ConfigError(
            "{setting} {value!r} is not a choice; choose {choices}.",
            name,
            next(iter(facts.choices)),
            value=value,
            choices=listed(facts.choices, "either"),
        )
    kind: type = type(Config.__dataclass_fields__[name].default)
    given: type = type(value)
    if given is not kind and (kind, given) != (float, int):
        raise ConfigError(
            "{setting} {value!r} is a {given}; it must be a {kind}.",
            name,
            value=value,
            given=given.__name__,
            kind=kind.__name__,
        )
    if facts.low is not None and facts.high is not None and not facts.low <= value <= facts.high:
        raise ConfigError(
            "{setting} {value} is outside its limits; it may be {low} to {high}.",
            name,
            kind(min(facts.high, max(facts.low, value))),  # in this order NaN gives the lower limit
            value=value,
            low=kind(facts.low),
            high=kind(facts.high),
        )
    if name == "device" and not re.fullmatch(r"[a-z]{1,12}(:\d{1,3})?", value):
        raise ConfigError("device {value!r} is no device's name; cpu always works.", name, "cpu", value=value)
    if name == "text" and (half := re.search("[\ud800-\udfff]", value)):
        raise ConfigError(
            "The text holds {character!r}, half of a character, which cannot be written; leave it out.",
            name,
            None,
            character=half[0],
        )
    return kind(value)


def _checked_lengths(value: Any) -> tuple[int, ...]:
    lengths = tuple(value) if isinstance(value, Iterable) else (value,)
    if not isinstance(value, Iterable) or not all(type(length) is int and length >= 0 for length in lengths):
        raise ConfigError(
            "lengths {value} must be whole numbers from 0, one for each batch item.",
            "lengths",
            (),
            value=listed(lengths),
        )
    return lengths


def _checked_jobs(value: Any) -> tuple[str, ...]:
    jobs = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    unknown = [job for job in jobs if not isinstance(job, str) or job not in JOBS]
    if unknown:
        raise ConfigError(
            "jobs {value!r} is not a job of a head; the jobs are {known}.",
            "jobs",
            tuple(job for job in jobs if job not in unknown),
            value=unknown[0],
            known=listed(JOBS),
        )
    return jobs


def _lines(text: str) -> list[tuple[str, ...]]:
    """Split a text into batch items and words, within the limits of both."""
    lines = [tuple(line.split()) for line in text.splitlines() if line.split()]
    most_words, most_lines = int(SETTINGS["sequence_length"].high or 0), int(SETTINGS["batch_size"].high or 0)
    if not lines:
        raise ConfigError("The text has no words; write 1 to {most} words.", "text", None, most=most_words)
    longest = max(map(len, lines))
    if longest > most_words:
        raise ConfigError(
            "The text has {given} words in a line; at most {most} fit. The first {most} would.",
            "text",
            None,
            given=longest,
            most=most_words,
        )
    if len(lines) > most_lines:
        raise ConfigError(
            "The text has {given} lines; each is a batch item, and at most {most} fit. The first {most} "
            "would.",
            "text",
            None,
            given=len(lines),
            most=most_lines,
        )
    if any(len(word) > MAX_WORD for line in lines for word in line):
        raise ConfigError(
            "A word of the text has {given} characters; at most {most} fit.",
            "text",
            None,
            given=max(len(word) for line in lines for word in line),
            most=MAX_WORD,
        )
    return lines

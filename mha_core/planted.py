"""Planted weights: heads whose job is written into their weights by hand. Recipes first, then the layers.

Every recipe is a few rows. x is [word signs | sines and cosines of the position], half of input_dim each, so
that a head can read the word alone, the position alone, or a constant. What a query asks for (q) and what a
key answers (k) are then rows that one can read off; the value (v) of every head is the word, and the output
layer hands it on, so that a head's slice of the output is the word that it looked at.

The gains follow from one wish: the right key's scaled score leads by LEAD. They are built for TOKENS tokens
whatever the text has, so that weights never depend on the text. Between words that holds where they differ in
a quarter of their first head_dim signs: more words than so few signs keep apart leave a smaller lead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mha_core.config import Config
from mha_core.errors import ConfigError
from mha_core.fit import LEAST_INPUT
from mha_core.inputs import Parameters, initial, linear, to_per_head, to_stacked
from mha_core.jobs import JOBS, LITTLE_WORDS, Job, Space, repeated, shipped, unfit
from mha_core.waves import BLUR, LEAD, TOKENS, contrast, slow_pair, wave
from mha_core.words import say

__all__ = [
    "JOBS",
    "LITTLE_WORDS",
    "Job",
    "are_planted",
    "built",
    "decided_by",
    "jobs_of",
    "layers",
    "not_planted",
    "planted",
    "reasons",
    "shipped_jobs",
]


@dataclass(frozen=True)
class Rows:
    """What a recipe writes, in float64: rows of q and k, `head_dim input_dim`, and q's bias, `head_dim`."""

    q: Tensor
    k: Tensor
    q_bias: Tensor


def _empty(space: Space) -> Rows:
    size = (space.head_dim, space.input_dim)
    return Rows(
        torch.zeros(size, dtype=torch.float64),
        torch.zeros(size, dtype=torch.float64),
        torch.zeros(space.head_dim, dtype=torch.float64),
    )


def _root(space: Space) -> float:
    return math.sqrt(space.head_dim)


def turned(space: Space, step: int, gain: float = 1.0) -> Rows:
    """Turn a query's own position by `step` tokens, pair by pair; a key answers with its position.

    A pair (sin, cos) of position i, turned by the angle of `step`, is the pair of position i + step.
    """
    rows, pairs = _empty(space), space.head_dim // 2
    gain *= LEAD * _root(space) / contrast(pairs, space.half)
    for pair in range(pairs):
        angle, (row, column) = step * wave(pair, space.half), (2 * pair, space.half + 2 * pair)
        turn = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        rows.q[row : row + 2, column : column + 2] = torch.tensor(turn, dtype=torch.float64) * gain
        rows.k[row, column] = rows.k[row + 1, column + 1] = 1
    return rows


def _ask(rows: Rows, space: Space, row: int, size: float) -> None:
    """Ask for the same number everywhere: by the bias, or, without one, by the slowest cosine, nearly 1."""
    if space.bias:
        rows.q_bias[row] = size
    else:
        rows.q[row, space.half + 2 * (space.half // 2 - 1) + 1] = size


def first(space: Space) -> Rows:
    """Ask for large cosines: all of them are 1 at position 0 alone."""
    rows, count = _empty(space), min(space.head_dim, space.half // 2)
    for pair in range(count):
        _ask(rows, space, pair, LEAD * _root(space) / contrast(count, space.half))
        rows.k[pair, space.half + 2 * pair + 1] = 1
    return rows


def same(space: Space) -> Rows:
    """Multiply sign with sign: signs that agree minus signs that differ."""
    rows = _empty(space)
    for sign in range(space.head_dim):
        rows.q[sign, sign] = 2 * LEAD / _root(space)
        rows.k[sign, sign] = 1
    return rows


def first_occurrence(space: Space) -> Rows:
    """The same word, and, in the last row, a slow sine that falls with the position: the earliest wins."""
    rows, root, last = _empty(space), _root(space), space.head_dim - 1
    pair = slow_pair(space.half) or 0
    angle = wave(pair, space.half)
    ends = angle * (TOKENS - 1)
    earlier = LEAD * root / (2 * math.cos(ends))
    span = earlier * math.sin(ends) / (angle * root)  # from the first key to the last
    for sign in range(last):
        rows.q[sign, sign] = (span + LEAD) * root / (2 * (space.head_dim / 4 - 1))
        rows.k[sign, sign] = 1
    _ask(rows, space, last, earlier)
    rows.k[last, space.half + 2 * pair] = -1 / angle
    return rows


def content(space: Space) -> Rows:
    """Ask for +1 in the word's last number, where our list of little words has -1."""
    rows = _empty(space)
    _ask(rows, space, 0, LEAD * _root(space) / 2)
    rows.k[0, space.half - 1] = 1
    return rows


RECIPES: dict[str, Callable[[Space], Rows]] = {
    "previous": lambda space: turned(space, -1),
    "next": lambda space: turned(space, 1),
    "first": first,
    "same": same,
    "first_occurrence": first_occurrence,
    "window": lambda space: turned(space, -1, 1 / BLUR),
    "content": content,
    "uniform": _empty,
}


def shipped_jobs(config: Config) -> tuple[str, ...]:
    """Return the jobs that planted heads of these sizes have where none were chosen."""
    return shipped(config.num_heads, config.space)


def jobs_of(config: Config) -> tuple[str, ...]:
    """Return what each head was built to do, one job a head; nothing where weights are not planted."""
    if config.weights != "planted":
        return ()
    return repeated(config.jobs or shipped_jobs(config), config.num_heads)


def built(config: Config) -> tuple[str, ...]:
    """Return for each head the sentence that says what it was built to do, under the mask that is set."""
    jobs = [JOBS[job] for job in jobs_of(config)]
    hides_later = config.mask in ("causal", "both")
    return tuple(job.causal if job.causal and hides_later else job.sentence for job in jobs)


def planted(config: Config) -> Parameters:
    """Write the two layers by hand: a job for each head, every value the word, the output as it is.

    `gain` multiplies qkv_layer, as it does for drawn weights. Both layouts hold the same numbers.
    """
    space, size = config.space, config.head_dim
    value = torch.eye(size, config.input_dim, dtype=torch.float64)
    heads = [RECIPES[job](space) for job in jobs_of(config)]
    weight = torch.cat([part for rows in heads for part in (rows.q, rows.k, value)]).float() * config.gain
    nothing = torch.zeros(2 * size, dtype=torch.float64)
    bias = torch.cat([part for rows in heads for part in (rows.q_bias, nothing)]).float() * config.gain
    qkv_layer = linear(weight, bias if config.bias else None)
    written = {
        "qkv_layer": to_stacked(qkv_layer, config.num_heads) if config.layout == "stacked" else qkv_layer,
        "out_layer": linear(torch.eye(config.d_model), torch.zeros(config.d_model) if config.bias else None),
    }
    if not torch.is_inference_mode_enabled():  # what is made there does not count how often it is written
        WRITTEN.update({layer: (decided_by(config), _versions(layer)) for layer in written.values()})
    return written


WRITTEN: WeakKeyDictionary[nn.Linear, tuple[Config, tuple[int, ...]]] = WeakKeyDictionary()
"""Layers that were planted, by what decided them, and how often their numbers had been written then.

Writing them again to compare would cost three times what a run does.
"""


def _versions(layer: nn.Linear) -> tuple[int, ...]:
    numbers = [each for each in (layer.weight, layer.bias) if each is not None]
    return tuple(-1 if each.is_inference() else each._version for each in numbers)


def layers(config: Config) -> Parameters:
    """Return the layers that the settings ask for, drawn or planted."""
    return planted(config) if config.weights == "planted" else initial(config)


def are_planted(config: Config, found: Mapping[str, nn.Linear]) -> bool:
    """Say whether layers are those that the settings plant.

    The first one's rows may have the order of either layout, and the numbers may be cast to another kind.
    """
    wanted = decided_by(config)
    if all(WRITTEN.get(layer) == (wanted, _versions(layer)) for layer in found.values()):
        return True
    written = planted(config)
    first = written["qkv_layer"]
    turn = to_per_head if config.layout == "stacked" else to_stacked
    orders = (first, turn(first, config.num_heads))
    return _same(written["out_layer"], found["out_layer"]) and any(
        _same(order, found["qkv_layer"]) for order in orders
    )


def _same(written: nn.Linear, found: nn.Linear) -> bool:
    kind = found.weight.dtype
    return all(
        (mine is None) == (theirs is None) and (mine is None or torch.equal(mine.to(kind), theirs.cpu()))
        for mine, theirs in ((written.weight, found.weight), (written.bias, found.bias))
    )


def decided_by(config: Config) -> Config:
    """Return settings that have the same weights, everything that does not decide them at its default."""
    names = ("input_dim", "d_model", "num_heads", "bias", "layout", "seed", "gain")
    kept = {name: getattr(config, name) for name in names}
    if config.weights != "planted":
        return Config(**kept)
    # a planted run needs a text, which decides nothing; no number of it is drawn
    kept |= {"seed": 0, "input": "words", "text": "word", "weights": "planted", "jobs": jobs_of(config)}
    return Config(**kept)


# What can be chosen.


def not_planted(config: Config) -> str:
    """Say why these settings cannot have planted weights; nothing where they can."""
    try:
        config.but(weights="planted", jobs=())
    except ConfigError as error:
        return str(error)
    return ""


TOO_SMALL = (
    "Planted heads need an input_dim of {least} or more and a head_dim of 2 or more; here they are "
    "{input_dim} and {head_dim}."
)


def reasons(config: Config) -> dict[str, str]:
    """Say for each job why no head of these sizes can be built for it; nothing where one can."""
    if config.input_dim < LEAST_INPUT or config.head_dim < 2:
        facts = {"least": LEAST_INPUT, "input_dim": config.input_dim, "head_dim": config.head_dim}
        return dict.fromkeys(JOBS, say(TOO_SMALL, **facts))
    return unfit(config.space)

"""If yours differs: what learners see when something is wrong, why, and where the explorer shows it.

Rows of data. Tests execute each wrong line on the tensors of a run and demand exactly the symptom, and the
right line beside it, which must not show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mha_core.axes import Edge, edges
from mha_core.config import Config, divisors
from mha_core.errors import ConfigError
from mha_core.presets import PRESETS
from mha_core.run import pipeline_for
from mha_core.stage import maker_of


@dataclass(frozen=True)
class Symptom:
    """One thing that goes wrong.

    Attributes:
        name: a short name, for tests and addresses.
        sees: what the learner sees.
        cause: why, in whole sentences.
        tensor: the tensor in which the explorer shows it.
        wrong: a line that does it, in the names of a run.
        right: the line as it should be.
        shows: what the linked view shows of it.
        at: the cell that the view follows, by axis words; -1 is the last index, words left out are 0.
        needs: settings without which the view would not show it.
        least: sizes below which there is nothing to see.
        see: a further view that shows it better, by name, as on a stage's row.
    """

    name: str
    sees: str
    cause: str
    tensor: str
    wrong: str
    right: str
    shows: str
    at: Mapping[str, int] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    see: str = ""


TWO_TOKENS, TWO_HEADS = {"sequence_length": 2}, {"num_heads": 2}

SYMPTOMS = (
    Symptom(
        "rows",
        "The rows do not sum to 1",
        "The softmax runs along the wrong axis. A query's weights are shares of its keys, so it runs along "
        "the last axis; along dim=-2 the columns sum to 1 instead. Hiding after the softmax also breaks the "
        "sums.",
        "weights",
        "weights = torch.softmax(masked, dim=-2)",
        "weights = torch.softmax(masked, dim=-1)",
        "The arithmetic of this weight: the exponential of its score, divided by the sum of its row.",
        at={"head": 1, "query": 2, "key": 1},
        least=TWO_TOKENS,
    ),
    Symptom(
        "none",
        "The weights are None",
        "nn.MultiheadAttention was told not to hand them out. Asked for weights, it averages them over the "
        "heads unless it is told not to, and then they have no axis head.",
        "weights",
        "out, weights = attention(x, x, x, need_weights=False)",
        "out, weights = attention(x, x, x, need_weights=True, average_attn_weights=False)",
        "The weights that such a call keeps to itself: one sheet for each head.",
        at={"head": 1, "query": 1},
    ),
    Symptom(
        "layout",
        "Right shapes, wrong numbers",
        "The rows of qkv_layer lie in another order than the code reads them: q, k, v of head 0, then of "
        "head 1 (per_head), or all q, all k, all v (stacked). No shape tells the two apart.",
        "qkv",
        "q, k, v = qkv.reshape(batch_size, sequence_length, 3, num_heads, head_dim).permute(2, 0, 3, 1, 4)",
        "q, k, v = qkv.reshape(batch_size, sequence_length, num_heads, 3, head_dim).permute(3, 0, 2, 1, 4)",
        "The same weights read in both orders side by side, the first number that differs ringed.",
        at={"qkv": 1},
        needs={"layout": "per_head"},
        see="layouts",
        least=TWO_HEADS,
    ),
    Symptom(
        "transpose",
        "Off by a transpose",
        "Keys were compared with queries instead of queries with keys: rows and columns of every map have "
        "changed places. Both axes have the same size, so no shape complains.",
        "scores",
        "scores = k @ q.transpose(-2, -1)",
        "scores = q @ k.transpose(-2, -1)",
        "The arithmetic of this score: it reads one row of q and one row of k. In the transposed map its "
        "place is the mirrored one.",
        at={"head": 1, "key": -1},
        least=TWO_TOKENS,
    ),
    Symptom(
        "one_token",
        "Right for one token, wrong for more",
        "The heads were joined without putting the head axis back behind the tokens. With one token there is "
        "nothing to mix up; with more, each row holds numbers of several tokens.",
        "concat",
        "concat = context.reshape(batch_size, sequence_length, d_model)",
        "concat = context.permute(0, 2, 1, 3).reshape(batch_size, sequence_length, d_model)",
        "Where this number comes from: the same token, one head further on.",
        at={"query": -1, "head": 1},
        least={**TWO_TOKENS, **TWO_HEADS},
    ),
    Symptom(
        "future",
        "A future token changes an earlier output",
        "The mask does not hide. Multiplied into the scores it makes them 0, and the exponential of 0 is 1: "
        "the hidden keys still get weight. Hidden scores must become minus infinity.",
        "masked",
        "masked = scaled * ~mask",
        'masked = scaled.masked_fill(mask, float("-inf"))',
        "A hidden score: minus infinity, whose exponential is 0.",
        at={"key": -1},
        needs={"mask": "causal"},
        least=TWO_TOKENS,
    ),
    Symptom(
        "nan",
        "NaN in some rows",
        "Every key of these rows is hidden, and the softmax of a row of minus infinities is 0 / 0. Usually "
        "the diagonal was hidden too (triu(0) for triu(1)), the mask was turned round, or an input has no "
        "token.",
        "weights",
        "mask = torch.ones(sequence_length, sequence_length, dtype=torch.bool).triu(0)",
        "mask = torch.ones(sequence_length, sequence_length, dtype=torch.bool).triu(1)",
        "A batch item without a real token: all its keys are hidden, and its weights are NaN.",
        needs={"mask": "padding", "lengths": (0,)},
    ),
    Symptom(
        "one_head",
        "Right with one head, wrong with more",
        "The scores were divided by the root of d_model. It is head_dim whose root is taken, and only with "
        "one head are the two equal. Nothing looks broken: the weights are only too even.",
        "scaled",
        "scaled = scores / math.sqrt(d_model)",
        "scaled = scores / math.sqrt(head_dim)",
        "The arithmetic of this number: a score and what it is divided by.",
        at={"query": 1},
        least=TWO_HEADS,
    ),
)


def settings_for(symptom: Symptom, config: Config) -> Config:
    """Return a visitor's settings with what the view of a symptom needs, enlarged where they are too small.

    A text that is too short gives way to the small sentence; heads that cannot be planted at the larger size
    are drawn.
    """
    wanted: dict[str, Any] = {}
    tokens, heads = (symptom.least.get(name, 1) for name in ("sequence_length", "num_heads"))
    if config.sequence_length < tokens:
        words = {"text": PRESETS["sentence"].config.text, "lengths": ()}
        wanted |= words if config.input == "words" else {"sequence_length": tokens}
    if config.num_heads < heads:
        fits = [count for count in divisors(config.d_model) if count >= heads]
        wanted |= {"num_heads": fits[0]} if fits else {"num_heads": heads, "d_model": heads}
    wanted |= symptom.needs
    try:
        return config.but(**wanted)
    except ConfigError:
        return config.but(**wanted, weights="initial", jobs=())


def cell_for(symptom: Symptom, config: Config) -> str:
    """Return the cell that the view follows, as the address writes it, within what the settings have."""
    made = maker_of(pipeline_for(config), symptom.tensor)[1]
    places = (_index(edge, symptom.at, config.sizes) for edge in edges(made.axes))
    return ".".join([symptom.tensor, *map(str, places)])


def _index(edge: Edge, at: Mapping[str, int], sizes: Mapping[str, int]) -> int:
    index = 0
    for word, size in zip(edge.words, edge.sizes(sizes), strict=True):
        wanted = at.get(word, 0)
        index = index * size + min(wanted % size if wanted < 0 else wanted, size - 1)
    return index

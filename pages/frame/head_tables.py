"""The tables of the page of heads: what each head does, what a score is made of, what a head adds to out."""

import math
from collections.abc import Sequence

from mha_core.config import Config
from mha_core.figures.said import number
from mha_core.figures.theme import NEUTRALS, SCALES
from mha_core.measures import PLACES, HeadMeasures, Measure, mean_entropy
from mha_core.shares import Added, Product, Score, smallest
from mha_core.words import listed, say
from pages.frame.tables import Markup, Number, Table, prose
from pages.frame.words import WORDS

EVEN = 0.9
"""Mean entropy from which heads are called nearly even."""

TOLD = 0.05
"""Lift from which a head's leaning is worth a word."""

ALMOST_NOTHING = "<0.01"

FIRST = 8
"""Products that are in sight; the others are one click away."""


def measured(found: Sequence[HeadMeasures]) -> Table:
    """Build the table of all heads: uniform attention stands in its first row, for it is the same for all."""
    first = found[0]
    places = [name for name in PLACES if name in first.weights]
    heads = [
        WORDS["measure_head"],
        WORDS["measure_entropy"],
        WORDS["measure_distance"],
        *(WORDS[f"measure_{name}"] for name in places),
        WORDS["measure_words"],
    ]
    alone = prose(WORDS["measure_uniform_words"])
    even = [WORDS["measure_uniform"], *_numbers(first, places, "uniform"), alone]
    rows = [[str(each.head), *_numbers(each, places, "value"), prose(in_words(each))] for each in found]
    return Table(WORDS["measured"], heads, [even, *rows])


def _numbers(each: HeadMeasures, places: Sequence[str], which: str) -> list[Number]:
    kinds = [(each.entropy, short), (each.distance, short)]
    kinds += [(each.weights.get(name), share) for name in places]
    return [Number(write(getattr(one, which)) if one is not None else "–") for one, write in kinds]


def short(value: float) -> str:
    """Write a distance or an entropy in a table; what rounds to nothing is not nothing."""
    if 0 < value < 0.005:
        return ALMOST_NOTHING
    return number(value) if math.isnan(value) else f"{value:.2f}"


def share(value: float) -> str:
    """Write a share of the weights in a table.

    Only keys that the query may see are counted, and the softmax gives each of them something: a share of 0
    is a weight too small for the run's kind of number.
    """
    return ALMOST_NOTHING if 0 <= value < 0.005 else short(value)


def in_words(each: HeadMeasures) -> str:
    """Say what a head leans to beyond uniform attention; a name only where there is evidence."""
    if each.entropy is None and each.distance is None:
        return WORDS["head_uncounted"]
    if each.role not in ("", "none"):
        return say(WORDS["head_named"], role=WORDS[f"measure_{each.role}"])
    lifts = {name: one for name, one in each.weights.items() if one.lift is not None and one.lift >= TOLD}
    if not lifts:
        return WORDS["head_even" if _even(each.entropy) else "head_elsewhere"]
    best = max(lifts, key=lambda name: lifts[name].lift or 0.0)
    facts = {"value": f"{lifts[best].value:.2f}", "uniform": f"{lifts[best].uniform:.2f}"}
    return say(WORDS[f"head_leans_{best}"], **facts, lift=f"{lifts[best].lift:.2f}")


def _even(entropy: Measure | None) -> bool:
    return entropy is None or entropy.value >= EVEN


def about(found: Sequence[HeadMeasures], config: Config, over: bool) -> list[str]:
    """Say what the measures leave out, and whether there is evidence for names."""
    counted = found[0].counted
    sentences = []
    left_out = {"wholly_masked": counted.wholly_masked, "filling": counted.filling}
    sentences += [say(WORDS[f"left_out_{key}"], count=count) for key, count in left_out.items() if count]
    broken = sum(each.counted.broken for each in found)
    if broken:
        sentences.append(say(WORDS["left_out_broken"], count=broken))
    if all(each.role == "" for each in found):
        texts = config.batch_size if over else 1
        sentences.append(say(WORDS["measured_thin"], texts=texts, tokens=config.sequence_length))
    return sentences


def nearly_even(found: Sequence[HeadMeasures]) -> str:
    """Say that the heads are nearly even, from their measured entropy; nothing where they are not."""
    entropy = mean_entropy(tuple(found))
    return say(WORDS["heads_even"], entropy=f"{entropy:.3f}") if entropy >= EVEN else ""


def products_table(score: Score, rest: bool) -> Table:
    """Build the products of a score, largest first: those in sight, or the rest."""
    shown = score.products[FIRST:] if rest else score.products[:FIRST]
    largest = max((abs(each.value) for each in score.products), default=0.0)
    heads = [WORDS["product_dimension"], "q", "k", WORDS["product"], WORDS["product_size"]]
    rows = [_product(each, largest) for each in shown]
    foot = [] if rest else [WORDS["product_sum"], "", "", Number(number(score.total)), ""]
    return Table(WORDS["products_rest" if rest else "products"], heads, rows, foot)


def _product(each: Product, largest: float) -> list[str]:
    numbers = [Number(number(value)) for value in (each.q, each.k, each.value)]
    return [str(each.dimension), *numbers, bar(each.value, largest)]


def bar(value: float, largest: float) -> Markup:
    """Return a bar whose length is a number's size, in the signed scale's colours: negative and positive."""
    share = abs(value) / largest if largest and abs(value) <= largest else 0.0
    scale, end = SCALES["signed"], -2 if value > 0 else 1
    colour = f"light-dark({scale.light[end]}, {scale.dark[end]})"
    return Markup(
        f'<span style="display:inline-block;height:.7em;width:{6 * share:.2f}em;background:{colour}"></span>'
    )


def added_table(found: Added, chosen: int) -> Table:
    """Build what each head adds to one row of out: how long it is, and how much of it points along out."""
    heads = [WORDS["added_head"], WORDS["added_length"], WORDS["added_along"], WORDS["added_bar"]]
    along = [*found.along, found.bias_along]
    largest = max((abs(each) for each in along), default=0.0)
    names = [
        *(
            say(WORDS["added_chosen" if head == chosen else "one_head"], head=head)
            for head in range(len(found.lengths))
        ),
        WORDS["added_bias"],
    ]
    lengths = [*found.lengths, float(found.bias.norm())]
    rows = [
        [name, Number(number(length, 4)), Number(number(part, 4)), bar(part, largest)]
        for name, length, part in zip(names, lengths, along, strict=True)
    ]
    total = Number(number(float(found.total.norm()), 4))
    return Table(WORDS["added"], heads, rows, [WORDS["added_sum"], total, total, ""])


def score_said(score: Score, config: Config) -> str:
    """Say which dimensions caused a score, and what became of it.

    A weight of 0 that no mask made is one too small for the run's kind of number, and is said to be less than
    the smallest that it holds with all its digits.
    """
    top = score.products[0]
    facts = {"total": number(score.total), "shown": number(score.shown), "head_dim": config.head_dim}
    made = say(
        WORDS["score_made"],
        **facts,
        apart=number(abs(score.total - score.shown), 2),
        dimension=top.dimension,
        largest=number(top.value),
        half=score.half,
    )
    if score.hidden:
        return joined([made, WORDS["score_hidden"]])
    became = {name: number(getattr(score, name), 4) for name in ("scaled", "weight", "uniform")}
    if score.weight == 0:
        became["weight"] = say(WORDS["less_than"], value=number(smallest(config), 2))
    return joined([made, say(WORDS["score_becomes"], **became)])


MUTED = NEUTRALS["muted"]
STYLE = f"""
<style>
.st-key-browser {{ position: absolute; width: 1px !important; }}
.st-key-heads-controls button[data-selected="true"] p, .st-key-heads-over button[data-selected="true"] p {{
  color: CanvasText; }}
.heads-said + .facts, .facts + .heads-said {{ margin-top: .75rem; }}
@media (max-width: 640px) {{
  .st-key-heads-controls > *, .st-key-heads-cell > * {{ flex: 1 1 42% !important; min-width: 0 !important; }}
  .st-key-heads-controls > .st-key-heads-tensor {{ flex-basis: 100% !important; }}
  .facts .prose {{ min-width: 31rem; }} /* a narrow column out of sight would stretch every row */
}}
.heads-said {{ margin: 0; max-width: 60rem; color: light-dark({MUTED.light}, {MUTED.dark}); }}
</style>
"""


def joined(sentences: Sequence[str]) -> str:
    """Join whole sentences."""
    return listed(sentences, "sentences")

"""What is in front on the page of heads: read from the view keys, and mended within what the run has."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mha_core import Config, Trace
from mha_core.compare import MEAN, Wanted, map_names
from mha_core.config import MASKS, SETTINGS
from mha_core.words import listed, say
from pages.frame import front, settings
from pages.frame.words import WORDS

AT_ONCE = 16
"""Heads in one figure: sixteen take two to three times as long as eight, thirty-two five times."""

KINDS = ("", "uniform", "head", "mask", "seed", "text")
"""What can be taken away."""


@dataclass(frozen=True)
class Chosen:
    """What is in front.

    Attributes:
        item: the batch item.
        name: the tensor.
        head: `all`, `mean`, a head, or a page of heads such as `16-31`.
        minus, value: what is taken away (see `compare.Wanted`).
        links: whether links are drawn in place of a map.
        of: the head that is looked at more closely.
        query, key: the cell that is looked at; None: none was chosen.
        over: whether heads are measured over all batch items.
        sentences: what was mended, said.
    """

    item: int
    name: str
    head: str
    minus: str
    value: str
    links: bool
    of: int
    query: int | None
    key: int | None
    over: bool
    sentences: tuple[str, ...]

    def wanted(self, config: Config) -> Wanted:
        """Return the maps that are to be drawn."""
        return Wanted(self.name, heads_of(self.head, config.num_heads), self.minus, self.value)


def pages_of(num_heads: int) -> tuple[str, ...]:
    """Return how all heads are shown: at once, or page by page.

    >>> pages_of(8), pages_of(20)
    (('all',), ('0-15', '16-19'))
    """
    if num_heads <= AT_ONCE:
        return ("all",)
    starts = range(0, num_heads, AT_ONCE)
    return tuple(f"{start}-{min(start + AT_ONCE, num_heads) - 1}" for start in starts)


def heads_of(head: str, num_heads: int) -> tuple[int, ...]:
    """Return the heads that a choice stands for."""
    if head == "mean":
        return (MEAN,)
    if head.isdigit():
        return (int(head),)
    first, _, last = head.partition("-")
    return tuple(range(int(first), int(last) + 1) if last else range(num_heads))


def read(trace: Trace) -> Chosen:
    """Read what is in front; what cannot be is mended, said, and written into the address."""
    config, asked = trace.config, settings.page_view()
    seen = front.checked_view(config, None)
    names = map_names(trace.pipeline)
    name = seen.stage if seen.stage in names else names[-1]
    mended: dict[str, str | None] = {}
    # said in this run, and no longer in the address: the next run has nothing to say
    if settings.view().get("batch", str(seen.item)) != str(seen.item):
        mended["batch"] = None
    if seen.stage and seen.stage not in trace.names:
        mended["stage"] = None
    sentences = list(seen.sentences)

    def mend(key: str, sentence: str, value: str | None) -> None:
        mended[key] = value
        sentences.append(sentence)

    def index(key: str, size: int) -> int | None:
        text = asked.get(key)
        if text is None:
            return None
        digits = text.isascii() and text.isdigit()
        if digits and len(text) < 9 and int(text) < size:
            return int(text)
        nearest = size - 1 if digits else 0
        mend(key, say(WORDS["no_index"], key=key, value=text, last=size - 1, nearest=nearest), str(nearest))
        return nearest

    head = _head(asked.get("head"), config, mend)
    minus, value = _minus(asked, trace, name, mend)
    of = index("of", config.num_heads)
    chosen = Chosen(
        item=seen.item,
        name=name,
        head=head,
        minus=minus,
        value=value,
        links=_one_of("as", asked, ("map", "links"), mend) == "links",
        of=(int(head) if head.isdigit() else 0) if of is None else of,
        query=index("query", config.sequence_length),
        key=index("key", config.sequence_length),
        over=_one_of("over", asked, ("item", "all"), mend) == "all",
        sentences=tuple(sentences),
    )
    if mended:
        settings.look_now(**mended)
    return chosen


SAFE = re.compile(r"[^\w.-]+")


def file_name(now: Chosen) -> str:
    """Return what a picture of these maps is called."""
    head = f"head-{now.head}" if now.head.isdigit() else now.head
    return SAFE.sub("-", "-".join(part for part in (now.name, head, now.minus, now.value) if part))[:80]


Mend = Callable[[str, str, str | None], None]


def _one_of(key: str, asked: dict[str, str], choices: Sequence[str], mend: Mend) -> str:
    text = asked.get(key, choices[0])
    if text not in choices:
        mend(key, say(WORDS["no_view"], key=key, value=text, known=listed(choices)), None)
        return choices[0]
    return text


def _head(text: str | None, config: Config, mend: Mend) -> str:
    pages, last = pages_of(config.num_heads), config.num_heads - 1
    if text is None or text in (*pages, "mean"):
        return text or pages[0]
    if text.isascii() and text.isdigit():
        if len(text) < 9 and int(text) <= last:
            return str(int(text))
        mend("head", say(WORDS["no_index"], key="head", value=text, last=last, nearest=last), str(last))
        return str(last)
    mend("head", say(WORDS["no_head"], value=text, last=last), None)
    return pages[0]


def _minus(asked: dict[str, str], trace: Trace, name: str, mend: Mend) -> tuple[str, str]:
    """Read what is taken away; what does not fit is left out."""
    text = asked.get("minus", "")
    kind, _, value = text.partition(".")
    if kind == "text":
        value = asked.get("other", "")
    why = _refused(kind, value, trace, name)
    if why:
        mend("minus", say(WORDS["no_minus"], value=text, reason=why), None)
        return "", ""
    return (kind, value) if kind != "text" or value.strip() else ("", "")


def _refused(kind: str, value: str, trace: Trace, name: str) -> str:
    config, number = trace.config, value.isascii() and value.isdigit() and len(value) < 11
    limits = {"head": config.num_heads - 1, "seed": int(SETTINGS["seed"].high or 0)}
    if kind not in offered(trace, name):
        return say(WORDS["not_offered"], name=name, known=listed(offered(trace, name)[1:]))
    if kind in limits and not (number and int(value) <= limits[kind]):
        return say(WORDS["not_in_range"], kind=kind, last=limits[kind])
    if kind == "mask" and value not in MASKS:
        return say(WORDS["not_a_mask"], known=listed(MASKS))
    return ""


def offered(trace: Trace, name: str) -> tuple[str, ...]:
    """Return what may be taken away of a tensor of this run."""
    left_out = set() if trace.made(name).values == "probability" else {"uniform"}
    left_out |= set() if trace.config.input == "words" else {"text"}
    left_out |= set() if trace.config.num_heads > 1 else {"head"}
    return tuple(kind for kind in KINDS if kind not in left_out)

"""The one door through which every sentence a visitor can meet passes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

LISTS = {
    "list": "{before}, {after}",
    "either": "{before} or {after}",
    "parts": "{before}; {after}",
    "product": "{before} · {after}",
    "sentences": "{before} {after}",
}
"""How the members of a list stand one after the other, each as a pattern with two places."""


def say(template: str, **facts: object) -> str:
    """Fill the named places of a whole sentence.

    Sentences are never glued from halves, so that a catalogue of translations can replace a template by
    another whole one. Facts are inserted as text: braces inside a fact are not read again.

    Raises:
        KeyError: the template names a place for which no fact is given.
    """
    return template.format_map(facts)


def listed(items: Iterable[object], kind: str = "list") -> str:
    """Write the members of a sequence one after the other, by one of the LISTS: `1, 2, 4`; `1 or 2`.

    >>> listed((1, 2, 4)), listed((1, 2), "either"), listed(())
    ('1, 2, 4', '1 or 2', '')
    """
    texts = [str(item) for item in items]
    return reduce(lambda before, after: say(LISTS[kind], before=before, after=after), texts) if texts else ""

"""The one door through which every sentence a visitor can meet passes."""

from __future__ import annotations


def say(template: str, **facts: object) -> str:
    """Fill the named places of a whole sentence.

    Sentences are never glued from halves, so that a catalogue of translations can replace a template by
    another whole one. Facts are inserted as text: braces inside a fact are not read again.

    Raises:
        KeyError: the template names a place for which no fact is given.
    """
    return template.format_map(facts)


def listed(items: object, joined_by: str = ", ") -> str:
    """Write the members of a sequence one after the other: `1, 2, 4`."""
    return joined_by.join(str(item) for item in items)  # type: ignore[attr-defined]

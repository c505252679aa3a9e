"""Facts as real HTML: tables with headers that scroll inside themselves where too wide, and labelled code.

Everything is escaped but what is Markup already.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from mha_core.axes import edges
from mha_core.figures.theme import AXES, NEUTRALS, Colour


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class Number(str):
    """A number as it is written: its column stands to the right."""

    __slots__ = ()


Entry = str | int
Row = Sequence[Entry]


def _themed(colour: Colour) -> str:
    # Streamlit sets color-scheme on the page, also where a visitor chose the theme
    return f"light-dark({colour.light}, {colour.dark})"


LINE = _themed(NEUTRALS["chip"])
STRONG_LINE = _themed(NEUTRALS["outline"])
STYLE = f"""
<style>
.facts {{ overflow-x: auto; outline-offset: 2px; }}
.facts table {{ margin: 0; border-collapse: separate; border-spacing: 0; font-size: .9rem;
  line-height: 1.4; }}
.facts caption {{ text-align: left; font-weight: 600; padding: 0 0 .35rem; }}
.facts :is(th, td) {{ padding: .3rem 1.25rem .3rem 0; text-align: left; vertical-align: top;
  font-weight: 400; white-space: nowrap; border: 0; border-bottom: 1px solid {LINE}; }}
.facts thead th {{ color: {_themed(NEUTRALS["muted"])};
  border-bottom-color: {STRONG_LINE}; }}
.facts tfoot :is(th, td) {{ font-weight: 600; border-bottom: 0; border-top: 1px solid {STRONG_LINE}; }}
.facts tr > :first-child {{ position: sticky; left: 0; background: {_themed(NEUTRALS["page"])}; }}
.facts .number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.facts .prose {{ display: inline-block; min-width: 13rem; max-width: 46rem; white-space: normal; }}
.facts code, .pair code {{ font-size: .875em; padding: 0; background: none; color: inherit; }}
.facts .axes {{ white-space: normal; }}
.contents {{ display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }}
.contents a {{ color: inherit; text-underline-offset: .2em; }}
.pair {{ display: grid; grid-template-columns: max-content 1fr; gap: .25rem .75rem;
  align-items: baseline; }}
.pair span {{ font-weight: 600; }}
.pair code {{ min-width: 0; overflow-wrap: anywhere; }}
{"".join(f".axis-{word} {{ color: {_themed(colour)}; }}" for word, colour in AXES.items())}
</style>
"""


def escaped(entry: Entry) -> str:
    """Return an entry as HTML; whole numbers with commas between their thousands."""
    if isinstance(entry, Markup):
        return entry
    return f"{entry:,}" if isinstance(entry, int) else html.escape(entry)


def code(text: str) -> Markup:
    """Return text as code; nothing where it is empty."""
    return Markup(f"<code>{html.escape(text)}</code>" if text else "")


def prose(text: str) -> Markup:
    """Return sentences, which a narrow screen does not squeeze into a column of single words."""
    return Markup(f'<span class="prose">{html.escape(text)}</span>')


def axes(text: str) -> Markup:
    """Return a string of axes, each word in its colour."""
    parts = []
    for edge in edges(text):
        words = " ".join(f'<span class="axis-{word}">{word}</span>' for word in edge.words)
        parts.append(f"({words})" if len(edge.words) > 1 else words)
    return Markup(f'<code class="axes">{" ".join(parts)}</code>')


@dataclass(frozen=True)
class Table:
    """A table: in every row the first entry is the row's header; columns of whole numbers stand to the right.

    Attributes:
        caption: what it holds; also the name of the area that scrolls.
        heads: the columns' headers.
        rows: entries as text, whole numbers or Markup.
        foot: a last row that sums up.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Row]
    foot: Row = ()

    def html(self) -> str:
        """Return it as HTML, in an area that scrolls by itself and can take the focus."""
        places = range(len(self.heads))
        numbers = [any(isinstance(row[at], int | Number) for row in self.rows) for at in places]
        looks = [' class="number"' if number else "" for number in numbers]

        def line(row: Row) -> str:
            first, *rest = map(escaped, row)
            cells = "".join(f"<td{look}>{entry}</td>" for look, entry in zip(looks[1:], rest, strict=True))
            return f'<tr><th scope="row"{looks[0]}>{first}</th>{cells}</tr>'

        heads = zip(looks, map(html.escape, self.heads), strict=True)
        top = "".join(f'<th scope="col"{look}>{head}</th>' for look, head in heads)
        end = f"<tfoot>{line(self.foot)}</tfoot>" if self.foot else ""
        said = html.escape(self.caption)
        return (
            f'<div class="facts" role="region" aria-label="{said}" tabindex="0">'
            f"<table><caption>{said}</caption><thead><tr>{top}</tr></thead>"
            f"<tbody>{''.join(map(line, self.rows))}</tbody>{end}</table></div>"
        )


def contents(label: str, anchors: Sequence[tuple[str, str]]) -> str:
    """Return links to the parts of a page, by their anchors and headings."""
    links = "".join(f'<a href="#{anchor}">{html.escape(text)}</a>' for anchor, text in anchors)
    return f'<nav class="contents" aria-label="{html.escape(label)}">{links}</nav>'


def pair(entries: Sequence[tuple[str, str]]) -> str:
    """Return labels, each with a line of code beside it."""
    # no list: Streamlit indents the lists of a page
    lines = "".join(f"<span>{html.escape(label)}</span>{code(line)}" for label, line in entries)
    return f'<div class="pair">{lines}</div>'

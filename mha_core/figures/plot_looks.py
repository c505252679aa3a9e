"""What all parts of a Plotly figure go by: sizes in pixels, looks, the scale of colours, and text as text."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

from mha_core.figures.maps import LINEAR, Maps
from mha_core.figures.theme import NEUTRALS, SCALES, Theme

GAPS = 40  # cells a side up to which a pixel parts them, and the hover names what is masked
DIGITS = 30  # pixels of a cell from which digits stand in it
ROOMY = 42  # pixels of a cell from which its digits are larger
MARKS = 9  # pixels of a cell from which a mark stands in it; below, marks are counted above the map
PARTED = 6  # pixels of a cell from which it is parted from its neighbours
PITCH = 20  # pixels from tick to tick
SMALL = 150  # pixels of a map under which words would not fit beside it
LONGEST = 10  # characters of a tick
LETTER = 6.5  # pixels of a character, about

FONT = "Source Sans, sans-serif"  # Streamlit's own


@dataclass(frozen=True)
class Look:
    """How a figure is dressed: what the browser's page is like, and how colours are spread."""

    theme: Theme = "light"
    narrow: bool = False
    spread: bool | None = None  # None: by size


@dataclass(frozen=True)
class Room:
    """Where the maps stand, in pixels: the width is what most windows give, and the page stretches it."""

    width: int
    left: int
    right: int
    top: int
    bottom: int
    across: int
    gap: int
    between: int
    side: int
    sums: int

    def height(self, count: int) -> int:
        """Return the height of a figure of so many maps."""
        return self.top + self.inner(count) + self.bottom

    def inner(self, count: int) -> int:
        """Return the height without the margins."""
        down = math.ceil(count / self.across)
        return down * self.side + (down - 1) * self.between + self.sums

    @property
    def wide(self) -> int:
        """The width without the margins."""
        return self.width - self.left - self.right


def room_for(count: int, narrow: bool) -> Room:
    """Return the room of so many maps on a wide page or on a phone."""
    if narrow:
        width, left, right, top, bottom, gap = 358, 62, 10, 74, 96, 16
        across = min(count, 2)
    else:
        width, left, right, top, bottom, gap = 700 if count == 1 else 1060, 84, 96, 78, 30, 22
        across = count if count < 5 else min(math.ceil(count / 2), 8)
        gap = 14 if across > 4 else gap
    sums = SUMS if count == 1 else 0
    fits = (width - left - right - sums - gap * (across - 1)) // across
    most = 460 if count == 1 else 230
    return Room(width, left, right, top, bottom, across, gap, 44, min(fits, most), sums)


SUMS = 84
"""Pixels beside and below a single map, for its sums."""


def shown_text(text: str) -> str:
    """Write any text so that Plotly shows it and obeys none of it; what cannot be seen becomes its escape.

    >>> shown_text("<b>&amp;")
    '&lt;b&gt;&amp;amp;'
    """
    seen = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return html.escape(seen, quote=False)  # &quot; would be shown as it is written


def neutral(look: Look, name: str) -> str:
    """Return a neutral colour under a look."""
    return NEUTRALS[name].of(look.theme)


def scale_of(maps: Maps, look: Look) -> tuple[list[list[Any]], bool]:
    """Return the colour scale, and whether its stops are spread out for small weights."""
    stops = SCALES[maps.kind].of(look.theme)
    large = len(maps.columns.labels) > LINEAR
    spread = maps.kind == "probability" and (large if look.spread is None else look.spread)
    last = len(stops) - 1
    places = [(at / last) ** 2 if spread else at / last for at in range(len(stops))]
    return [list(stop) for stop in zip(places, stops, strict=True)], spread

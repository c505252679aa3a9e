"""The one place for looks: colours of axes, roles, neutrals and values, each for a light and a dark page.

Plain data and a little arithmetic on it, without any library, so that the app, the offline page and the
browser's drawing are fed from the same numbers. Distances, contrasts and monotony are measured in
`tests/test_theme.py`: change a colour here, and the tests say whether readers can still tell it apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

Theme = Literal["light", "dark"]
Look = TypeVar("Look")


class Themed(NamedTuple, Generic[Look]):
    """One look on a light page and on a dark one."""

    light: Look
    dark: Look

    def of(self, theme: Theme | None) -> Look:
        """Return the look under a theme; an unknown theme (None, on a first load) counts as light."""
        return self.dark if theme == "dark" else self.light


Colour = Themed[str]
Stops = tuple[str, ...]

# Text is a shade off the page's extremes, but still 15:1. `gap` is the page between cells, which is why the
# two are equal; `panel` is Streamlit's own grey behind widgets.
NEUTRALS: dict[str, Colour] = {
    "text": Themed("#1f2330", "#fafafa"),
    "muted": Themed("#5b6170", "#a3a8b4"),
    "outline": Themed("#8a91a0", "#6b7280"),  # arrows too
    "chip": Themed("#eef1f6", "#1c2230"),
    "page": Themed("#ffffff", "#0e1117"),
    "panel": Themed("#f0f2f6", "#262730"),
    "gap": Themed("#ffffff", "#0e1117"),
    "hatch_line": Themed("#7d8494", "#6f7788"),
    "hatch_ground": Themed("#eef0f4", "#171b23"),
}

# Lightness differs from hue to hue on purpose. The same hues at equal lightness look tidier and fall to a
# CIEDE2000 distance of 1.2 for colour-blind readers (key against head_dim): do not even them out.
_TOKEN = Themed("#0267e9", "#94c2fd")  # blue
_KEY = Themed("#752702", "#f3631e")  # rust
_VALUE = Themed("#1b6241", "#bff1bc")  # green
_HEAD = Themed("#661489", "#a875fe")  # purple
_HEAD_DIM = Themed("#836b0b", "#f8c946")  # ochre

AXES: dict[str, Colour] = {
    "batch": Themed("#404040", "#b3bbb4"),  # grey
    "token": _TOKEN,
    "query": _TOKEN,  # a query is a token that asks: the eye should follow it from x to the weights
    "key": _KEY,
    "head": _HEAD,
    # Grouped heads are not drawn yet. Where they are, q has the axis head and k, v have kv_head, so the two
    # never meet on one block; a colour of its own has to keep its distance from all others, like any new row.
    "kv_head": _HEAD,
    "head_dim": _HEAD_DIM,
    # qkv stands inside brackets alone, whose edge takes the colour of its factor. The neutral of the text
    # would not do as a colour: on a dark page it is 4.2 from d_model's for a protanopic reader.
    "qkv": _HEAD_DIM,
    "d_model": Themed("#007a7a", "#7dfcf9"),  # teal
    "input_dim": Themed("#cc1972", "#cc7c7a"),  # pink
    "1": NEUTRALS["muted"],  # no axis to follow, only its digit in a shape
    "v": _VALUE,  # a role, no axis; it is listed here because it has to stay apart from every axis
}

ROLES: dict[str, Colour] = {"q": AXES["query"], "k": AXES["key"], "v": AXES["v"]}

# What a check found. Never told by colour alone: a sign and a word stand beside it.
VERDICTS: dict[str, Colour] = {
    "held": Themed("#17663a", "#86d9a0"),
    "broke": Themed("#a8201a", "#ff9b93"),
    "silent": NEUTRALS["muted"],
}


def _stops(listed: str) -> Stops:
    return tuple(listed.split())


# Evenly spaced stops, first to last; between them colours are mixed in sRGB, as Plotly and canvas do.
#
# signed: purple below zero, orange above, zero nearly the page. The purple is bluer and duller than head's,
#   the orange yellower and brighter than key's, or a tensor painted by head or by role would pass for one
#   painted by value. A purple redder than this falls to 9 from orange for a tritanopic reader.
# probability: 0 nearly the page, more weight more ink. The blue leans to azure: the common `Blues` comes
#   within 11 degrees of hue of the signed purple, and within 5 (CIEDE2000) of the paint by token.
# flag: a mask is no quantity. True, which hides, is the grey of the hatch that stands for it elsewhere.
SCALES: dict[str, Themed[Stops]] = {
    "signed": Themed(
        _stops("#4f3189 #7b5fbc #a692e1 #d0c7f4 #f7f7f7 #f6d0a3 #f6a857 #eb8107 #d16100"),
        _stops("#c8b8fe #9a84d8 #6d5e99 #443d5b #222327 #563619 #8f5001 #c7720a #f8a14c"),
    ),
    "probability": Themed(
        _stops("#f5fbfe #d6ecf7 #a9d3e8 #6fb3d3 #338db8 #0f668f #063f5c"),
        _stops("#1b1f27 #12354a #0f5b80 #1b86b5 #4db5e0 #a5def7 #f1fcff"),
    ),
    "flag": Themed(_stops("#f4f5f8 #656c7c"), _stops("#171b23 #8a91a0")),
}

RAMP = (0.20, 0.95)
"""Share of an axis's colour at its first and at its last index, when cells are painted by that axis."""

LONE = 0.60
"""The share of the one index of an axis of size one: neither first nor last."""

ROLE = 0.80
"""Share of a role's colour when cells are painted by role."""

INK = 0.179
"""Luminance at which black and white text read equally well, 4.58:1."""


def mix(colour: str, page: str, share: float) -> str:
    """Lay a share of a colour over the page.

    >>> mix("#000000", "#ffffff", 0.2)
    '#cccccc'
    """
    return _hex(share * c + (1 - share) * p for c, p in zip(_channels(colour), _channels(page), strict=True))


def ramp(colour: str, page: str, n: int) -> Stops:
    """Return the paint of each of an axis's n indices, index 0 the palest.

    From about 8 indices on, neighbours differ too little to be named by colour: the ramp then shows order
    and blocks, and the label beside the sheet tells the index.

    >>> ramp("#000000", "#ffffff", 3)
    ('#cccccc', '#6c6c6c', '#0d0d0d')
    """
    first, last = RAMP
    if n == 1:
        return (mix(colour, page, LONE),)
    return tuple(mix(colour, page, first + (last - first) * index / (n - 1)) for index in range(n))


def colour_at(stops: Sequence[str], fraction: float) -> str:
    """Return the colour of a scale at a fraction of its length; beyond the ends, the end's colour.

    Args:
        stops: the scale under one theme, `SCALES["signed"].light`.
        fraction: 0 for the first stop, 1 for the last.

    Raises:
        ValueError: the fraction is NaN, which has a mark of its own and no colour.

    >>> colour_at(("#000000", "#ffffff"), 0.4)
    '#666666'
    """
    if math.isnan(fraction):
        raise ValueError("NaN has no colour on a scale; draw its mark.")
    place = min(max(fraction, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    return mix(stops[low + 1], stops[low], place - low)


def ink_on(colour: str) -> str:
    """Return the text colour, pure black or pure white, that reads better on a colour."""
    return "#000000" if _luminance(colour) > INK else "#ffffff"


def browser_theme() -> dict[str, Any]:
    """Return everything the browser's drawing needs as one dict of JSON's own types.

    Colours are pairs, light before dark; scales are `{"light": stops, "dark": stops}`.
    """
    return {
        "axes": {word: list(colour) for word, colour in AXES.items()},
        "roles": {role: list(colour) for role, colour in ROLES.items()},
        "neutrals": {name: list(colour) for name, colour in NEUTRALS.items()},
        "scales": {
            kind: {"light": list(scale.light), "dark": list(scale.dark)} for kind, scale in SCALES.items()
        },
        "paint": {"ramp": list(RAMP), "lone": LONE, "role": ROLE},
        "ink": INK,
    }


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(channels: Iterable[float]) -> str:
    # Half rounds up, as in JavaScript: Python's own rounding would differ from the browser's paint by one.
    return "#" + "".join(f"{int(channel + 0.5):02x}" for channel in channels)


def _luminance(colour: str) -> float:
    """Relative luminance, 0 for black and 1 for white.

    Source: Web Content Accessibility Guidelines 2.2, with the threshold 0.04045 of IEC 61966-2-1.
    """
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

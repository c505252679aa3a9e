"""The colours, measured: contrast, colour-blind readers, and whether one kind of colour passes for another.

Everything is computed here by its own small functions, none of the theme's: sRGB to CIELAB (D65), the
colour difference CIEDE2000, and colour blindness after Machado, Oliveira and Fernandes (2009) at full
severity.
"""

from __future__ import annotations

import doctest
import itertools
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mha_core.axes import WORDS
from mha_core.figures import theme
from mha_core.figures.theme import AXES, NEUTRALS, ROLE, ROLES, SCALES, colour_at, ink_on, mix, ramp

THEMES: tuple[theme.Theme, ...] = ("light", "dark")
BOTH = pytest.mark.parametrize("side", THEMES)

# On linear RGB, each row the red, green or blue that such a reader's screen would have to show to us.
VISIONS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)

Lab = tuple[float, float, float]

# Axes with a colour of their own; query, kv_head, qkv and 1 borrow theirs.
COLOURED = ("batch", "token", "key", "v", "head", "head_dim", "d_model", "input_dim")
PAINTED = ("token", "head")  # the axes that cells can be painted by


# How colours are measured


def times(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as the Web Content Accessibility Guidelines define it, 1 to 21."""
    dim, bright = sorted(times(TO_XYZ, linear(colour))[1] for colour in (one, other))
    return (bright + 0.05) / (dim + 0.05)


def lab(colour: str, vision: str = "normal") -> Lab:
    seen = [min(max(part, 0.0), 1.0) for part in times(VISIONS[vision], linear(colour))]
    xyz = [part / white for part, white in zip(times(TO_XYZ, seen), (0.95047, 1.0, 1.08883), strict=True)]
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one: Lab, other: Lab) -> float:
    """CIEDE2000, in the form and with the cases of Sharma, Wu and Dalal (2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    c7 = ((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * math.sqrt(c7 / (c7 + 25**7))
    c1, c2 = math.hypot(stretch * a1, b1), math.hypot(stretch * a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    turn = 0.0 if grey else (h2 - h1 + 180) % 360 - 180
    if turn == -180 and h2 > h1:  # opposite hues: the way round does not matter for the length
        turn = 180.0
    hue = h1 + h2 if grey else (h1 + h2) / 2
    if not grey and abs(h1 - h2) > 180:
        hue += 180 if h1 + h2 < 360 else -180
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * math.cos(math.radians(hue - 30))
        + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6))
        - 0.20 * math.cos(math.radians(4 * hue - 63))
    )
    d_light = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    d_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    d_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    rotation = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7))
    rotation *= math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    return math.sqrt(d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue)


def apart(one: str, other: str, vision: str = "normal") -> float:
    return difference(lab(one, vision), lab(other, vision))


def smallest(colours: Sequence[str], vision: str) -> float:
    return min(apart(one, other, vision) for one, other in itertools.combinations(colours, 2))


def levels(stops: Sequence[str], count: int, start: float = 0.0, end: float = 1.0) -> list[str]:
    return [colour_at(stops, start + (end - start) * i / (count - 1)) for i in range(count)]


def hues(colours: Sequence[str]) -> list[float]:
    """The hues, in degrees, of the colours that visibly have one (chroma 10 and more)."""
    measured = [lab(colour) for colour in colours]
    return [math.degrees(math.atan2(b, a)) % 360 for _, a, b in measured if math.hypot(a, b) >= 10]


def hue_gap(some: Sequence[str], others: Sequence[str]) -> float:
    return min(abs((a - b + 180) % 360 - 180) for a in hues(some) for b in hues(others))


def to_nearest(colour: str, stops: Sequence[str]) -> float:
    """How far a colour is from the colour of a scale that it resembles most."""
    return min(apart(colour, other) for other in levels(stops, 201))


# The measuring itself, against published numbers


@pytest.mark.parametrize(
    "one, other, published",
    [
        pytest.param((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425, id="blue, rotation term"),
        pytest.param((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615, id="blue, further"),
        pytest.param((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000, id="blue, other side"),
        pytest.param((50, 0, 0), (50, -1, 2), 2.3669, id="one is grey"),
        pytest.param((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792, id="opposite hues, under 180"),
        pytest.param((50, 2.4900, -0.0010), (50, -2.4900, 0.0011), 7.2195, id="opposite hues, over 180"),
        pytest.param((50, -0.0010, 2.4900), (50, 0.0009, -2.4900), 4.8045, id="hues across 0"),
        pytest.param((50, 2.5, 0), (50, 0, -2.5), 4.3065, id="mean hue across 360"),
        pytest.param((50, 2.5, 0), (73, 25, -18), 27.1492, id="large, purple"),
        pytest.param((50, 2.5, 0), (61, -5, 29), 22.8977, id="large, yellow"),
        pytest.param((50, 2.5, 0), (56, -27, -3), 31.9030, id="large, green"),
        pytest.param((50, 2.5, 0), (58, 24, 15), 19.4535, id="large, red"),
        pytest.param((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644, id="green pair"),
        pytest.param((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630, id="teal pair"),
        pytest.param((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373, id="dark blue pair"),
        pytest.param((36.4612, 47.8580, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146, id="red pair"),
        pytest.param((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441, id="near white pair"),
        pytest.param((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082, id="near black pair"),
    ],
)
def test_the_colour_difference_is_the_published_one(one: Lab, other: Lab, published: float) -> None:
    assert difference(one, other) == pytest.approx(published, abs=5e-5)
    assert difference(other, one) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(
    "colour, expected",
    [("#ffffff", (100, 0, 0)), ("#ff0000", (53.24, 80.09, 67.20)), ("#0000ff", (32.30, 79.19, -107.86))],
)
def test_known_colours_stand_where_they_should_in_lab(colour: str, expected: Lab) -> None:
    assert lab(colour) == pytest.approx(expected, abs=0.02)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("vision", VISIONS)
def test_greys_look_the_same_to_every_reader(vision: str) -> None:
    assert all(sum(row) == pytest.approx(1, abs=2e-6) for row in VISIONS[vision])
    assert apart("#808080", "#808080", vision) == 0
    assert difference(lab("#808080"), lab("#808080", vision)) < 0.01


def test_red_and_green_are_lost_where_they_should_be() -> None:
    red, green = "#d94f30", "#8f8f00"
    assert apart(red, green) > 40
    assert apart(red, green, "deutan") < 12
    assert apart(red, green, "tritan") > 20


# Axes and roles


def test_every_axis_word_has_a_colour() -> None:
    assert set(WORDS) <= set(AXES)
    assert set(AXES) - set(WORDS) <= {"kv_head", "v"}


def test_query_follows_token_and_roles_follow_their_axes() -> None:
    assert AXES["query"] == AXES["token"]
    assert (ROLES["q"], ROLES["k"], ROLES["v"]) == (AXES["query"], AXES["key"], AXES["v"])
    borrowed = {word for word in AXES if word not in COLOURED}
    assert borrowed == {"query", "kv_head", "qkv", "1"}
    assert all(AXES[word] in [*map(AXES.get, COLOURED), NEUTRALS["muted"]] for word in borrowed)


@BOTH
@pytest.mark.parametrize("ground", ["page", "panel"])
@pytest.mark.parametrize("word", AXES)
def test_an_axis_can_be_read_as_text(word: str, ground: str, side: theme.Theme) -> None:
    assert contrast(AXES[word].of(side), NEUTRALS[ground].of(side)) >= 4.5


# The distances that the colours were chosen for: moving one is a decision, never a slip.
@pytest.mark.parametrize(
    "side, vision, measured",
    [
        ("light", "normal", 16.3),
        ("light", "protan", 12.4),
        ("light", "deutan", 10.7),
        ("light", "tritan", 10.2),
        ("dark", "normal", 19.1),
        ("dark", "protan", 14.8),
        ("dark", "deutan", 14.2),
        ("dark", "tritan", 10.3),
    ],
)
def test_no_reader_confuses_two_axes(side: theme.Theme, vision: str, measured: float) -> None:
    distance = smallest([AXES[word].of(side) for word in COLOURED], vision)
    assert distance >= 10
    assert distance == pytest.approx(measured, abs=0.06)


def test_axes_of_equal_lightness_would_be_confused() -> None:
    key, head_dim = "#a35b2a", "#866b12"  # rust and ochre, both at lightness 46
    assert apart(key, head_dim) > 15
    assert smallest([key, head_dim], "deutan") < 10


# Neutrals and text on colours


@BOTH
@pytest.mark.parametrize(
    "mark, ground, least",
    [
        ("text", "page", 15),
        ("text", "panel", 12),
        ("text", "chip", 12),
        ("muted", "page", 4.5),
        ("muted", "panel", 4.5),
        ("muted", "chip", 4.5),
        ("outline", "page", 3),
        ("hatch_line", "hatch_ground", 3),
    ],
)
def test_neutrals_stand_out_from_what_they_lie_on(
    mark: str, ground: str, least: float, side: theme.Theme
) -> None:
    assert contrast(NEUTRALS[mark].of(side), NEUTRALS[ground].of(side)) >= least


def everything_behind_digits(side: theme.Theme) -> list[str]:
    page = NEUTRALS["page"].of(side)
    scales = [colour for scale in SCALES.values() for colour in levels(scale.of(side), 101)]
    ramps = [colour for word in AXES for colour in ramp(AXES[word].of(side), page, 8)]
    return scales + ramps + [mix(colour.of(side), page, ROLE) for colour in ROLES.values()]


@BOTH
def test_digits_can_be_read_on_every_cell(side: theme.Theme) -> None:
    worst = min(contrast(ink_on(colour), colour) for colour in everything_behind_digits(side))
    assert worst >= 4.5


@BOTH
def test_one_ink_for_all_cells_could_not_be_read(side: theme.Theme) -> None:
    for ink in ("#000000", "#ffffff"):
        assert min(contrast(ink, colour) for colour in everything_behind_digits(side)) < 4.5


def test_ink_is_the_better_of_black_and_white() -> None:
    for grey in (f"#{level:02x}{level:02x}{level:02x}" for level in range(256)):
        assert contrast(ink_on(grey), grey) == max(contrast(ink, grey) for ink in ("#000000", "#ffffff"))


# Scales of values


def assert_signs_differ(stops: Sequence[str], vision: str) -> None:
    """-1 and +1, and the weak -0.3 and +0.3, are told apart."""
    assert apart(colour_at(stops, 0.0), colour_at(stops, 1.0), vision) >= 20
    assert apart(colour_at(stops, 0.35), colour_at(stops, 0.65), vision) >= 20


def assert_monotone(colours: Sequence[str], vision: str, ink: int) -> None:
    """Every step has more ink: darker (ink -1) on a light page, lighter (ink +1) on a dark one."""
    lightness = [lab(colour, vision)[0] for colour in colours]
    assert min(ink * (after - before) for before, after in itertools.pairwise(lightness)) > 0


def more_ink(side: theme.Theme) -> int:
    return 1 if side == "dark" else -1


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
def test_negative_and_positive_differ_for_every_reader(side: theme.Theme, vision: str) -> None:
    assert_signs_differ(SCALES["signed"].of(side), vision)


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
def test_a_larger_size_has_more_ink_on_either_side_of_zero(side: theme.Theme, vision: str) -> None:
    stops = SCALES["signed"].of(side)
    assert_monotone(levels(stops, 51, 0.5, 0.0), vision, more_ink(side))
    assert_monotone(levels(stops, 51, 0.5, 1.0), vision, more_ink(side))


@BOTH
def test_purple_is_negative_and_orange_positive(side: theme.Theme) -> None:
    stops = SCALES["signed"].of(side)
    negative, positive = hues(levels(stops, 11, 0.0, 0.3)), hues(levels(stops, 11, 0.7, 1.0))
    assert len(negative) == len(positive) == 11  # nowhere grey
    assert all(290 <= hue <= 320 for hue in negative)
    assert all(45 <= hue <= 80 for hue in positive)
    assert math.hypot(*lab(colour_at(stops, 0.5))[1:]) < 3  # zero has no hue
    assert apart(colour_at(stops, 0.5), NEUTRALS["page"].of(side)) < 7  # and is nearly the page


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
def test_eleven_weights_are_eleven_colours(side: theme.Theme, vision: str) -> None:
    colours = levels(SCALES["probability"].of(side), 11)
    assert_monotone(colours, vision, more_ink(side))
    assert min(apart(one, other, vision) for one, other in itertools.pairwise(colours)) >= 3


@BOTH
def test_no_weight_is_nearly_the_page(side: theme.Theme) -> None:
    assert apart(SCALES["probability"].of(side)[0], NEUTRALS["page"].of(side)) < 7


@BOTH
def test_the_two_scales_share_no_hue(side: theme.Theme) -> None:
    # Named hues (red, orange, yellow ...) are 30 degrees apart: more than a whole one lies between.
    signed, probability = SCALES["signed"].of(side), SCALES["probability"].of(side)
    assert hue_gap(levels(signed, 201), levels(probability, 101)) >= 35


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
def test_a_mask_is_two_greys_that_no_scale_has(side: theme.Theme, vision: str) -> None:
    shown, hides = SCALES["flag"].of(side)
    assert apart(shown, hides, vision) >= 30
    assert contrast(shown, hides) >= 4.5
    assert apart(shown, NEUTRALS["page"].of(side)) < 7
    assert min(to_nearest(hides, SCALES[kind].of(side)) for kind in ("signed", "probability")) >= 10


# What the guards above are for: well-known scales that they refuse
RED_TO_GREEN = ("#a50026", "#f46d43", "#fee08b", "#ffffbf", "#d9ef8b", "#66bd63", "#006837")
BLUES = ("#f7fbff", "#deebf7", "#b9d3ea", "#82b4d9", "#4a8ec4", "#1f62a3", "#08306b")
JET = ("#000083", "#003caa", "#05ffff", "#ffff00", "#fa0000", "#800000")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(lambda: assert_signs_differ(RED_TO_GREEN, "deutan"), id="red to green"),
        pytest.param(lambda: assert_monotone(levels(JET, 11), "normal", 1), id="jet goes up and down"),
        pytest.param(lambda: assert_monotone(levels(BLUES, 11), "normal", 1), id="the other theme's"),
    ],
)
def test_unsafe_scales_are_refused(refused: Callable[[], None]) -> None:
    with pytest.raises(AssertionError):
        refused()


def test_the_usual_blues_would_share_a_hue_and_pass_for_the_paint_by_token() -> None:
    assert hue_gap(levels(SCALES["signed"].light, 201), levels(BLUES, 101)) < 15
    assert min(to_nearest(colour, BLUES) for colour in strong_ramp("token", "light")) < 6


# Paint by axis and by role


def strong_ramp(word: str, side: theme.Theme) -> list[str]:
    """The indices of eight whose paint is half the axis's colour or more; paler ones are mostly page."""
    return list(ramp(AXES[word].of(side), NEUTRALS["page"].of(side), 8)[3:])


def role_paints(side: theme.Theme) -> dict[str, str]:
    return {role: mix(colour.of(side), NEUTRALS["page"].of(side), ROLE) for role, colour in ROLES.items()}


# 2.3 is just noticeable; two colours 6 apart have clearly another name side by side, but both are purples.
# Under colour blindness some fall together whatever is chosen: there the words beside the sheets carry it.
@BOTH
@pytest.mark.parametrize("kind, least", [("probability", 9), ("signed", 6)])
def test_a_paint_does_not_pass_for_a_value(kind: str, least: float, side: theme.Theme) -> None:
    paints = [
        *role_paints(side).values(),
        *(colour for word in PAINTED for colour in strong_ramp(word, side)),
    ]
    assert min(to_nearest(colour, SCALES[kind].of(side)) for colour in paints) >= least


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
def test_the_three_roles_are_three_colours(side: theme.Theme, vision: str) -> None:
    assert smallest(list(role_paints(side).values()), vision) >= (13 if side == "light" else 11)


@BOTH
@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("n, least", [(3, 13), (8, 3.5)])
@pytest.mark.parametrize("word", PAINTED)
def test_a_ramp_shows_the_order(word: str, n: int, least: float, side: theme.Theme, vision: str) -> None:
    colours = ramp(AXES[word].of(side), NEUTRALS["page"].of(side), n)
    assert len(colours) == n
    assert_monotone(colours, vision, more_ink(side))
    assert min(apart(one, other, vision) for one, other in itertools.pairwise(colours)) >= least


def test_a_ramp_runs_from_a_fifth_of_the_colour_to_nearly_all_of_it() -> None:
    assert ramp("#000000", "#ffffff", 2) == ("#cccccc", "#0d0d0d")
    assert ramp("#000000", "#ffffff", 1) == ("#666666",)
    assert ramp("#000000", "#ffffff", 0) == ()
    assert mix("#000000", "#ffffff", ROLE) == "#333333"


# Names, types and the way to the browser


def test_stops_are_met_exactly_and_ends_are_kept() -> None:
    stops = SCALES["signed"].light
    assert [colour_at(stops, i / 8) for i in range(9)] == list(stops)
    assert (colour_at(stops, -math.inf), colour_at(stops, 7.0)) == (stops[0], stops[-1])
    assert colour_at(("#000000", "#ffffff"), 0.5) == "#808080"  # half rounds up, as in the browser
    with pytest.raises(ValueError, match="NaN has no colour"):
        colour_at(stops, math.nan)


def test_a_signed_scale_has_a_stop_at_zero() -> None:
    assert all(len(stops) % 2 == 1 for stops in SCALES["signed"])


def test_an_unknown_theme_counts_as_light() -> None:
    page = NEUTRALS["page"]
    assert (page.of("light"), page.of("dark"), page.of(None)) == ("#ffffff", "#0e1117", "#ffffff")


def test_the_browser_gets_the_same_colours() -> None:
    sent = theme.browser_theme()
    assert json.loads(json.dumps(sent)) == sent  # JSON's own types: no tuple that comes back as a list
    for name, ours in (("axes", AXES), ("roles", ROLES), ("neutrals", NEUTRALS)):
        assert {word: tuple(pair) for word, pair in sent[name].items()} == ours
    for kind, scale in SCALES.items():
        assert sent["scales"][kind] == {"light": list(scale.light), "dark": list(scale.dark)}
    assert sent["paint"] == {"ramp": [0.2, 0.95], "lone": 0.6, "role": 0.8}
    assert sent["ink"] == 0.179


def test_every_colour_is_written_as_six_small_digits() -> None:
    pairs = [*AXES.values(), *ROLES.values(), *NEUTRALS.values()]
    colours = [*itertools.chain(*pairs), *itertools.chain(*itertools.chain(*SCALES.values()))]
    assert len(colours) > 80
    assert [colour for colour in colours if not re.fullmatch("#[0-9a-f]{6}", colour)] == []


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(theme)
    assert (result.failed, result.attempted) == (0, 3)


HEAVY = {"torch", "streamlit", "plotly", "numpy"}


def loaded_by(path: Path) -> set[str]:
    """The heavy libraries that a fresh Python holds after running one file alone."""
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        f"print(*(name for name in {sorted(HEAVY)} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_theme_is_plain_data() -> None:
    assert loaded_by(Path(theme.__file__)) == set()


def test_a_heavy_theme_would_be_noticed(tmp_path: Path) -> None:
    heavy = tmp_path / "heavy.py"
    heavy.write_text("import numpy\n", encoding="utf-8")
    assert loaded_by(heavy) == {"numpy"}

"""Cells in the browser: the exact number under the pointer, and the colour that is really on the screen."""

import numpy as np
import pytest

from mha_core import Config, run
from mha_core.figures import theme
from mha_core.figures.cells import Block, describe
from tests.browser.driver import (
    SENTENCE,
    TUTORIAL,
    Visit,
    channels,
    near,
    said,
    same,
    shown_value,
    some_cells,
)

pytestmark = pytest.mark.browser

WINDOW = 1600  # high enough for every grid of the small sentence

DOUBLE = Config(sequence_length=3, input_dim=6, d_model=10, num_heads=2, dtype="float64", layout="stacked")


@pytest.mark.parametrize(
    ("config", "address", "names"),
    [
        pytest.param(SENTENCE, {}, ["x", "reshape", "weights", "masked", "out"], id="sentence"),
        pytest.param(TUTORIAL, {"preset": "tutorial"}, ["qkv", "k", "context"], id="tutorial"),
        pytest.param(
            DOUBLE,
            {
                "sequence_length": 3,
                "input_dim": 6,
                "d_model": 10,
                "num_heads": 2,
                "dtype": "float64",
                "layout": "stacked",
            },
            ["k_split", "scores"],
            id="float64",
        ),
    ],
)
def test_pointing_at_a_cell_tells_its_index_and_every_digit_of_its_number(visit, config, address, names):
    trace = run(config)
    here = visit(**address, stage=names[0])
    here.drawn(config)
    for name in names:
        here.key(f"strip.{name}").click()
        for index in some_cells(trace[name].shape):
            found, at, value = said(here.hover(name, index))
            assert (found, at) == (name, index)
            assert same(value, shown_value(trace[name], index)), (name, index)


def test_a_cell_is_told_with_its_word_and_where_it_was_moved_from(visit):
    here = visit(stage="q")
    line = here.hover("q", (0, 2, 4, 1))
    head, query, place = 2, 4, 1
    column = head * 3 * SENTENCE.head_dim + place
    words = SENTENCE.words[0]
    assert f"head {head}, query {query} “{words[query]}”, head_dim {place}" in line
    assert line.endswith(f"from qkv[0, {query}, {column}]")


def test_a_masked_cell_is_told_as_hidden_by_the_mask(visit):
    here = visit(stage="masked")
    assert "−∞" in here.hover("masked", (0, 1, 2, 5))
    assert "hidden by the mask" in here.hover("masked", (0, 1, 2, 5))
    assert "hidden by the mask" not in here.hover("masked", (0, 1, 5, 2))


def test_the_faces_of_the_overview_tell_true_cells(visit):
    trace = run(SENTENCE)
    here = visit()
    here.drawn(SENTENCE)
    block = here.key("block.weights")
    block.scroll_into_view_if_needed()
    box = block.bounding_box()
    tip = here.root.locator(".mha-map-tip")
    met = set()
    for across in range(20):
        here.page.mouse.move(box["x"] + box["width"] * (across + 0.5) / 20, box["y"] + box["height"] * 0.55)
        if tip.is_visible():
            name, index, value = said(tip.inner_text())
            assert name == "weights"
            assert same(value, shown_value(trace[name], index)), index
            met.add(index)
    assert len(met) > 5


# What is on the screen.


def expected(block: Block, value: float, index: tuple[int, ...], paint: str, scheme: theme.Theme) -> str:
    """The colour that the theme gives a value or an origin."""
    page = theme.NEUTRALS["page"].of(scheme)
    if paint == "value":
        if block.values == "probability":
            return theme.colour_at(theme.SCALES["probability"].of(scheme), value)
        return theme.colour_at(theme.SCALES["signed"].of(scheme), 0.5 + value / block.shared / 2)
    shape = (1, *block.shape[1:])
    label = int(np.broadcast_to(block.origins[paint].numpy(), shape)[(0, *index[1:])])
    if paint == "role":
        return theme.mix(theme.ROLES["qkv"[label]].of(scheme), page, theme.ROLE)
    count = {"head": SENTENCE.num_heads, "token": SENTENCE.sequence_length}[paint]
    return theme.ramp(theme.AXES[paint].of(scheme), page, count)[label]


def sample(here: Visit, name: str, cells: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Pixels beside the middle of cells: off their edges, and above a number that stands in them."""
    here.page.mouse.move(1, 1)
    here.place(name, cells[0])
    places = [here.ask("attentionExplorer.where(given[0], given[1])", [name, list(cell)]) for cell in cells]
    drawn = [place for place in places if place and place["y"] + place["height"] < WINDOW]
    assert len(drawn) == len(cells), "cells are outside the window"
    found = here.colours([(p["x"] + min(3, p["width"] / 2), p["y"] + min(3, p["height"] / 2)) for p in drawn])
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_cell_has_the_colour_of_its_number_or_of_its_origin(visit, scheme):
    trace = run(SENTENCE)
    blocks = {block.name: block for block in describe(trace).blocks}
    here = visit(scheme=scheme, height=WINDOW)
    here.drawn(SENTENCE)
    rows = [
        # tensor, paint asked for, paint that must be on the screen
        ("x", "taught", "value"),
        ("qkv", "taught", "role"),
        ("qkv", "head", "head"),
        ("permute", "taught", "head"),
        ("k", "token", "token"),
        ("k", "value", "value"),
        ("scores", "taught", "value"),
        ("weights", "taught", "value"),
        ("weights", "head", "head"),
        ("context", "value", "value"),
    ]
    for name, asked, paint in rows:
        here.ask("shown.set({ stage: given })", name)
        here.paint(asked)
        cells = [(0, *index[1:]) for index in np.ndindex(1, *trace[name].shape[1:])]
        if name == "weights":
            cells = [cell for cell in cells if cell[3] <= cell[2]]  # what is hidden has no colour
        cells = cells[:: max(1, len(cells) // 40)]
        for cell, colour in zip(cells, sample(here, name, cells), strict=True):
            wanted = channels(expected(blocks[name], float(trace[name][cell]), cell, paint, scheme))
            assert near(colour, wanted), (name, paint, cell)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hidden_cell_is_hatched_and_has_no_colour_of_the_scale(visit, scheme):
    here = visit(scheme=scheme, stage="masked")
    ground, line = (channels(theme.NEUTRALS[name].of(scheme)) for name in ("hatch_ground", "hatch_line"))
    place = here.place("masked", (0, 0, 0, 5))
    inside = [(place["x"] + x, place["y"] + y) for x in range(2, 26) for y in range(2, 14)]
    here.page.mouse.move(1, 1)
    found = here.colours(inside)
    between = [
        all(min(a, b) - 1 <= c <= max(a, b) + 1 for a, b, c in zip(ground, line, colour, strict=True))
        for colour in found
    ]
    assert all(between)
    assert sum(near(colour, ground) for colour in found) > len(found) / 4
    assert sum(not near(colour, ground, 30) for colour in found) > len(found) / 10

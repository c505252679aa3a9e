"""Heatmaps are read back, as the browser gets them, and compared with the tensor."""

import doctest
import html
import re

import numpy as np
import pytest
import torch

from mha_core import Config, run
from mha_core.compare import MEAN, Wanted, other_run, select
from mha_core.config import PAD
from mha_core.figures import maps as described
from mha_core.figures import plot_looks
from mha_core.figures.hatch import outline
from mha_core.figures.maps import cell_text, describe_maps, side
from mha_core.figures.theme import AXES, NEUTRALS, SCALES
from mha_core.figures.to_plotly import Look, figure, room_for, scale_of, shown_text
from mha_core.planted import JOBS, jobs_of
from mha_core.presets import PRESETS
from tests.heatmaps import Spec, array, inside
from tests.test_theme import contrast

HOSTILE = "<b>the</b> cat </script> the & &lt; שלום 🦊 <a\u202eb"
WORDS = HOSTILE.split()
SIZES = {"input_dim": 13, "d_model": 55, "num_heads": 5, "gain": 4.0}
STAGES = ("scores", "scaled", "masked", "weights")


def config(**settings):
    return Config(**{**SIZES, "input": "words", "text": f"{HOSTILE}\nrain fell", **settings})


def drawn(shown, wanted, look=None, item=0):
    """A run's maps, described and drawn and read back."""
    trace = run(shown) if isinstance(shown, Config) else shown
    other = other_run(trace, wanted.minus, wanted.value)
    maps = describe_maps(trace, select(trace, item, wanted, other))
    return trace, maps, Spec(figure(maps, look or Look()).to_json())


ALL = tuple(range(5))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("mask", ["none", "causal", "padding", "both"])
@pytest.mark.parametrize("name", STAGES)
def test_every_map_holds_the_tensors_numbers_under_its_words_and_its_mask(name, mask, theme):
    trace, maps, spec = drawn(config(mask=mask), Wanted(name, ALL), Look(theme), item=1)
    words = ["rain", "fell", *[f"{PAD} {at}" for at in range(2, len(WORDS))]]
    assert len(spec.heatmaps) == 5
    hidden = trace["mask"][1, 0].numpy() if name in ("masked", "weights") else np.zeros((9, 9), bool)
    for head in ALL:
        assert spec.values(head).dtype == np.float32
        assert spec.values(head).tobytes() == trace[name][1, head].numpy().tobytes()
        assert (spec.hatched(head) == hidden).all()
        assert spec.heatmaps[head]["name"] == f"head {head}"
        assert f"<extra>head {head}</extra>" in spec.heatmaps[head]["hovertemplate"]
        assert "%{z:.9~g}" in spec.heatmaps[head]["hovertemplate"]
        assert spec.words(head, "x") == spec.words(head, "y") == words
        assert spec.axis(head, "y")["range"] == [8.5, -0.5], "query 0 is on top"
        assert spec.axis(head, "x")["range"] == [-0.5, 8.5], "key 0 is left"
        assert spec.axis(head, "y")["scaleanchor"] == spec.heatmaps[head]["xaxis"], "cells are square"
        assert all(trace["coloraxis"] == "coloraxis" for trace in spec.heatmaps)
    axis = spec.layout["coloraxis"]
    kind = trace.made(name).values
    limit = maps.limit if kind == "signed" else 1
    assert (axis["cmin"], axis["cmax"]) == ((-limit, limit) if kind == "signed" else (0, 1))
    assert [stop for _, stop in axis["colorscale"]] == [*SCALES[kind].of(theme)]
    assert spec.layout["paper_bgcolor"] == NEUTRALS["page"].of(theme)


def test_words_come_as_they_are_typed_and_repeats_stay_apart():
    _, _, spec = drawn(config(text="the cat saw the the dog", mask="causal"), Wanted("weights", ALL))
    assert spec.words(0, "x") == ["the 0", "cat", "saw", "the 3", "the 4", "dog"]
    ticks = spec.axis(0, "x")
    assert [*array(ticks["tickvals"])] == [0, 1, 2, 3, 4, 5]
    assert ticks["ticktext"] == ["the 0", "cat", "saw", "the 3", "the 4", "dog"]


OBEYED = re.compile(r"<(?!0\.01)(?!/?extra>|br>)|&(?!amp;|lt;|gt;)")


def test_hostile_words_are_text_wherever_they_stand():
    _, maps, spec = drawn(config(), Wanted("weights", ALL))
    seen = [each if each.isprintable() else "<a\\u202eb" for each in WORDS]
    assert spec.words(0, "x") == seen
    shown = [*spec.axis(0, "x")["labelalias"].values(), *spec.axis(0, "x")["ticktext"], *spec.captions()]
    shown += [each["hovertemplate"] for each in spec.heatmaps]
    assert [text for text in shown if OBEYED.search(text)] == []
    assert "<b>the</b>" in html.unescape("".join(spec.axis(0, "x")["labelalias"].values()))
    assert "\u202e" not in spec.text and "\\u202e" in repr(spec.words(0, "x"))
    assert OBEYED.search("<b>x") and OBEYED.search("&#39;")
    assert shown_text("a\nb\tc") == "a\\nb\\tc"
    assert maps.sentence.startswith("weights, batch item 0: heads 0 to 4 of 5")


@pytest.mark.parametrize(("narrow", "tokens", "heads"), [(False, 4, 8), (False, 6, 4), (True, 4, 1)])
def test_digits_stand_in_the_cells_of_small_maps(narrow, tokens, heads):
    shown = Config(sequence_length=tokens, num_heads=heads, gain=9.0, mask="causal", d_model=64, input_dim=9)
    trace, _, spec = drawn(shown, Wanted("weights", tuple(range(heads))), Look(narrow=narrow))
    for head in range(heads):
        weights = trace["weights"][0, head]
        wanted = {
            (row, column): cell_text(float(weights[row, column]), "probability")
            for row in range(tokens)
            for column in range(row + 1)
        }
        assert spec.texts(head) == wanted
        assert "0.00" not in wanted.values()


def test_a_weight_that_rounds_to_nothing_is_not_nothing():
    assert cell_text(0.0049, "probability") == "<0.01"
    assert cell_text(0.0051, "probability") == "0.01"
    assert cell_text(0.0, "probability") == "<0.01", "an exponential that underflows was larger than 0"
    assert (cell_text(-0.004, "signed"), cell_text(-2.5, "signed")) == ("0.00", "−2.50")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("minus", ["", "uniform"])
def test_digits_can_be_read_on_their_cells(theme, minus):
    _, maps, spec = drawn(config(text="a b c d e", gain=9.0), Wanted("weights", ALL, minus), Look(theme))
    scale, _ = scale_of(maps, Look(theme))
    places, stops = zip(*scale, strict=True)
    for head in ALL:
        (texts,) = [each for each in spec.beside(head) if each.get("mode") == "text"]
        for x, y, colour in zip(texts["x"], texts["y"], texts["textfont"]["color"], strict=True):
            value = float(spec.values(head)[int(y), int(x)])
            share = value if not minus else (value / maps.limit + 1) / 2
            cell = mixed(places, stops, min(max(share, 0), 1))
            assert contrast(colour, cell) >= 4.5, (value, colour, cell)


def mixed(places, stops, share):
    """A colour of a scale, as Plotly mixes it."""
    channels = [[int(stop[at : at + 2], 16) for stop in stops] for at in (1, 3, 5)]
    return "#" + "".join(f"{round(np.interp(share, places, channel)):02x}" for channel in channels)


def test_large_maps_have_no_digits_and_spread_their_colours():
    large = Config(sequence_length=17, num_heads=2, d_model=8, input_dim=5)
    _, maps, spec = drawn(large, Wanted("weights", (0, 1)))
    assert spec.texts(0) == {}
    places = [place for place, _ in spec.layout["coloraxis"]["colorscale"]]
    assert places == pytest.approx([(at / 6) ** 2 for at in range(7)])
    assert "spread out" in spec.layout["coloraxis"]["colorbar"]["title"]["text"]
    _, _, linear = drawn(large.but(sequence_length=16), Wanted("weights", (0, 1)))
    places = [place for place, _ in linear.layout["coloraxis"]["colorscale"]]
    assert places == pytest.approx([at / 6 for at in range(7)])
    assert scale_of(maps, Look(spread=False))[1] is False


@pytest.mark.parametrize(
    ("tokens", "step", "gap"), [(6, 1, 1), (10, 1, 1), (16, 2, 1), (24, 4, 1), (40, 4, 0), (128, 16, 0)]
)
def test_words_are_left_out_by_powers_of_two_and_gaps_where_cells_are_small(tokens, step, gap):
    text = " ".join(f"w{at}" for at in range(tokens))
    _, _, spec = drawn(config(text=text), Wanted("weights", ALL[:4]))
    ticks = spec.axis(0, "x")
    assert [*array(ticks["tickvals"])] == [*range(0, tokens, step)]
    named = [f"w{at}" if step == 1 else f"w{at} {at}" for at in range(0, tokens, step)]
    assert [*ticks["ticktext"]] == named
    assert len(spec.words(0, "x")) == tokens, "the hover names every index"
    assert (spec.heatmaps[0]["xgap"], spec.heatmaps[0]["ygap"]) == (gap, gap)
    assert spec.axis(1, "y")["showticklabels"] is False
    assert "showticklabels" not in spec.layout["xaxis"]


@pytest.mark.parametrize("name", STAGES)
def test_nan_infinities_and_wholly_masked_rows_are_marked(name):
    shown = config(mask="padding", lengths=(9, 0), text="a b c d e f g h i\nj k")
    _, maps, spec = drawn(shown, Wanted(name, ALL), item=1)
    cells = {(row, column) for row in range(9) for column in range(9)}
    marked = {place for place, text in spec.texts(0).items() if text == "×"}
    assert marked == (cells if name == "weights" else set())
    assert spec.hatched(0).all() == (name == "masked")
    assert ("NaN" in maps.sentence) == (name == "weights")
    x = torch.ones(2, 9, 13)
    x[0, 3, 2], x[0, 5, 1] = float("inf"), float("nan")
    trace = run(config(text="a b c d e f g h i\nj k"), x)
    values = trace[name][0, 0]
    _, _, spec = drawn(trace, Wanted(name, ALL))
    signs = {True: "∞", False: "−∞"}
    wanted = {
        (row, column): "×" if values[row, column].isnan() else signs[bool(values[row, column] > 0)]
        for row, column in cells
        if not values[row, column].isfinite()
    }
    assert wanted and spec.texts(0) == wanted
    assert spec.values(0).tobytes() == values.numpy().tobytes()


def test_marks_without_room_are_counted():
    shown = Config(sequence_length=64, num_heads=8, d_model=16, input_dim=5, mask="padding", lengths=(0,))
    _, _, spec = drawn(shown, Wanted("weights", tuple(range(8))))
    assert spec.texts(0) == {}
    assert "head 3, 4096 × NaN" in spec.captions()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_numbers_travel_exactly_and_typed(dtype):
    trace, _, spec = drawn(config(dtype=dtype), Wanted("scores", ALL))
    assert spec.heatmaps[0]["z"]["dtype"] == ("f8" if dtype == "float64" else "f4")
    assert (spec.values(2).astype(float) == trace["scores"][0, 2].double().numpy()).all()
    assert f"%{{z:.{17 if dtype == 'float64' else 9}~g}}" in spec.heatmaps[0]["hovertemplate"]


@pytest.mark.parametrize("name", STAGES)
def test_a_head_opened_large_has_its_sums_beside_it(name):
    trace, maps, spec = drawn(config(mask="causal"), Wanted(name, (3,)))
    rows, columns = (each for each in spec.data if each["type"] == "bar")
    seen = trace[name][0, 3].double()
    if name in ("masked", "weights"):
        seen = seen.masked_fill(trace["mask"][0, 0], 0)
    assert array(rows["x"]) == pytest.approx(seen.sum(1).numpy())
    assert array(columns["y"]) == pytest.approx(seen.sum(0).numpy())
    assert (rows["yaxis"], columns["xaxis"]) == ("y", "x"), "they stand on the map's own axes"
    if name == "weights":
        assert array(rows["x"]) == pytest.approx(np.ones(9))
    assert {"row sum", "column sum", "head 3"} <= {*spec.captions()}
    assert maps.limit > 0


@pytest.mark.parametrize(
    ("minus", "value", "title"),
    [
        ("uniform", "", "weights minus uniform attention"),
        ("head", "1", "weights minus head 1"),
        ("mask", "none", "weights minus weights with mask none"),
        ("seed", "8", "weights minus weights of the input of seed 8"),
        ("text", "a b c d e f g h i", "weights minus weights of another text"),
    ],
)
def test_a_difference_is_signed_and_says_what_was_taken_away(minus, value, title):
    trace, maps, spec = drawn(config(mask="causal"), Wanted("weights", ALL, minus, value))
    got = select(trace, 0, Wanted("weights", ALL, minus, value), other_run(trace, minus, value))
    assert (spec.values(4) == got.values[4].float().numpy()).all()
    assert maps.title == title and maps.sentence.startswith(title)
    limit = np.quantile(np.abs(got.values.float().numpy()), 0.995, method="higher")
    assert maps.limit == pytest.approx(float(limit), rel=0.05)
    assert (spec.layout["coloraxis"]["cmin"], spec.layout["coloraxis"]["cmax"]) == (-maps.limit, maps.limit)
    assert [stop for _, stop in spec.layout["coloraxis"]["colorscale"]] == [*SCALES["signed"].light]


def test_the_mean_is_drawn_as_one_map():
    trace, maps, spec = drawn(config(), Wanted("weights", (MEAN,)))
    assert (spec.values(0) == trace["weights"][0].double().mean(0).float().numpy()).all()
    assert "mean over heads" in spec.captions() and "the mean over 5 heads" in maps.sentence


def test_planted_heads_are_named_under_their_maps_and_only_there():
    planted = PRESETS["sentence"].config
    jobs = [JOBS[job].label for job in jobs_of(planted)]
    for look in (Look(), Look("dark", narrow=True)):
        _, maps, spec = drawn(planted, Wanted("weights", (0, 1, 2, 3)), look)
        captions = [each for each in spec.layout["annotations"] if "head" in each["text"]]
        assert [each["text"] for each in captions] == [
            f"head {head}<br>{job}" for head, job in enumerate(jobs)
        ]
        assert {each["align"] for each in captions} == {"left"}
        _, _, plain = drawn(planted.but(weights="initial"), Wanted("weights", (0, 1, 2, 3)), look)
        assert [text for text in plain.captions() if "head" in text] == [f"head {head}" for head in range(4)]
        # the second line has room of its own, above a phone's colour bar too
        assert spec.layout["height"] - plain.layout["height"] >= 16
        bars = [each.layout["coloraxis"]["colorbar"].get("ypad", 0) for each in (spec, plain)]
        assert bars[0] - bars[1] == (17 if look.narrow else 0)
        assert [each["name"] for each in spec.heatmaps] == [f"head {head}" for head in range(4)]
        assert jobs[0] not in maps.sentence and all(
            jobs[0] not in each["hovertemplate"] for each in spec.data[:1]
        )
    _, _, large = drawn(planted, Wanted("weights", (1,)))
    assert "head 1 · same word" in large.captions()
    for wanted in (Wanted("weights", (0, 1), "uniform"), Wanted("weights", (MEAN,))):
        _, _, spec = drawn(planted, wanted)
        assert not any(job in text for job in jobs for text in spec.captions())


def test_scores_and_scaled_share_their_range_and_one_head_far_beyond_does_not_empty_the_others():
    scores, scaled = (drawn(config(), Wanted(name, ALL))[1] for name in ("scores", "scaled"))
    assert scores.limit == scaled.limit
    trace = run(config())
    values = trace["scores"].clone()
    values[0, 2] *= 1000
    loud = type(trace)(**{**vars(trace), "tensors": {**trace.tensors, "scores": values}})
    _, maps, spec = drawn(loud, Wanted("scores", ALL))
    assert maps.clipped and maps.limit < 10 * scores.limit
    assert "beyond" in spec.layout["coloraxis"]["colorbar"]["title"]["text"]
    assert spec.values(2).max() > maps.limit, "the numbers stay true"


def test_the_sentence_names_shape_range_and_the_largest_weights():
    trace, maps, _ = drawn(config(text="the cat saw the dog", mask="causal"), Wanted("weights", ALL))
    weights = trace["weights"][0, :, 1:]
    head, query, key = np.unravel_index(int(weights.argmax()), weights.shape)
    words = ["the 0", "cat", "saw", "the 3", "dog"]
    assert f"(head {head}, query {words[query + 1]}, key {words[key]})" in maps.sentence
    assert "each with 5 queries (rows) and 5 keys (columns)" in maps.sentence
    assert "10 of 25 cells of a map are masked" in maps.sentence
    assert f"to {float(trace['weights'][0].max()):.4g}" in maps.sentence


@pytest.mark.parametrize(
    ("heads", "said"),
    [((1, 2, 3), "heads 1 to 3"), ((0, 4), "heads 0, 4"), ((3, 2), "heads 3, 2")],
)
def test_heads_that_do_not_follow_each_other_are_named_one_by_one(heads, said):
    _, maps, _ = drawn(config(), Wanted("weights", heads))
    assert f"batch item 0: {said} of 5, each with 9 queries" in maps.sentence


def test_many_heads_stand_in_two_rows_and_a_phone_has_two_columns():
    rooms = {count: room_for(count, False) for count in (1, 2, 4, 5, 8, 12, 16)}
    across = {count: room.across for count, room in rooms.items()}
    assert across == {1: 1, 2: 2, 4: 4, 5: 3, 8: 4, 12: 6, 16: 8}
    assert rooms[8].side >= 200 and rooms[16].side >= 90
    phone = room_for(8, True)
    assert phone.across == 2 and phone.left + phone.right + 2 * phone.side + phone.gap <= 358
    _, _, spec = drawn(config(), Wanted("weights", ALL), Look(narrow=True))
    assert spec.layout["coloraxis"]["colorbar"]["orientation"] == "h"
    domains = [spec.axis(place, "x")["domain"] for place in range(5)]
    assert domains[0] == domains[2] == domains[4] != domains[1]


@pytest.mark.parametrize("seed", range(8))
def test_the_hatch_covers_exactly_the_hidden_cells(seed):
    hidden = np.random.default_rng(seed).random((6, 9)) < 0.5
    x, y = outline(hidden)
    for row in range(6):
        for column in range(9):
            assert inside(x, y, column, row) == hidden[row, column]
    assert (x[~np.isnan(x)] % 1 == 0.5).all() and (y[~np.isnan(y)] % 1 == 0.5).all(), "along the cells' edges"


def test_a_staircase_is_one_polygon_and_nothing_hidden_is_none():
    x, _ = outline(np.triu(np.ones((5, 5), bool), 1))
    assert not np.isnan(x).any()
    assert [len(part) for part in outline(np.zeros((3, 3), bool))] == [0, 0]


def test_colours_of_sides_are_the_axes_own():
    _, _, spec = drawn(config(), Wanted("weights", ALL), Look("dark"))
    assert spec.axis(0, "x")["color"] == AXES["key"].dark
    assert spec.axis(0, "y")["color"] == AXES["query"].dark


def test_sizes_of_one_are_drawn():
    one = Config(sequence_length=1, input_dim=1, d_model=1, num_heads=1)
    for name in STAGES:
        trace, _, spec = drawn(one, Wanted(name, (0,)))
        assert spec.values(0).tobytes() == trace[name][0, 0].numpy().tobytes()


@pytest.mark.parametrize("module", [described, plot_looks])
def test_the_examples_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_words_without_a_text_are_their_indices():
    assert side("key", 3).labels == ("0", "1", "2")

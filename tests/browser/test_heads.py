"""What Plotly draws on the page of heads is read from the page itself, and compared with the tensor."""

import math
import re

import pytest

from mha_core import Config, run
from mha_core.config import PAD
from mha_core.figures.theme import AXES, NEUTRALS, SCALES
from mha_core.presets import PRESETS
from tests.browser import driver
from tests.browser.driver import Visit, channels, wait_until
from tests.browser.test_accessible import grave
from tests.browser.test_looks import OUT, SIDEWAYS

pytestmark = pytest.mark.browser

SENTENCE, PLANTED = PRESETS["sentence"].config, PRESETS["planted"].config
HOSTILE = "<b>the</b> cat </script> <i>the</i> &lt; שלום"

DRAWN = "document.querySelector('.js-plotly-plot .cartesianlayer .subplot') !== null"

# What the figure holds once Plotly has taken it in: numbers as they are drawn, axes as they were worked out.
READ = """() => {
  const plot = document.querySelector(".js-plotly-plot");
  const full = plot._fullLayout;
  const name = (trace, side) => `${side}axis${(trace[`${side}axis`] ?? side).slice(1)}`;
  const ticks = (id) => [...plot.querySelectorAll(`.${id}tick text`)].map((each) => each.textContent);
  return {
    maps: plot._fullData.filter(({ type }) => type === "heatmap").map((trace) => ({
      name: trace.name,
      z: Array.from(trace.z, (row) => Array.from(row, (value) =>
        Number.isFinite(value) ? value : String(value))),
      x: full[name(trace, "x")].range,
      y: full[name(trace, "y")].range,
      scale: trace.coloraxis,
    })),
    coloraxis: { low: full.coloraxis.cmin, high: full.coloraxis.cmax,
      stops: full.coloraxis.colorscale.map(([, stop]) => stop) },
    page: full.paper_bgcolor,
    font: full.font.color,
    words: { x: ticks("x"), y: ticks("y") },
    captions: [...plot.querySelectorAll(".annotation text")].map((each) => each.textContent),
    cells: [...plot.querySelectorAll(".scatterlayer .text text, .scatterlayer .textpoint text")]
      .map((each) => each.textContent),
    hatches: plot.querySelectorAll(".scatterlayer .js-fill").length,
    tags: plot.querySelectorAll("b, i, script, img, a[href]").length,
  };
}"""

PLACE = """([head, row, column]) => {
  const plot = document.querySelector(".js-plotly-plot");
  const tail = head ? head + 1 : "";
  const [x, y] = [plot._fullLayout[`xaxis${tail}`], plot._fullLayout[`yaxis${tail}`]];
  const main = document.querySelector('[data-testid="stMain"]');
  const at = () => plot.getBoundingClientRect().top + y._offset + y.l2p(row);
  if (at() < 60 || at() > innerHeight - 60) main.scrollTop += at() - innerHeight / 2;
  return { x: plot.getBoundingClientRect().left + x._offset + x.l2p(column), y: at(),
    wide: Math.abs(x.l2p(1) - x.l2p(0)), high: Math.abs(y.l2p(1) - y.l2p(0)) };
}"""

HOVER = """() => {
  const found = [...document.querySelectorAll(".js-plotly-plot .hoverlayer text")];
  return found.length && found.map((each) => each.textContent);
}"""

COUNT = """() => document.querySelector(".js-plotly-plot")?._fullData
  ?.filter(({ type }) => type === "heatmap").length"""


def heads(visit, **asked) -> Visit:
    """Open Heads and wait until its figure is drawn and the server is at rest."""
    here = visit("/heads", ready=DRAWN, **asked)
    here.at_rest()
    wait_until(here.page, f"() => {DRAWN}")
    return here


def read(here) -> dict:
    return here.page.evaluate(READ)


def hover(here, head, row, column) -> str:
    """Point at a cell and return what Plotly says of it: the head, then the cell."""
    place = here.page.evaluate(PLACE, [head, row, column])
    here.page.mouse.move(2, 2)
    here.page.mouse.move(place["x"] + 1, place["y"] + 1)
    here.page.mouse.move(place["x"], place["y"])
    return " ".join(wait_until(here.page, HOVER)).replace("−", "-")


def as_drawn(rows):
    """Rows of numbers as READ gives them."""
    named = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return [[named.get(value, "NaN" if math.isnan(value) else value) for value in row] for row in rows]


def nine(value) -> str:
    """A number as the hover writes it."""
    return f"{float(value):.9g}"


def tensor(here, name, item=0):
    """Choose a tensor and wait until it is drawn."""
    here.page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
    here.page.locator(f'[role="figure"][aria-label^="{name}, batch item {item}"]').wait_for()
    here.at_rest()
    wait_until(here.page, f"() => {DRAWN}")


@pytest.mark.parametrize(
    ("mask", "names", "scheme"),
    [
        ("none", ("weights", "scores"), "light"),
        ("causal", ("masked", "weights"), "dark"),
        ("padding", ("scaled", "masked"), "light"),
        ("both", ("weights", "scaled"), "dark"),
    ],
)
def test_what_is_drawn_is_the_tensor_in_every_stage_and_theme_under_every_mask(visit, mask, names, scheme):
    text = "the cat saw the small dog\nrain fell"
    trace = run(SENTENCE.but(text=text, mask=mask))
    here = heads(visit, preset="sentence", text=text, mask=mask, batch=1, stage=names[0], scheme=scheme)
    for name in names:
        tensor(here, name, 1)
        found = read(here)
        assert [each["name"] for each in found["maps"]] == [f"head {head}" for head in range(4)]
        for head, each in enumerate(found["maps"]):
            assert each["z"] == as_drawn(trace[name][1, head].tolist())
            assert (each["y"], each["x"], each["scale"]) == ([5.5, -0.5], [-0.5, 5.5], "coloraxis")
        kind = trace.made(name).values
        assert found["coloraxis"]["stops"] == [*SCALES[kind].of(scheme)]
        assert found["coloraxis"]["high"] == (1 if kind == "probability" else -found["coloraxis"]["low"])
        assert found["page"] == NEUTRALS["page"].of(scheme)
        words = ["rain", "fell", *[f"{PAD} {at}" for at in range(2, 6)]]
        assert found["words"] == {"x": words, "y": words}
        assert found["hatches"] == (4 if mask != "none" and name in ("masked", "weights") else 0)
        assert {"head 0previous token", "head 3plain average", "query ↓"} <= {*found["captions"]}


def test_the_hover_tells_words_and_nine_digits_and_that_a_cell_is_masked(visit):
    trace = run(SENTENCE)
    here = heads(visit, preset="sentence")
    line = hover(here, 2, 3, 1)
    assert line.strip() == f"head 2 query the 3key cat{nine(trace['weights'][0, 2, 3, 1])}"
    assert hover(here, 0, 1, 4).strip() == "head 0 query catkey small0 (masked)"
    there = heads(visit, preset="tutorial", sequence_length="40")
    line = hover(there, 4, 7, 33)
    weight = nine(run(Config(sequence_length=40))["weights"][0, 4, 7, 33])
    assert line.strip() == f"head 4 query 7key 33{weight}", "a place between two ticks"


def test_cells_are_square_and_hostile_words_are_text(visit):
    here = heads(visit, text=HOSTILE, num_heads="4", width=1280)
    found = read(here)
    assert found["tags"] == 0
    # ten signs have room beside a map
    assert found["words"]["y"] == ["<b>the</b>", "cat", "</script>", "<i>the</i>", "&lt;", "שלום"]
    assert hover(here, 0, 2, 4).startswith("head 0 query </script>key &lt;")
    place = here.page.evaluate(PLACE, [0, 1, 1])
    assert place["wide"] == pytest.approx(place["high"], rel=0.02)
    assert here.faults == []


@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_nothing_runs_out_of_its_place_and_nothing_is_grave(visit, width):
    scheme = "dark" if width == 1280 else "light"
    here = heads(visit, width=width, height=844, scheme=scheme)
    here.page.wait_for_timeout(300)
    here.at_rest()
    OUT.mkdir(exist_ok=True)
    here.page.screenshot(path=OUT / f"heads-{width}-{scheme}.png")
    assert here.page.evaluate(SIDEWAYS) == []
    columns = 2 if width == 390 else 4
    left = [here.page.evaluate(PLACE, [head, 0, 0])["x"] for head in range(8)]
    assert len({round(each) for each in left}) == columns, "a phone has two columns"
    assert here.page.evaluate(PLACE, [0, 0, 0])["wide"] >= 8
    assert grave(here) == []


CAPTION_COLOUR = """() => {
  const captions = [...document.querySelectorAll(".js-plotly-plot .annotation text")];
  return getComputedStyle(captions.find((each) => each.textContent.startsWith("head 1"))).fill;
}"""


def test_a_switch_of_the_system_s_theme_dresses_the_figure_anew(visit):
    here = heads(visit, preset="sentence")
    assert read(here)["page"] == NEUTRALS["page"].light
    here.page.emulate_media(color_scheme="dark")
    wait_until(here.page, f"(page) => ({READ})().page === page", NEUTRALS["page"].dark)
    red, green, blue = channels(AXES["head"].dark)
    assert here.page.evaluate(CAPTION_COLOUR) == f"rgb({red}, {green}, {blue})"


def test_back_forward_and_reload_show_what_was_in_front(visit):
    here = heads(visit, preset="sentence")
    here.choose("Show", "head 2")

    def maps(count):
        wait_until(here.page, f"() => ({COUNT})() === {count}")

    maps(1)
    assert here.address["head"] == "2"
    here.page.go_back()
    maps(4)
    assert "head" not in here.address
    here.page.go_forward()
    maps(1)
    here.page.reload()
    maps(1)
    assert here.address == {"v": "1", "preset": "sentence", "head": "2"}


def test_the_stage_that_was_open_in_the_walk_is_the_tensor_here_and_the_other_way_round(visit):
    here = visit(stage="scores")
    here.drawn(SENTENCE)
    here.ask("shown.set({ stage: 'scaled' })")  # the server is not told
    here.page.get_by_role("link", name="Heads", exact=True).click()
    here.page.locator('[role="figure"][aria-label^="scaled, batch item 0"]').wait_for()
    here.at_rest()
    tensor(here, "masked")
    here.page.get_by_role("link", name="Walkthrough", exact=True).click()
    here.wait("shown.root.isConnected && shown.open === 'masked'")


def test_everything_is_chosen_by_keys_and_the_numbers_are_walked(visit):
    here = heads(visit, preset="sentence")
    page, trace = here.page, run(SENTENCE)
    page.get_by_role("combobox", name="Show").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.locator('[role="figure"][aria-label*="head "][aria-label*=" of 4, with"]').wait_for()
    here.at_rest()
    head = int(here.address["head"])
    button = page.get_by_role("button", name="These numbers as a table")
    button.focus()
    page.keyboard.press("Enter")
    grid = page.get_by_role("grid")
    grid.wait_for()
    page.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    told = " ".join(page.get_by_role("status").all_inner_texts()).strip()
    assert told.startswith("query 2 “saw”, key 1 “cat”: ")
    weight = float(trace["weights"][0, head, 2, 1])
    assert driver.read(told.rpartition(": ")[2]) == pytest.approx(weight, rel=1e-8)


def test_links_are_drawn_and_a_picked_query_stands_in_the_address(visit):
    here = visit("/heads", ready="document.title", **{"preset": "sentence", "as": "links", "head": "1"})
    query = here.page.get_by_role("option", name=re.compile("small"))
    query.first.wait_for()
    query.first.click()
    wait_until(here.page, "() => new URLSearchParams(location.search).get('query') === '4'")
    assert here.address == {"v": "1", "preset": "sentence", "as": "links", "head": "1", "query": "4"}

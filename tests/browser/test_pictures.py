"""Pictures of what is drawn, made in the browser: read back, and compared with the tensor and the screen."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from mha_core import run
from mha_core.figures import theme
from mha_core.presets import PRESETS
from tests.bench.maps import SCALE, TITLE, WORDS, one_head
from tests.browser.driver import SENTENCE, TUTORIAL, channels, near
from tests.browser.maps import maps, maps_server  # noqa: F401 - fixtures
from tests.browser.test_keyboard import focused, tab_to

pytestmark = pytest.mark.browser

PLANTED = PRESETS["planted"].config

SVG = "{http://www.w3.org/2000/svg}"
MARGIN, GAP, SHARP = 12, 14, 2  # as drawing/pens.js and drawing/picture.js have them

SHOWN_TEXTS = """(root) => {
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.parentElement;
    const skipped = at.closest("title, button, select, style, .mha-aside, .mha-tip, .mha-map-tip, " +
      ".mha-grid-keys, .mha-switch, .mha-lens > .mha-caption, [hidden]");
    const { data } = walker.currentNode;
    if (data.trim() && !skipped && at.checkVisibility()) found.push(data);
  }
  return found;
}"""

BOXES = """() => [".mha-head", ".mha-board"].map((each) =>
  attentionExplorer.shown.root.querySelector(each).getBoundingClientRect().toJSON())"""

PLOTTED = """() => {
  const box = (selector) => document.querySelector(selector).getBoundingClientRect();
  const [outer, cells] = [box(".js-plotly-plot"), box(".heatmaplayer image")];
  return [cells.x - outer.x, cells.y - outer.y, cells.width, cells.height];
}"""


def saved(here, form, button="save", place=0):
    """Save a picture through the menu; return the file's name and its bytes."""
    here.page.locator(f'[data-key="{button}"]').nth(place).click()
    with here.page.expect_download() as waiting:
        here.page.locator(f'[data-key="{button}-{form}"]').nth(place).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def parsed(data):
    """The picture as a tree, after it was made sure that it stands alone."""
    text = data.decode()
    assert not re.search(r"<(?:foreignObject|script|style|iframe|use|a)\b", text)
    tree = ElementTree.fromstring(text)
    assert tree.tag == f"{SVG}svg"
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on") and "javascript:" not in value
            if name.endswith("href"):
                assert value.startswith("data:image/png;base64,"), value[:60]
            assert "http" not in value, (name, value)
            for reference in re.findall(r"url\(([^)]*)\)", value):
                assert tree.find(f".//*[@id='{reference.removeprefix('#')}']") is not None, reference
    return tree


def texts_of(tree):
    titles = {each: "".join(each.itertext()) for each in tree.iter(f"{SVG}title")}
    return [
        "".join(each.itertext()).removesuffix("".join(titles[inner] for inner in each.iter(f"{SVG}title")))
        for each in tree.iter(f"{SVG}text")
    ]


def squeezed(text):
    return re.sub(r"\s", "", text)


def assert_holds_every_label(tree, wanted):
    written = squeezed("".join(texts_of(tree)))
    assert len(wanted) > 10
    assert [text for text in wanted if squeezed(text) not in written] == []


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def differing(one, other):
    return (np.abs(one.astype(int) - other.astype(int)).max(axis=2) > 64).mean()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1366), ("dark", 390)])
def test_the_overview_is_saved_as_it_is_seen(visit, browser, scheme, width):
    size = {"width": width, "height": 2600}
    here = visit(context=browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=SHARP))
    here.drawn(SENTENCE)
    name, data = saved(here, "svg")
    assert name == "attention-overview.svg"
    tree = parsed(data)
    assert_holds_every_label(tree, here.root.locator(".mha-overview").evaluate(SHOWN_TEXTS))
    assert tree.find(f"{SVG}title").text == "The whole pipeline at a glance"
    _, png = saved(here, "png")
    picture = pixels(png)
    assert picture.shape[:2] == (SHARP * int(tree.get("height")), SHARP * int(tree.get("width")))
    here.page.mouse.move(1, 1)
    screen = pixels(here.page.screenshot(animations="disabled"))
    part = here.root.locator(".mha-overview").bounding_box()
    left, top = (round(part[side] * SHARP) for side in ("x", "y"))
    inner = picture[MARGIN * SHARP : -MARGIN * SHARP, MARGIN * SHARP : -MARGIN * SHARP]
    high, wide = inner.shape[:2]
    # the page may lie on half a pixel, which the screen rounds its own way
    other = min(differing(screen[top + by : top + by + high, left : left + wide], inner) for by in (-1, 0, 1))
    assert other < 0.012, f"{other:.2%} of the pixels differ"  # letters are smoothed a little otherwise


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_stages_cells_are_saved_in_the_colours_of_their_numbers(visit, scheme):
    weights = run(SENTENCE)["weights"][0]
    here = visit(stage="weights", preset="sentence", scheme=scheme, height=1400)
    here.drawn(SENTENCE)
    here.paint("value")
    name, png = saved(here, "png")
    assert name == "attention-weights.png"
    picture = pixels(png)
    heading, board = here.page.evaluate(BOXES)
    stops = theme.SCALES["probability"].of(scheme)
    hatch = [channels(theme.NEUTRALS[key].of(scheme)) for key in ("hatch_ground", "hatch_line")]
    for head in range(SENTENCE.num_heads):
        for query in range(6):
            for key in range(6):
                # a corner of the cell, where no digit stands
                x, y, width, height = (
                    here.place("weights", (0, head, query, key))[side]
                    for side in ("x", "y", "width", "height")
                )
                across = (x + 0.15 * width - board["x"] + MARGIN) * SHARP
                down = (y + 0.2 * height - board["y"] + MARGIN + heading["height"] + GAP) * SHARP
                found = tuple(int(channel) for channel in picture[round(down), round(across)])
                where = (head, query, key, found)
                if key > query:
                    assert all(
                        min(a, b) - 3 <= c <= max(a, b) + 3 for a, b, c in zip(*hatch, found, strict=True)
                    ), where
                else:
                    wanted = channels(theme.colour_at(stops, float(weights[head, query, key])))
                    assert near(found, wanted, 5), (where, wanted)


def short(weight):
    """A weight in its cell, where no mask hides it."""
    return "<0.01" if weight < 0.005 else f"{weight:.2f}"


def test_a_weight_that_underflows_is_not_called_nothing(visit):
    weights = run(PLANTED)["weights"][0, 4]
    assert (weights == 0).sum() > 100
    here = visit(stage="weights", preset="planted", lens="4.0", width=1900, height=1400)
    here.drawn(PLANTED)
    written = texts_of(parsed(saved(here, "svg")[1]))
    assert "0.00" not in written
    assert written.count("<0.01") == int((weights < 0.005).sum()), "the lens frames the whole of head 4"


def test_a_stage_is_saved_with_its_numbers_words_and_marks_as_text(visit):
    trace = run(SENTENCE)
    here = visit(stage="weights")
    here.drawn(SENTENCE)
    here.follow("weights", (0, 3, 4, 2))
    tree = parsed(saved(here, "svg")[1])
    board = here.root.locator(".mha-board")
    assert_holds_every_label(tree, [*board.evaluate(SHOWN_TEXTS), "weights", "Turn scores into weights"])
    written = texts_of(tree)
    seen = [float(trace["weights"][0, h, q, k]) for h in range(4) for q in range(6) for k in range(q + 1)]
    numbers = [short(weight) for weight in seen]
    for text in {*numbers}:
        assert written.count(text) == numbers.count(text), text
    ring = [each for each in tree.iter(f"{SVG}rect") if each.get("stroke-width") == "2.5"]
    assert ring, "the followed number has no ring"
    assert "shape (1, 4, 6, 6)" in tree.find(f"{SVG}desc").text
    # and the page is as it was: its canvases are pixels again
    assert here.ask("[...shown.root.querySelectorAll('.mha-grid canvas')].every((c) => c.getContext('2d'))")
    x, y = (here.place("weights", (0, 0, 0, 0))[side] + 4 for side in ("x", "y"))
    assert near(here.colours([(x, y)])[0], channels(theme.SCALES["probability"].light[-1]), 5)


def test_words_that_look_like_markup_are_saved_as_text(visit):
    words = '<b>a</b> </svg> "&amp;" שלום'
    config = SENTENCE.but(text=words)
    here = visit(preset="sentence", text=words, stage="weights")
    here.drawn(config)
    written = texts_of(parsed(saved(here, "svg")[1]))
    for word in config.words[0]:
        assert any(word in text for text in written), word


def test_a_long_stage_is_saved_with_its_lens_and_its_batch_item(visit):
    config = TUTORIAL.but(batch_size=2)
    here = visit(preset="tutorial", batch_size=2, batch=1, stage="qkv")
    here.drawn(config, 1)
    name, data = saved(here, "svg")
    assert name == "attention-qkv-tutorial-item-1.svg"
    assert_holds_every_label(parsed(data), here.root.locator(".mha-board").evaluate(SHOWN_TEXTS))


def test_one_of_two_runs_is_saved_with_its_sentence(visit):
    here = visit("/layouts")
    here.wait("shown.run.beside")
    here.at_rest()
    name, data = saved(here, "svg", place=1)
    assert name == "attention-qkv-Read-the-other-way.svg"
    tree = parsed(data)
    right = here.page.locator(".mha-stage").nth(1)
    assert_holds_every_label(tree, right.locator(".mha-sheets").evaluate(SHOWN_TEXTS))
    assert squeezed(right.locator(".mha-beside-said").inner_text()) in squeezed("".join(texts_of(tree)))


def test_the_menu_is_used_by_keys_and_the_focus_comes_back(visit):
    here = visit(stage="q")
    here.drawn(SENTENCE)
    tab_to(here, "save")
    here.page.keyboard.press("Enter")
    tab_to(here, "save-svg", 1)
    here.page.keyboard.press("Escape")
    assert focused(here) == "save"
    here.page.keyboard.press("Enter")
    tab_to(here, "save-png", 2)
    with here.page.expect_download() as waiting:
        here.page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "attention-q.png"
    assert focused(here) == "save"
    here.wait("shown.status.textContent === 'attention-q.png is with your downloads.'")


def test_a_plotly_figure_is_saved_with_its_cells_and_its_words(maps):  # noqa: F811
    weights, _ = one_head(len(WORDS))
    here = maps(figure=1)
    last = here.page.locator("[data-key=save]").count() - 1
    name, data = saved(here, "svg", place=last)
    assert name == "heads-of-this-run.svg"
    tree = parsed(data)
    written = texts_of(tree)
    assert "<b> is text" in written
    assert {str(index) for index in range(8)} <= set(written)
    _, png = saved(here, "png", place=last)
    picture = pixels(png)
    x, y, width, height = here.page.evaluate(PLOTTED)
    for row in range(8):
        for column in range(8):
            across = (x + (column + 0.5) * width / 8 + MARGIN) * SHARP
            down = (y + (row + 0.5) * height / 8 + MARGIN) * SHARP
            wanted = channels(theme.colour_at(SCALE, float(weights.nan_to_num()[row, column])))
            assert near(tuple(picture[round(down), round(across)].astype(int)), wanted, 4), (row, column)


def test_the_links_are_saved_with_their_words(maps):  # noqa: F811
    here = maps(query=4)
    name, data = saved(here, "svg")
    assert name == "links-weights-of-i-head-1-i-query-4.svg"
    tree = parsed(data)
    assert_holds_every_label(tree, here.page.locator(".mha-links-picture").evaluate(SHOWN_TEXTS))
    assert {TITLE, "<b>cat</b> 1", "</script> 2"} <= set(texts_of(tree))
    assert "query 4" in tree.find(f"{SVG}desc").text
    here.page.locator(".mha-links [role=status]").get_by_text(
        "links-weights-of-i-head-1-i-query-4.svg"
    ).wait_for()

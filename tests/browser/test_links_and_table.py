"""The links of one head and its numbers as a table: by keys alone, and told as the tensor has it."""

import itertools
import re

import pytest
import torch

from mha_core.figures.follow import number
from tests.bench.maps import HOSTILE_ROW, TALL, WORDS, one_head, signed_map
from tests.browser.driver import read, same
from tests.browser.maps import maps, maps_server  # noqa: F401 - fixtures
from tests.browser.test_accessible import AXE
from tests.browser.test_keyboard import focused, tab_to

pytestmark = pytest.mark.browser

SHORT, LONG = one_head(len(WORDS)), one_head(TALL)

LINES = """(root) => [...root.querySelectorAll("[data-query]")].flatMap((group) =>
  [...group.children].map((path) => [
    Number(group.dataset.query),
    Number(path.dataset.keyPlace),
    Number(path.getAttribute("stroke-width")),
    Number(path.getAttribute("stroke-opacity")),
  ]))"""

LABELS = """(root) => [...root.querySelectorAll(".mha-links-picture text")].map((each) => {
  const { x, y, width, height } = each.getBoundingClientRect();
  const text = [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("");
  return [text, x, y, width, height];
})"""

GRAVE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const ours = ({ target }) => target.some((part) => Array.isArray(part)); // inside the drawing's shadow root
  return grave.flatMap(({ id, nodes }) => nodes.filter(ours).map(({ target }) => [id, `${target.flat()}`]));
}"""


def links_of(here):
    return here.page.locator(".mha-links")


def server_knows(here, query):
    here.page.get_by_test_id("stText").get_by_text(f"query {query}", exact=True).wait_for()


def name(axis, index):
    """How a token is named: its words as they can be shown, words from right to left held apart."""
    word = WORDS[index]
    return f"{axis} {index} “\u2068{word}\u2069”" if word == "שלום" else f"{axis} {index} “{word}”"


def short(weight):
    return "<0.01" if weight < 0.005 else f"{weight:.2f}"


def drawn_lines(here):
    return {(query, key): (width, opacity) for query, key, width, opacity in links_of(here).evaluate(LINES)}


def picked_sentence(query):
    """The sentence of a picked query, from the tensor."""
    weights, hidden = SHORT
    keys = [key for key in range(len(WORDS)) if not hidden[query, key] and weights[query, key] >= 0.02]
    keys.sort(key=lambda key: -float(weights[query, key]))
    told = ", ".join(f"{name('key', key)} with {short(float(weights[query, key]))}" for key in keys)
    masked = int(hidden[query].sum())
    less = len(WORDS) - masked - len(keys)
    return (
        f"{name('query', query)} looks at {told}. Keys below 0.02: {less}. Keys hidden by the mask: {masked}."
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_weight_is_a_line_as_wide_as_it_is_large(maps, scheme):  # noqa: F811
    weights, hidden = SHORT
    here = maps(scheme=scheme)
    lines = drawn_lines(here)
    seen = [(q, k) for q in range(len(WORDS)) for k in range(len(WORDS)) if not hidden[q, k]]
    assert sorted(lines) == seen  # no line for a hidden key, none for the row that is NaN
    for cell, (width, opacity) in lines.items():
        weight = float(weights[cell])
        assert width == pytest.approx(0.6 + 7 * weight, abs=1e-6), cell
        assert opacity == pytest.approx(max(0.08, weight), abs=1e-6), cell
    texts = [text for text, *_ in links_of(here).evaluate(LABELS)]
    assert texts.count("the 0") == texts.count("the 3") == 2  # repeated words stay apart
    assert "<b>cat</b> 1" in texts and "</script> 2" in texts


def test_a_query_is_picked_by_keys_and_the_server_is_told(maps):  # noqa: F811
    weights, hidden = SHORT
    here = maps()
    tab_to(here, "links")
    for key in ("ArrowDown", "ArrowDown", "End", "ArrowUp", "Home", *["ArrowDown"] * 4):
        here.page.keyboard.press(key)
    option = links_of(here).locator('[role="option"]').nth(4)
    list_ = links_of(here).locator('[role="listbox"]')
    assert list_.get_attribute("aria-activedescendant") == option.get_attribute("id")
    assert option.get_attribute("aria-label") == name("query", 4)
    assert option.get_attribute("aria-selected") == "false"
    here.page.keyboard.press("Enter")
    server_knows(here, 4)
    here.at_rest()
    assert option.get_attribute("aria-selected") == "true"
    assert focused(here) == "links"
    assert links_of(here).locator(".mha-links-sentence").inner_text() == picked_sentence(4)
    assert links_of(here).locator('[role="status"]').inner_text() == picked_sentence(4)
    for (query, key), (_, opacity) in drawn_lines(here).items():
        expected = max(0.08, float(weights[query, key])) if query == 4 else 0.05
        assert opacity == pytest.approx(expected, abs=1e-6)
    texts = [text for text, *_ in links_of(here).evaluate(LABELS)]
    printed = [short(float(w)) for w, off in zip(weights[4], hidden[4], strict=True) if w >= 0.02 and not off]
    assert [text for text in texts if re.fullmatch(r"<?\d\.\d\d", text)] == printed
    assert links_of(here).locator(".mha-links-hidden").count() == int(hidden[4].sum())
    here.page.keyboard.press("Escape")
    server_knows(here, None)
    assert option.get_attribute("aria-selected") == "false"


def test_a_click_picks_and_a_row_of_nan_says_so(maps):  # noqa: F811
    here = maps(query=2)  # picked in the data
    options = links_of(here).locator('[role="option"]')
    assert options.nth(2).get_attribute("aria-selected") == "true"
    assert links_of(here).locator(".mha-links-sentence").inner_text() == picked_sentence(2)
    options.nth(HOSTILE_ROW).click()
    server_knows(here, HOSTILE_ROW)
    here.page.mouse.move(1, 1)
    assert options.nth(2).get_attribute("aria-selected") == "false"
    said = links_of(here).locator(".mha-links-sentence").inner_text()
    assert said.startswith(f"The weights of {name('query', HOSTILE_ROW)} are NaN")
    assert "×" in [text for text, *_ in links_of(here).evaluate(LABELS)]


@pytest.mark.parametrize("width", [1280, 390])
def test_of_many_words_only_the_picked_ones_lines_are_drawn(maps, width):  # noqa: F811
    weights, hidden = LONG
    here = maps(long=True, width=width)
    assert drawn_lines(here) == {}
    # the query whose printed keys lie closest to each other
    told = [[key for key in range(TALL) if weights[query, key] >= 0.02] for query in range(TALL)]
    query = max(range(60, TALL), key=lambda at: sum(b - a < 3 for a, b in itertools.pairwise(told[at])))
    assert any(b - a == 1 for a, b in itertools.pairwise(told[query]))
    links_of(here).locator('[role="option"]').nth(query).click()
    server_knows(here, query)
    here.page.mouse.move(1, 1)
    assert sorted(drawn_lines(here)) == [(query, key) for key in range(TALL) if not hidden[query, key]]
    labels = links_of(here).evaluate(LABELS)
    printed = [text for text, *_ in labels if re.fullmatch(r"<?\d\.\d\d", text)]
    assert printed == [short(float(weights[query, key])) for key in told[query]]
    for i, (one, x, y, wide, high) in enumerate(labels):
        for other, x2, y2, wide2, high2 in labels[i + 1 :]:
            apart = x + wide <= x2 or x2 + wide2 <= x or y + high * 0.75 <= y2 or y2 + high2 * 0.75 <= y
            assert apart, f"{one} lies on {other}"


# The table.


def cell_sentence(table, row, column):
    """What is told of a cell, from the tensor."""
    weights, hidden = table
    value = number(float(weights[row, column]), 9)
    names = (
        (name("query", row), name("key", column))
        if len(weights) == len(WORDS)
        else (f"query {row}", f"key {column}")
    )
    more = ", not a number" if torch.isnan(weights[row, column]) else ""
    more = more or (", hidden by the mask" if hidden[row, column] else "")
    return f"{names[0]}, {names[1]}: {value}{more}"


def line(here, place=0):
    """What is told, its number written as Python writes it."""
    told = here.page.locator(".mha-walk-line").nth(place).inner_text()
    found = re.search(r": (\S+?)(?=,|$)", told)
    if not found:
        return told
    value = read(found[1])
    digits = 17 if told.startswith("sum") else 9
    return told[: found.start(1)] + number(value, digits) + told[found.end(1) :]


def opened(here, place=0):
    """Open a table by keys and go to its first cell."""
    for _ in range(place + 1):
        tab_to(here, "walk-open")
    here.page.keyboard.press("Enter")
    tab_to(here, "walk.0.0", 6)


def test_the_table_is_walked_by_keys_and_every_cell_is_told(maps):  # noqa: F811
    here = maps()
    opened(here)
    assert line(here) == cell_sentence(SHORT, 0, 0)
    keyboard = here.page.keyboard
    walk = [
        ("ArrowDown", 1, 0),
        ("ArrowRight", 1, 1),
        ("ArrowRight", 1, 2),
        ("ArrowUp", 0, 2),
        ("ArrowLeft", 0, 1),
    ]
    walk += [("ArrowLeft", 0, 0), ("ArrowLeft", 0, 0), ("PageDown", 8, 0), ("PageUp", 0, 0)]
    for key, row, column in walk:
        keyboard.press(key)
        assert focused(here) == f"walk.{row}.{column}"
        if row < len(WORDS):
            assert line(here) == cell_sentence(SHORT, row, column)
    for row in range(1, len(WORDS)):  # down the first column: a hidden row of NaN lies on the way
        keyboard.press("ArrowDown")
        assert line(here) == cell_sentence(SHORT, row, 0)
    keyboard.press("ArrowDown")
    assert line(here) == f"sum of {name('key', 0)}: NaN"
    keyboard.press("Control+Home")
    keyboard.press("End")
    assert line(here) == f"sum of {name('query', 0)}: {number(float(SHORT[0][0].double().sum()), 17)}"
    keyboard.press("Control+End")
    assert line(here) == "no number stands here"
    keyboard.press("Escape")
    assert focused(here) == "walk-open"


def test_enter_hands_the_cell_to_the_page(maps):  # noqa: F811
    here = maps()
    opened(here)
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        here.page.keyboard.press(key)
    here.page.get_by_text("cell {'row': 2, 'column': 1}", exact=True).wait_for()
    here.at_rest()
    assert focused(here) == "walk.2.1"  # and the reader stays where he is


def test_the_table_shows_every_digit_under_its_words(maps):  # noqa: F811
    weights, hidden = SHORT
    here = maps()
    opened(here)
    grid = here.page.locator(".mha-walk table").first
    assert grid.get_attribute("role") == "grid"
    assert [grid.get_attribute(f"aria-{axis}count") for axis in ("row", "col")] == ["10", "10"]
    first = int(grid.locator("thead th").first.get_attribute("aria-colindex")) - 2
    wide = grid.locator("thead th").count()
    rows = grid.locator("tbody tr").all()
    for row in range(len(WORDS)):
        shown = rows[row].locator("td").all_inner_texts()
        for column in range(first, min(first + wide, len(WORDS))):
            text = shown[column - first].strip()
            assert same(read(text), read(number(float(weights[row, column]), 9))), (row, column)
        marks = rows[row].locator('td [role="img"]').count()
        assert marks == int(hidden[row, first : first + wide].sum())
    heads = grid.locator("tbody th").all_inner_texts()
    assert heads[0] == "the 0" and heads[3] == "the 3" and heads[2] == "</script> 2" and heads[-1] == "sum"


def test_a_window_follows_the_cursor_through_a_long_map(maps):  # noqa: F811
    here = maps(long=True)
    opened(here)
    keyboard = here.page.keyboard
    built = here.page.locator(".mha-walk").first.locator("td[data-cell]").count()
    assert built <= 12 * 16
    for key, row, column in [
        ("PageDown", 12, 0),
        ("PageDown", 24, 0),
        ("ArrowRight", 24, 1),
        ("End", 24, TALL),  # the sums stand behind the last key
        ("ArrowLeft", 24, TALL - 1),
        ("Control+Home", 0, 0),
        ("Control+End", TALL, TALL),
        ("ArrowUp", TALL - 1, TALL),
        ("ArrowLeft", TALL - 1, TALL - 1),
        ("ArrowLeft", TALL - 1, TALL - 2),
    ]:
        keyboard.press(key)
        assert focused(here) == f"walk.{row}.{column}", key
        if row < TALL and column < TALL:
            assert line(here) == cell_sentence(LONG, row, column)
    assert here.page.locator(".mha-walk").first.locator("td[data-cell]").count() == built


def test_a_signed_map_with_an_infinite_number_is_walked_too(maps):  # noqa: F811
    here = maps()
    opened(here, place=1)
    values = signed_map()
    for row in range(3):
        for column in range(4):
            assert line(here, 1) == f"query {row}, key {column}: {number(float(values[row, column]), 9)}"
            here.page.keyboard.press("ArrowRight")
        here.page.keyboard.press("Home")
        here.page.keyboard.press("ArrowDown")
    assert number(float(values[2, 3]), 9) == "−∞"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_links_and_tables_have_nothing_serious(maps, scheme, width):  # noqa: F811
    here = maps(scheme=scheme, width=width, query=4)
    here.page.evaluate(AXE)
    assert here.page.evaluate(GRAVE) == []
    for button in here.page.locator("[data-key=walk-open]").all():
        button.click()
    here.page.locator("[data-key=save]").first.click()
    assert here.page.evaluate(GRAVE) == []

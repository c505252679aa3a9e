"""The page of the two layouts: the same weights read in two ways, side by side."""

import re

import pytest

from mha_core.figures.follow import number, written
from mha_core.figures.to_bytes import run_id
from mha_core.layouts import read_both_ways
from tests.browser.driver import SENTENCE, TUTORIAL, read, said, same, shown_value, some_cells

pytestmark = pytest.mark.browser

SIDES = ("right", "misread")

NAMED = """(grids, [name, index]) => [
  grids.findIndex((grid) => attentionExplorer.shown.root.contains(grid)),
  attentionExplorer.where(name, index),
]"""


def hovered(here, side, name, index):
    """What one side says of a cell: both have the same grid, the second is the one that the page names."""
    here.wait("shown.root.isConnected && shown.root.querySelector('.mha-grid')?.isConnected")
    grids = here.root.locator(".mha-grid")
    here.place(name, index)
    # in one look: which side the page names changes whenever a side is painted
    named, place = grids.evaluate_all(NAMED, [name, list(index)])
    boxes = [grids.nth(at).bounding_box() for at in (0, 1)]
    mine = SIDES.index(side)
    x = place["x"] + place["width"] / 2 + boxes[mine]["x"] - boxes[named]["x"]
    y = place["y"] + place["height"] / 2 + boxes[mine]["y"] - boxes[named]["y"]
    here.page.mouse.move(1, 1)
    here.page.mouse.move(x, y)
    tip = here.root.nth(mine).locator(".mha-tip")
    tip.wait_for()
    return tip.inner_text()


def test_the_page_is_one_click_away_and_tells_the_largest_difference(visit):
    here = visit(preset="tutorial")
    here.drawn(TUTORIAL)
    here.page.get_by_role("link", name="Two layouts").click()
    here.wait("shown.run.beside && shown.root.isConnected")
    here.at_rest()
    assert here.page.url.startswith(f"{here.base}/layouts?")
    assert here.address["preset"] == "tutorial"
    both = read_both_ways(TUTORIAL)
    text = here.main.inner_text()
    assert number(both.equal) in text
    assert number(both.wrong) in text
    assert both.wrong > 0.1
    assert here.root.count() == 2


def test_the_stage_qkv_leads_to_the_page(visit):
    here = visit(stage="qkv")
    here.drawn(SENTENCE)
    here.key("see-layouts").click()
    here.wait("shown.run.beside && shown.root.isConnected")
    here.at_rest()
    assert here.page.url.startswith(f"{here.base}/layouts")
    assert here.root.count() == 2


def test_both_sides_show_their_own_numbers_of_the_chosen_tensor(visit):
    both = read_both_ways(SENTENCE)
    here = visit("/layouts")
    here.wait("shown.run.beside")
    here.at_rest()
    for name, choose_at in (("qkv", None), ("weights", 0), ("out", 1), ("x", 0)):
        if choose_at is not None:
            here.root.nth(choose_at).locator(f'[data-key="beside-{name}"]').click()
        pressed = here.root.locator('.mha-tabs [aria-pressed="true"]').all_inner_texts()
        assert pressed == [name, name]
        shape = both.right[name].shape
        for index in some_cells(shape, 3):
            for side in SIDES:
                found, at, value = said(hovered(here, side, name, index))
                assert (found, at) == (name, index)
                assert same(value, shown_value(getattr(both, side)[name], index)), (side, name, index)
        told = {each.name: each for each in both.differences}.get(name)
        sentences = here.root.locator(".mha-beside-said").all_inner_texts()
        assert len(sentences) == 2
        for sentence in sentences:
            if told is None:
                assert "same on both sides" in sentence
            else:
                assert written(name, told.index) in sentence
                for fact in (told.mine, told.theirs, told.largest):
                    assert number(fact) in sentence


def test_each_side_is_told_in_words_and_as_a_table_with_every_digit(visit):
    both = read_both_ways(SENTENCE)
    here = visit("/layouts", width=1280)
    here.wait("shown.run.beside && shown.root.isConnected")
    here.at_rest()
    for at in (0, 1):
        here.root.nth(at).locator('[data-key="fold-equivalent"]').click()
    for name in ("qkv", "weights"):  # with a lens, and with a number in every cell
        here.root.nth(0).locator(f'[data-key="beside-{name}"]').click()
        for at, side in enumerate(SIDES):
            mine = here.root.nth(at)
            values = getattr(both, side)[name]
            text = mine.locator(".mha-fold-inside").inner_text()
            assert f"{name} has shape ({', '.join(map(str, values.shape))})" in text
            assert f"to {number(float(values[0].max()))}." in text
            table = mine.locator(".mha-cell-table")
            first = int(re.search(r"columns (\d+) to", table.locator("caption").inner_text())[1])
            row = table.locator("tbody tr").nth(4)
            place = int(re.search(r"\d+", row.locator("th").inner_text())[0])
            index = (0, *[0] * (values.ndim - 3), place, first + 2)
            shown = read(row.locator("td").nth(2).inner_text())
            assert same(shown, shown_value(values, index)), (side, index)
    here.root.nth(1).locator('[data-key="fold-equivalent"]').click()
    here.root.nth(1).locator(".mha-fold-inside").wait_for(state="hidden")
    assert here.root.nth(0).locator(".mha-fold-inside").is_visible(), "each side has its own"


def test_the_way_there_and_back_keeps_the_settings(visit):
    config = TUTORIAL.but(num_heads=4, mask="causal")
    here = visit(preset="tutorial", num_heads=4, stage="scores")
    here.drawn(TUTORIAL.but(num_heads=4))
    here.choose("mask", "causal")
    here.drawn(config)
    here.page.get_by_role("link", name="Two layouts").click()
    here.wait("shown.run.beside && shown.root.isConnected")
    here.at_rest()
    assert here.ask("shown.run.id").startswith(run_id(config))
    assert here.root.locator('.mha-tabs [aria-pressed="true"]').all_inner_texts() == ["scores", "scores"]
    here.page.get_by_role("link", name=re.compile("Walkthrough")).click()
    here.wait("!shown.run.beside")
    here.drawn(config)
    assert here.page.url.startswith(f"{here.base}/?")
    assert here.address["num_heads"] == "4"
    assert here.ask("shown.open") == "scores"


def test_a_link_between_pages_takes_along_what_was_chosen_since_the_server_last_heard(visit):
    here = visit(preset="tutorial", num_heads=4)
    here.ask("shown.set({ stage: 'scores', paint: 'head' })")
    here.main.get_by_role("link", name="Two layouts").click()
    here.wait("shown.run?.beside")
    assert here.ask("[shown.open, shown.view.paint]") == ["scores", "head"]
    here.main.get_by_role("link", name="Walkthrough").click()
    here.wait("!shown.run?.beside && shown.open")
    assert here.ask("[shown.open, shown.view.paint]") == ["scores", "head"]
    assert here.address["stage"] == "scores"


def test_further_sheets_and_windows_of_large_runs_come_when_they_are_opened(visit):
    sizes = {"sequence_length": 128, "num_heads": 64, "d_model": 512}
    config = TUTORIAL.but(**sizes)
    both = read_both_ways(config)
    here = visit("/layouts", preset="tutorial", sequence_length=128, num_heads=64)
    here.wait("shown.run.beside")
    here.at_rest()
    assert here.ask("shown.run.whole") is False
    here.root.nth(1).locator('[data-key="beside-weights"]').click()
    for sheet in (0, 40, 63):
        here.ask("shown.set({ lens: given })", f"{sheet}.0")
        here.wait(f"shown.tensor.at([0, {sheet}, 5, 1]) !== undefined")
        here.at_rest()
        for side in SIDES:
            index = (0, sheet, 5, 1)
            found, at, value = said(hovered(here, side, "weights", index))
            assert (found, at) == ("weights", index)
            assert same(value, shown_value(getattr(both, side)["weights"], index)), (side, sheet)
    here.root.nth(0).locator('[data-key="beside-qkv"]').click()
    here.wait("shown.open === 'qkv'")
    here.at_rest()
    here.ask("shown.set({ lens: '0.1535' })")
    index = (0, 127, 1535)
    here.wait("shown.tensor.at(given) !== undefined", list(index))
    here.at_rest()
    for side in SIDES:
        value = said(hovered(here, side, "qkv", index))[2]
        assert same(value, shown_value(getattr(both, side)["qkv"], index))

"""One number followed, and the link that shows it to somebody else."""

import re

import pytest
import torch

from mha_core import run
from mha_core.figures import theme
from mha_core.figures.follow import Follower, number
from tests.browser.driver import (
    SENTENCE,
    TUTORIAL,
    cell_name,
    channels,
    near,
    read,
    said,
    same,
    shown_value,
)

pytestmark = pytest.mark.browser

STEP = re.compile(r"(\w+)\[([\d, ]+)\]\s*number (\d+) in memory")


def ring_points(place):
    """Points on the ring's four sides: it lies just outside its cell, and is never smaller than 9 pixels."""
    x, y, width, height = (place[side] for side in ("x", "y", "width", "height"))
    across, down = (max(1, (9 - size) / 2) for size in (width, height))
    sides = [(x - across, y + height / 2), (x + width + across, y + height / 2)]
    return [*sides, (x + width / 2, y - down), (x + width / 2, y + height + down)]


def test_a_click_on_a_cell_rings_it_and_tells_its_way_through_the_moves(visit):
    trace = run(TUTORIAL)
    cell = (0, 3, 2, 17)
    here = visit(preset="tutorial", stage="q")
    here.drawn(TUTORIAL)
    here.paint("value")
    ink = channels(theme.NEUTRALS["text"].light)
    place = here.place("q", cell)
    assert not any(near(colour, ink, 8) for colour in here.colours(ring_points(place)))
    here.follow("q", cell)
    assert here.address["cell"] == "q.0.3.2.17"
    here.page.mouse.move(1, 1)
    assert all(near(colour, ink, 8) for colour in here.colours(ring_points(here.place("q", cell))))
    chain = here.root.locator(".mha-chain li").all_inner_texts()
    steps = [STEP.search(" ".join(text.split())) for text in chain]
    told = [(step[1], tuple(map(int, step[2].split(", "))), int(step[3])) for step in steps]
    follower = Follower(trace, "q", cell)
    assert told == [(move["name"], tuple(move["index"]), move["flat"]) for move in follower.moves()]
    column = 3 * 3 * 64 + 17  # head 3, then q before k and v
    assert [(name, index) for name, index, _ in told] == [
        ("qkv", (0, 2, column)),
        ("reshape", (0, 2, 3, 17)),
        ("permute", (0, 3, 2, 17)),
        ("q", cell),
    ]
    assert {float(trace[name][index]) for name, index, _ in told} == {float(trace["q"][cell])}
    for name, index, _ in told[:3]:
        here.key(f"move-{name}").click()
        ring = here.colours(ring_points(here.place(name, index)))
        assert all(near(colour, ink, 8) for colour in ring), name


def test_the_arithmetic_adds_up_to_what_is_shown(visit):
    trace = run(SENTENCE)
    cell = (0, 1, 4, 2)
    here = visit(stage="scores")
    here.drawn(SENTENCE)
    here.follow("scores", cell)
    q, k = trace["q"][0, 1, 4].double(), trace["k"][0, 1, 2].double()
    rows = here.root.locator(".mha-sum-table tbody tr")
    assert rows.count() == SENTENCE.head_dim
    for place in range(SENTENCE.head_dim):
        label, left, right, product = rows.nth(place).locator("th, td").all_inner_texts()
        assert label == f"q[0, 1, 4, {place}] · k[0, 1, 2, {place}]"
        assert same(read(left), shown_value(trace["q"], (0, 1, 4, place)))
        assert same(read(right), shown_value(trace["k"], (0, 1, 2, place)))
        assert read(product) == pytest.approx(float(q[place] * k[place]), abs=1e-12)
    total, shown = here.root.locator(".mha-sum-table tfoot td").all_inner_texts()
    assert read(total) == pytest.approx(float(q @ k), abs=1e-12)
    assert same(read(shown), shown_value(trace["scores"], cell))
    sentence = here.root.locator(".mha-sentence").inner_text()
    assert number(float(trace["scores"][cell])) in sentence
    words = here.root.locator(".mha-follow .mha-list li").all_inner_texts()
    assert words == Follower(trace, "scores", cell).sentences()


def test_a_weight_tells_its_exponentials(visit):
    trace = run(SENTENCE)
    cell = (0, 2, 4, 1)
    here = visit(stage="weights")
    here.drawn(SENTENCE)
    here.follow("weights", cell)
    masked = trace["masked"][0, 2, 4].double()
    powers = torch.exp(masked - masked.max())
    table = here.root.locator(".mha-sum-table")
    terms = table.locator("tbody td:last-child").all_inner_texts()
    assert list(map(read, terms)) == pytest.approx(powers.tolist(), abs=1e-12)
    divisor, total, shown = map(read, table.locator("tfoot td").all_inner_texts())
    assert divisor == pytest.approx(float(powers.sum()), abs=1e-12)
    assert total == pytest.approx(float(powers[1] / powers.sum()), abs=1e-12)
    assert same(shown, shown_value(trace["weights"], cell))


def test_a_followed_number_survives_a_reload_and_can_be_let_go(visit):
    here = visit(stage="v", cell="v.0.1.3.2", paint="value")
    here.drawn(SENTENCE)
    here.wait("shown.followed?.cell === 'v.0.1.3.2'")
    title = here.key("follow-heading").inner_text()
    assert title == f"Following v[0, 1, 3, 2] = {number(float(run(SENTENCE)['v'][0, 1, 3, 2]))}"
    here.page.reload()
    here.wait("shown?.followed?.cell === 'v.0.1.3.2'")
    assert here.key("follow-heading").inner_text() == title
    here.key("stop-line").click()
    assert "cell" not in here.address
    assert here.root.locator(".mha-follow").count() == 0
    assert "Pick any cell" in here.root.locator(".mha-follow-line").inner_text()
    here.at_rest()
    here.page.reload()
    here.wait("shown?.open === 'v'")
    here.drawn(SENTENCE)
    assert here.ask("shown.followed") is None


def test_another_cell_can_be_followed_from_the_same_stage_and_after_a_changed_setting(visit):
    here = visit(stage="scaled")
    here.drawn(SENTENCE)
    here.follow("scaled", (0, 0, 3, 1))
    here.follow("scaled", (0, 2, 5, 4))
    assert here.address["cell"] == "scaled.0.2.5.4"
    here.choose("mask", "none")
    config = SENTENCE.but(mask="none", seed=SENTENCE.seed)
    here.drawn(config)
    here.wait("shown.followed?.run === shown.run.id")
    told = here.key("follow-heading").inner_text()
    assert told == f"Following scaled[0, 2, 5, 4] = {number(float(run(config)['scaled'][0, 2, 5, 4]))}"


def test_a_copied_link_opens_in_another_browser_with_the_same_numbers(visit, browser):
    config = TUTORIAL.but(sequence_length=5, mask="causal", seed=3)
    trace = run(config)
    here = visit(preset="tutorial", sequence_length=5, mask="causal", seed=3, stage="k")
    here.context.grant_permissions(["clipboard-read", "clipboard-write"])
    here.drawn(config)
    here.follow("k", (0, 5, 3, 40))
    here.key("strip.weights").click()
    here.paint("head")
    here.key("copy").click()
    here.wait("shown.copied")
    link = here.page.evaluate("navigator.clipboard.readText()")
    assert link == here.page.url

    there = visit(link.removeprefix(here.base))
    assert there.context is not here.context
    there.drawn(config)
    there.wait("shown.followed?.cell === 'k.0.5.3.40'")
    assert there.ask("[shown.open, shown.paintOf(shown.tensor)]") == ["weights", "head"]
    assert there.address == here.address
    for index in [(0, 5, 3, 1), (0, 7, 4, 4), (0, 0, 0, 0)]:
        line = there.hover("weights", index)
        assert line == here.hover("weights", index)
        assert same(said(line)[2], shown_value(trace["weights"], index))
    there.key("strip.k").click()
    assert same(said(there.hover("k", (0, 5, 3, 40)))[2], shown_value(trace["k"], (0, 5, 3, 40)))
    assert there.root.locator(".mha-follow-line").inner_text().startswith("Following")
    assert cell_name("k", (0, 5, 3, 40)) == there.address["cell"]


def test_without_a_clipboard_the_link_is_shown_to_be_copied_by_hand(visit):
    here = visit(stage="out", init="Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    here.drawn(SENTENCE)
    here.key("copy").click()
    here.wait("shown.linkShown")
    assert here.key("link").input_value() == f"{here.page.url}"
    here.page.keyboard.press("Escape")
    assert here.key("link").count() == 0


def test_a_reload_keeps_stage_paint_and_lens_with_the_followed_cell(visit):
    cell = "k.0.1.2.3"
    here = visit(preset="tutorial", stage="k", cell=cell, paint="head", lens="1.8")
    here.wait("shown.followed?.cell === given", cell)
    before = here.address
    here.page.reload()
    here.wait("shown.followed?.cell === given", cell)
    assert here.address == before
    assert here.ask("[shown.open, shown.view.paint, shown.view.lens]") == ["k", "head", "1.8"]


def test_a_flag_and_a_filled_cell_tell_which_rule_decided(visit):
    config = SENTENCE.but(mask="both", lengths=(5,))
    trace = run(config)
    here = visit(preset="sentence", mask="both", lengths=5, stage="mask")
    here.drawn(config)
    here.follow("mask", (0, 0, 2, 5))
    assert here.key("follow-heading").inner_text() == "Following mask[0, 0, 2, 5] = True"
    rows = here.root.locator(".mha-sum-table tbody tr")
    assert [row.locator("th, td").all_inner_texts() for row in rows.all()] == [
        ["key later than query", "5", "2", "True"],
        ["key at or beyond the length", "5", "5", "True"],
    ]
    assert here.root.locator(".mha-sum-table tfoot td").all_inner_texts() == ["True", "True"]
    words = here.root.locator(".mha-follow .mha-list li").all_inner_texts()
    assert words == Follower(trace, "mask", (0, 0, 2, 5)).sentences()
    assert any("(5 > 2)" in sentence for sentence in words)
    here.key("strip.masked").click()
    here.follow("masked", (0, 1, 2, 5))
    assert here.root.locator(".mha-sum-table tbody tr").all_inner_texts() == ["mask[0, 0, 2, 5]\tTrue"]
    assert here.root.locator(".mha-sum-table tfoot td").all_inner_texts() == ["−∞", "−∞"]
    here.follow("masked", (0, 1, 4, 2))
    kept = number(float(trace["scaled"][0, 1, 4, 2]), 9)
    assert here.root.locator(".mha-sum-table tbody tr").count() == 2
    assert here.root.locator(".mha-sum-table tfoot td").last.inner_text() == kept
    here.key("strip.mask").click()  # ringed there too
    here.page.mouse.move(1, 1)
    ink = channels(theme.NEUTRALS["text"].light)
    ring = here.colours(ring_points(here.place("mask", (0, 0, 4, 2))))
    assert all(near(colour, ink, 8) for colour in ring)

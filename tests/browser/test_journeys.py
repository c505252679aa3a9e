"""What a visitor does, from the first address to a link in somebody else's browser."""

import re
from dataclasses import replace

import pytest

from mha_core import run
from mha_core.figures.follow import Follower, number, written
from mha_core.layouts import read_both_ways
from tests.browser.driver import SENTENCE, TUTORIAL, cell_name, said, shown_value
from tests.server import start_server

pytestmark = pytest.mark.browser

CELL = ("k", (0, 1, 2, 3))


def test_a_bare_address_opens_the_small_sentence(visit):
    here = visit()
    here.drawn(SENTENCE)
    assert here.address == {}
    assert here.ask("shown.run.tokens") == list(SENTENCE.words[0])
    assert here.root.locator("a.mha-block-link, .mha-overview a").count() >= len(run(SENTENCE).names)


def test_a_deep_link_as_the_very_first_visit_opens_its_page_and_no_dialog(visit):
    with start_server() as base:
        here = visit("/layouts", base=base, preset="tutorial")
        here.at_rest()
        assert here.page.get_by_text("Page not found").count() == 0
        assert here.page.get_by_text("Read the other way").first.is_visible()


def test_a_changed_size_is_drawn_and_stands_in_the_address(visit):
    here = visit(preset="tutorial", stage="scores")
    here.drawn(TUTORIAL)
    here.page.locator(".st-key-sequence_length input").focus()
    here.page.keyboard.press("ArrowUp")
    longer = TUTORIAL.but(sequence_length=5)
    here.drawn(longer)
    assert here.address == {"v": "1", "preset": "tutorial", "sequence_length": "5", "stage": "scores"}
    cell = (0, 3, 4, 2)
    assert said(here.hover("scores", cell))[2] == shown_value(run(longer)["scores"], cell)


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_a_chosen_stage_opens_inside_the_window_under_a_strip_that_stays_on_top(visit, width, height):
    here = visit(width=width, height=height)
    here.drawn(SENTENCE)
    here.key("block.permute").or_(here.root.get_by_role("link", name=re.compile("^permute"))).first.click()
    assert here.address["stage"] == "permute"
    heading, strip = here.heading.bounding_box(), here.root.locator(".mha-strip").bounding_box()
    assert heading["y"] >= strip["y"] + strip["height"] - 1
    assert heading["y"] + heading["height"] <= height
    here.page.mouse.move(width / 2, height / 2)
    here.page.mouse.wheel(0, 500)
    here.page.wait_for_timeout(200)
    stays = here.root.locator(".mha-strip").bounding_box()
    assert -1 <= stays["y"] < height / 4, "the strip scrolled away"


def test_at_a_laptops_size_the_first_sheet_is_in_sight_when_a_stage_opens(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.root.get_by_role("link", name=re.compile("^q,")).first.click()
    here.page.wait_for_timeout(700)
    place = here.ask("globalThis.attentionExplorer.where('q', [0, 0, 0, 0])")
    assert place["y"] + place["height"] <= 768


def test_a_clicked_cell_is_followed_by_rings_moves_and_arithmetic(visit):
    here = visit(stage="k")
    here.drawn(SENTENCE)
    name, index = CELL
    here.follow(name, index)
    assert here.address["cell"] == cell_name(name, index)
    trace = run(SENTENCE)
    truth = Follower(trace, name, index)
    text = here.root.locator(".mha-stage").inner_text()
    for move in truth.moves():
        assert f"{move['name']}[{', '.join(map(str, move['index']))}]" in text
    here.key("strip.qkv").click()
    total = truth.sums()["qkv"]["sentence"]
    assert total in here.root.locator(".mha-stage").inner_text()
    one = truth.one["qkv"]
    assert here.ask("shown.followed.marks.qkv.one") == list(one)
    assert written("qkv", one) in here.root.locator(".mha-stage").inner_text()


def test_a_reload_keeps_what_was_on_show(visit):
    name, index = CELL
    here = visit(preset="tutorial", stage=name, cell=cell_name(name, index), paint="head", lens="1.8")
    here.wait("shown.followed?.cell === given", cell_name(name, index))
    before = here.address
    here.page.reload()
    here.wait("shown.followed?.cell === given", cell_name(name, index))
    assert here.address == before
    assert here.ask("[shown.open, shown.view.paint, shown.view.lens]") == [name, "head", "1.8"]


def test_a_copied_link_opens_the_same_numbers_in_a_fresh_profile(visit, browser, server):
    name, index = CELL
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    here = visit(context=context, seed=5, d_model=24, num_heads=3, input_dim=10, stage=name)
    config = TUTORIAL.but(seed=5, d_model=24, num_heads=3, input_dim=10)
    here.drawn(config)
    here.paint("head")
    here.follow(name, index)
    here.key("copy").click()
    link = here.page.evaluate("() => navigator.clipboard.readText()")
    assert "v=1" in link
    fresh = visit(link.removeprefix(server))
    fresh.drawn(config)
    fresh.wait("shown.followed?.cell === given", cell_name(name, index))
    assert fresh.ask("[shown.open, shown.view.paint]") == [name, "head"]
    assert said(fresh.hover(name, index))[2] == shown_value(run(config)[name], index)


def test_back_undoes_a_setting_and_not_a_glance(visit):
    here = visit(preset="tutorial")
    here.drawn(TUTORIAL)
    here.page.locator(".st-key-sequence_length input").focus()
    here.page.keyboard.press("ArrowUp")
    here.drawn(TUTORIAL.but(sequence_length=5))
    here.ask("shown.set({ stage: 'q' })")
    here.ask("shown.set({ stage: 'weights', paint: 'head' })")
    here.page.go_back()
    here.drawn(TUTORIAL)
    assert "sequence_length" not in here.address
    here.page.go_forward()
    here.drawn(TUTORIAL.but(sequence_length=5))


def test_without_a_connection_the_walk_goes_on(visit):
    with start_server() as base:
        here = visit(base=base, preset="tutorial")
        here.drawn(TUTORIAL)
    trace = run(TUTORIAL)
    for name, cell in (("q", (0, 2, 3, 5)), ("weights", (0, 7, 1, 2)), ("out", (0, 3, 511))):
        here.ask("shown.set({ stage: given, lens: null })", name)
        assert said(here.hover(name, cell))[2] == shown_value(trace[name], cell)
    here.ask("shown.set({ stage: 'q', paint: 'head' })")
    assert here.ask("shown.paintOf(shown.tensor)") == "head"
    here.faults.clear()  # the browser tells that the server is gone


def test_a_glance_asks_the_server_nothing_and_is_painted_at_once(visit):
    here = visit(preset="tutorial")
    here.drawn(TUTORIAL)
    sent = []
    here.page.on("websocket", lambda socket: socket.on("framesent", sent.append))
    for change in (
        {"stage": "qkv"},
        {"paint": "token"},
        {"lens": "0.40"},
        {"stage": "weights", "paint": None},
        {"stage": None},
    ):
        painted = here.ask("[shown.paints, shown.set(given), shown.paints]", change)
        assert painted[2] == painted[0] + 1, change
    assert sent == []
    assert here.ask("shown.root.dataset.painted") == str(here.ask("shown.paints"))


def test_two_layouts_show_the_difference_that_there_is(visit):
    both = read_both_ways(SENTENCE)
    here = visit(stage="qkv")
    here.drawn(SENTENCE)
    here.key("see").click()
    here.wait("shown.run?.beside")
    here.at_rest()
    text = here.main.inner_text()
    assert f"the largest difference is {number(both.equal)}" in text
    assert f"differs by up to {number(both.wrong)}" in text
    first = {difference.name: difference for difference in both.differences}["q"]
    here.root.first.locator('[data-key="beside-q"]').click()
    for side in range(2):
        said_there = here.root.nth(side).inner_text()
        assert written("q", first.index) in said_there
        assert number(first.mine) in said_there and number(first.theirs) in said_there


def test_two_visitors_do_not_disturb_each_other(visit, browser):
    one, other = visit(preset="tutorial"), visit(context=browser.new_context())
    one.drawn(TUTORIAL)
    other.drawn(SENTENCE)
    one.page.locator(".st-key-sequence_length input").focus()
    one.page.keyboard.press("ArrowUp")
    one.drawn(TUTORIAL.but(sequence_length=5))
    assert other.ask("shown.run.sizes.token") == SENTENCE.sequence_length
    other.page.reload()
    other.drawn(SENTENCE)


def test_a_wrong_address_is_explained_and_the_page_still_drawn(visit):
    here = visit(num_heads=7, stage="nonsense", cell="q.0.99.0.0", lens="x")
    here.drawn(TUTORIAL)
    text = here.main.inner_text()
    assert "num_heads 7 does not divide d_model 512; 4 or 8 would." in text
    assert "There is no cell q.0.99.0.0" in text
    assert "nonsense" in text


HOSTILE = "<img/src=x/onerror=alert(1)> </script><b>bold</b> שלום 🙂 \u202eabc {name} $x$ **b**"


@pytest.mark.parametrize("stage", [None, "weights", "x"])
def test_hostile_words_are_text_wherever_they_stand(visit, stage):
    config = replace(SENTENCE, text=HOSTILE)
    asked = {"stage": stage} if stage else {}
    here = visit(preset="sentence", text=HOSTILE, **asked)
    here.drawn(config)
    counted = here.ask("shown.root.querySelectorAll('img, script, b b, iframe, object').length")
    assert counted == 0
    if stage:
        cell = (0, 0, 2) if stage == "x" else (0, 0, 2, 0)
        line = here.hover(stage, cell)
        assert said(line)[2] == shown_value(run(config)[stage], cell)
    assert here.ask("shown.run.tokens")[0] == HOSTILE.split(maxsplit=1)[0]

"""Stages in the browser: open, walk, stay in sight; and what needs no server."""

import pytest

from mha_core import run
from tests.browser.driver import SENTENCE, TUTORIAL

pytestmark = pytest.mark.browser


def box_of(locator):
    found = locator.bounding_box()
    return found["y"], found["y"] + found["height"]


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
@pytest.mark.parametrize("name", ["x", "scores", "out"])
def test_an_opened_stage_is_inside_the_window_and_the_strip_stays_on_top(visit, width, height, name):
    here = visit(width=width, height=height)
    here.drawn(SENTENCE)
    here.key(f"block.{name}").click()
    assert here.address["stage"] == name
    here.wait("shown.arrived === given", name)
    top, bottom = box_of(here.heading)
    strip = here.root.locator(".mha-strip")
    assert box_of(strip)[0] >= 0
    assert box_of(strip)[1] <= top + 1, "the strip covers the heading"
    assert bottom < height
    assert here.heading.inner_text().startswith(name)
    if height == 768:
        assert box_of(here.root.locator(".mha-grid"))[0] < height, "the first sheet is below the window"
    assert not here.root.locator(".mha-overview").is_visible()
    current = here.root.locator('.mha-strip [aria-current="step"]')
    assert current.get_attribute("data-key") == f"strip.{name}"
    here.page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    low, high = box_of(strip)
    assert 0 <= low < high < height / 4, "the strip went away with the page"


def test_next_and_previous_walk_every_tensor_in_its_order(visit):
    names = list(run(SENTENCE).names)
    here = visit()
    here.drawn(SENTENCE)
    walked = []
    while here.key("next").is_enabled():
        here.key("next").click()
        walked.append(here.heading.inner_text().split()[0])
        assert here.address["stage"] == walked[-1]
    assert walked == names
    here.key("previous").click()
    assert here.heading.inner_text().startswith(names[-2])
    here.key("strip.").click()
    assert here.root.locator(".mha-overview").is_visible()
    assert "stage" not in here.address


def test_the_shape_of_every_stage_is_told_as_it_ran(visit):
    trace = run(TUTORIAL)
    here = visit(preset="tutorial", stage="x")
    here.drawn(TUTORIAL)
    for name in trace.names:
        here.key(f"strip.{name}").click()
        shapes = here.root.locator(".mha-head-shapes").inner_text()
        assert shapes.endswith(f"({', '.join(map(str, trace[name].shape))})"), (name, shapes)


def test_playing_walks_on_and_a_key_pauses(visit):
    here = visit()
    here.drawn(SENTENCE)
    here.page.clock.install()
    here.key("play").click()
    assert here.ask("shown.open") == "x"
    here.page.clock.run_for(4100)
    assert here.ask("shown.open") == "qkv"
    here.page.keyboard.press("Shift")
    here.page.clock.run_for(9000)
    assert here.ask("shown.open") == "qkv"
    assert here.key("play").inner_text() == "Play"


# What needs no server.

GLANCE = """([key, type]) => new Promise((done) => {
  const { shown } = attentionExplorer;
  const before = shown.paints;
  let frames = 0;
  const frame = () => {
    frames += 1;
    if (shown.paints > before || frames > 20) done([atOnce, shown.paints > before ? frames : null]);
    else requestAnimationFrame(frame);
  };
  const part = shown.root.querySelector(`[data-key="${key}"]`);
  requestAnimationFrame(frame);
  if (type) part.dispatchEvent(new KeyboardEvent("keydown", { key: type, bubbles: true, cancelable: true }));
  else part.click();
  const atOnce = shown.paints > before;
})"""
"""Click or press a key; return whether it was painted before the call ended, and in which frame it was."""


def test_another_stage_or_paint_is_painted_at_once_and_sends_nothing(visit):
    here = visit(preset="tutorial")
    here.drawn(TUTORIAL)
    start = len(here.sent)
    here.choose("mask", "causal")
    here.drawn(TUTORIAL.but(mask="causal"))
    sent = len(here.sent)
    by_a_setting = sent - start
    assert by_a_setting > 0
    names = run(TUTORIAL).names
    glances = [f"block.{names[0]}", *(f"strip.{name}" for name in names[1:]), "strip.qkv"]
    glances += [f"paint-{paint}" for paint in ("head", "role", "token", "value", "taught")]
    glances += ["next", "previous", "strip."]
    for key in glances:
        at_once, frames = here.page.evaluate(GLANCE, [key, ""])
        assert at_once, f"{key} was not painted at once"
        assert frames <= 2, f"{key} was painted in frame {frames}"
    assert len(here.sent) == sent
    here.choose("mask", "none")  # what a glance had been about to send would be sent before this
    here.drawn(TUTORIAL)
    assert len(here.sent) - sent == by_a_setting


def test_the_lens_and_the_theme_change_without_the_server(visit):
    here = visit(preset="tutorial", stage="qkv")
    here.drawn(TUTORIAL)
    sent = len(here.sent)
    here.root.locator(".mha-grid").focus()
    before = here.ask("shown.view.lens")
    here.page.keyboard.press("End")
    assert here.address["lens"] != before
    here.page.emulate_media(color_scheme="dark")
    here.wait("shown.root.classList.contains('dark')")
    here.page.emulate_media(color_scheme="light")
    here.wait("!shown.root.classList.contains('dark')")
    assert len(here.sent) == sent

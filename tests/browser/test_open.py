"""Opening the explorer: a bare address, links, bad links, hostile words, several visitors."""

import pytest

from mha_core import Config, run
from mha_core.config import divisors
from mha_core.errors import ConfigError
from mha_core.figures.to_bytes import run_id
from tests.browser.driver import SENTENCE, TUTORIAL, said, same, shown_value
from tests.server import start_server

pytestmark = pytest.mark.browser


def test_a_bare_address_opens_on_the_small_sentence_with_every_tensor_as_a_block(visit):
    here = visit()
    here.drawn(SENTENCE)
    assert here.address == {}
    trace = run(SENTENCE)
    blocks = here.root.locator("a.mha-block")
    assert blocks.evaluate_all("links => links.map((link) => link.dataset.key)") == [
        f"block.{name}" for name in trace.names
    ]
    for name in trace.names:
        title = here.key(f"block.{name}").get_attribute("aria-label")
        assert title.startswith(f"{name}, shape {' × '.join(map(str, trace[name].shape))}:"), title


def test_a_deep_link_as_the_very_first_visit_after_a_start_opens_its_page_without_a_dialog(visit):
    with start_server() as base:
        here = visit("/layouts", base=base, preset="tutorial", stage="scores")
        here.at_rest()
        assert here.page.get_by_role("dialog").count() == 0
        assert here.page.url.startswith(f"{base}/layouts?")
        assert here.ask("shown.run.id").startswith(run_id(TUTORIAL))
        assert here.root.count() == 2
        here.page.close()


def test_two_visitors_do_not_disturb_each_other_and_a_reload_keeps_the_view(visit):
    one, other = visit(stage="q"), visit(preset="tutorial", stage="weights")
    one.drawn(SENTENCE)
    other.drawn(TUTORIAL)
    one.choose("num_heads", "2")
    mine = SENTENCE.but(num_heads=2)
    one.drawn(mine)
    other.key("strip.out").click()
    other.choose("mask", "causal")
    other.drawn(TUTORIAL.but(mask="causal"))
    one.paint("head")
    one.drawn(mine)
    asked = {"v": "1", "preset": "sentence", "num_heads": "2", "stage": "q", "paint": "head"}
    assert one.address == asked
    one.page.reload()
    one.wait("shown")
    one.drawn(mine)
    assert one.address == asked
    assert one.ask("[shown.open, shown.paintOf(shown.tensor)]") == ["q", "head"]
    assert other.address == {"v": "1", "preset": "tutorial", "mask": "causal", "stage": "out"}
    assert other.ask("shown.open") == "out"


# Bad links.


def test_a_link_with_settings_that_cannot_be_says_so_and_draws_what_can_be(visit):
    with pytest.raises(ConfigError) as refused:
        Config(num_heads=7)
    here = visit(num_heads=7, seed="many", mystery=1)
    heads = min(divisors(Config().d_model), key=lambda heads: abs(heads - 7))
    here.drawn(Config(num_heads=heads))
    said_here = " ".join(here.page.get_by_role("alert").all_inner_texts())
    assert str(refused.value) in said_here
    for word in ("7", "512", "many", "mystery"):
        assert word in said_here
    assert "Traceback" not in here.main.inner_text()


def test_a_link_to_a_view_that_is_not_there_says_so_and_opens_the_overview(visit):
    here = visit(stage="mystery", paint="plaid", lens="top", cell="weights.0.9.9.9")
    here.drawn(SENTENCE)
    said_here = " ".join(here.page.get_by_role("alert").all_inner_texts())
    for word in ("mystery", "plaid", "top", "weights.0.9.9.9"):
        assert word in said_here
    assert here.root.locator(".mha-overview").is_visible()
    here.key("block.weights").click()
    assert said(here.hover("weights", (0, 0, 0, 0)))[0] == "weights"


# A visitor's words.

HOSTILE = [
    "<img/src=x/onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "<b>bold</b>",
    "{cell}&amp;$x$",
    "👩‍🚀",
    "שלום",
    "a\u202eb",
]
"""Words of seven kinds: whatever a word holds, it is text."""


def test_hostile_words_are_shown_as_text_wherever_they_stand(visit):
    text = " ".join(HOSTILE)
    config = SENTENCE.but(text=text)
    trace = run(config)
    here = visit(preset="sentence", text=text, stage="weights")
    here.drawn(config)
    shown = [word.replace("\u202e", "U+202E") for word in HOSTILE]
    for place, word in enumerate(shown):
        line = here.hover("weights", (0, 1, 6, place))
        assert f"key {place} “{word}”" in line.replace("\u2068", "").replace("\u2069", "")
        name, index, value = said(line)
        assert (name, index) == ("weights", (0, 1, 6, place))
        assert same(value, shown_value(trace["weights"], index))
    here.follow("weights", (0, 1, 2, 1))
    words = here.root.locator(".mha-follow .mha-list").inner_text()
    assert "<b>bold</b>" in words
    assert shown[1] in words
    here.key("strip.x").click()
    labels = here.root.locator(".mha-labels text, .mha-labels title").all_text_contents()
    assert any("<b>bold" in label for label in labels)
    here.key("strip.").click()
    assert here.root.locator(".mha-overview").is_visible()
    made = "root => root.querySelectorAll('img, script, iframe, object, [onerror]').length"
    assert here.root.evaluate(made) == 0
    assert here.page.locator("img, [onerror], b:text-is('bold')").count() == 0

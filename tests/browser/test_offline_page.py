"""The page that needs no server: opened from a file with the network off, walked, compared with the trace."""

import json
import re
from collections.abc import Iterator

import pytest

from mha_core import Config, run
from mha_core.figures.to_html import POLICY, to_html
from tests.browser.driver import SENTENCE, TUTORIAL, Visit, cell_name, said, same, shown_value, some_cells
from tests.browser.test_accessible import grave

pytestmark = pytest.mark.browser

LINK = "https://example.org/explorer/?v=1&preset=sentence&text=%3C%2Fscript%3E"
TALL = 2600  # high enough for every grid of the tutorial's size
HOSTILE = '</script><script>alert(1)</script> <b>bold</b> \u202ertl שלום 🙂 "quoted" it\'s --> ${x} <!--'
DOUBLE = Config(
    batch_size=3,
    sequence_length=4,
    input_dim=6,
    d_model=10,
    num_heads=2,
    dtype="float64",
    mask="both",
    lengths=(4, 0, 2),
)


@pytest.fixture
def offline(browser, tmp_path) -> Iterator:
    """Open a page from a file in a tab without a network; any request and any fault fails the test."""
    contexts, visits, asked = [], [], []

    def opened(text: str, width: int = 1366, height: int = TALL, scheme="light", search: str = "") -> Visit:
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_offline(True)
        made = Visit(context.new_page(), "")
        visits.append(made)
        made.page.on("request", lambda request: asked.append(request.url.partition("?")[0]))
        made.page.goto(f"{path.as_uri()}{search}")
        made.wait("shown.root.dataset.run")
        return made

    yield opened
    for context in contexts:
        context.close()
    assert [fault for each in visits for fault in each.faults] == []
    assert len(asked) == len(contexts) and all(url.startswith("file://") for url in asked), asked


@pytest.mark.parametrize(
    ("config", "item"),
    [
        pytest.param(SENTENCE, 0, id="sentence"),
        pytest.param(TUTORIAL, 0, id="tutorial"),
        pytest.param(DOUBLE, 2, id="float64, stacked"),
    ],
)
def test_every_stage_is_walked_and_every_cell_tells_its_exact_number(offline, config, item):
    trace = run(config.but(layout="stacked") if config is DOUBLE else config)
    here = offline(to_html(trace, item=item))
    assert here.root.locator(".mha-overview").is_visible()
    for name in trace.names:
        here.page.keyboard.press("PageDown") if name != trace.names[0] else here.key("next").click()
        assert here.ask("shown.open") == name
        assert here.heading.inner_text().startswith(name)
        for index in ((item, *cell[1:]) for cell in some_cells(trace[name].shape, 3)):
            found, at, value = said(here.hover(name, index))
            assert (found, at) == (name, index)
            assert same(value, shown_value(trace[name], index)), (name, index)
    here.page.keyboard.press("PageUp")
    assert here.ask("shown.open") == trace.names[-2]


def test_a_page_of_the_tutorials_size_is_small_and_holds_one_batch_item():
    pages = {name: to_html(run(config)) for name, config in (("tutorial", TUTORIAL), ("sentence", SENTENCE))}
    assert {name: len(text.encode()) < 500_000 for name, text in pages.items()} == {
        "tutorial": True,
        "sentence": True,
    }
    assert "plotly" not in pages["tutorial"].lower()


def test_it_opens_as_the_view_was_and_paint_lens_and_keys_work(offline):
    trace = run(SENTENCE)
    view = {"stage": "qkv", "paint": "head", "lens": "0.12"}
    here = offline(to_html(trace, view=view, notes=("A note of the run.",)), height=1200)
    assert here.ask("[shown.open, shown.view.paint, shown.view.lens]") == ["qkv", "head", "0.12"]
    assert here.page.locator("#notes").inner_text() == "A note of the run."
    here.paint("value")
    assert here.ask("shown.view.paint") == "value"
    here.key("grid").focus()
    here.page.keyboard.press("End")
    here.page.keyboard.press("ArrowDown")
    last = trace["qkv"].shape[-1] - 1
    assert said(here.tip.inner_text())[:2] == ("qkv", (0, 1, last))
    here.key("strip.weights").click()
    assert here.ask("shown.open") == "weights"
    here.key("keys").click()
    assert here.root.locator("dialog[open]").is_visible()
    assert offline(to_html(trace, view=view), search="?stage=out&paint=value").ask("shown.open") == "out"


def test_the_followed_number_is_known_and_others_lead_to_the_live_view(offline):
    trace = run(SENTENCE)
    cell = ("weights", (0, 1, 4, 2))
    here = offline(to_html(trace, view={"stage": "weights", "cell": cell_name(*cell)}, link=LINK))
    shown = shown_value(trace["weights"], cell[1])
    here.wait("shown.followed?.cell === given", cell_name(*cell))
    assert said(here.root.locator(".mha-follow h3").inner_text().removeprefix("Following "))[2] == shown
    assert here.root.locator(".mha-list li").count() > 5
    here.click_cell("weights", (0, 2, 3, 1))
    line = here.root.locator(".mha-follow-line")
    assert "The way of weights.0.2.3.1 is not in this page." in line.inner_text()
    assert here.key("live").get_attribute("href") == f"{LINK}&stage=weights&cell=weights.0.2.3.1"
    here.key("stop-line").click()
    assert here.ask("shown.followed") is None
    here.key("follow-known").click()
    here.wait("shown.followed?.cell === given", cell_name(*cell))
    assert here.page.locator("#live").get_attribute("href") == LINK
    assert here.key("see").count() == 0  # another page of the app, which is not here


def test_without_a_link_or_a_followed_number_nothing_is_offered_that_is_not_there(offline):
    here = offline(to_html(run(SENTENCE), view={"stage": "q", "cell": "q.0.9.9.9"}))
    assert here.ask("shown.view.cell") is None
    line = here.root.locator(".mha-follow-line")
    assert line.inner_text() == "This page needs no server; a number can be followed in the live view."
    assert here.page.locator('#live[href], [data-key="live"]').count() == 0
    assert here.key("copy").count() == 0
    here.click_cell("q", (0, 1, 2, 3))
    assert "The way of q.0.1.2.3 is not in this page." in line.inner_text()
    assert line.locator("a").count() == 0


def test_batch_items_that_are_not_there_are_said(offline):
    trace = run(DOUBLE)
    here = offline(to_html(trace, item=2, view={"stage": "q", "cell": "q.0.0.0.0"}))
    assert (
        here.page.locator("#batch").inner_text() == "Batch item 2 of 3 is in this page; the others are not."
    )
    assert here.ask("shown.view.cell") is None  # a cell of another item
    assert here.key("item").locator("option").all_inner_texts() == ["2"]
    here.ask("shown.set({ stage: null })")
    assert here.key("batch").locator("option").count() == 1


WORD = re.compile(r"(\{\w+\})")


def translated(text: str) -> str:
    """Another language: every letter of ours turned into a Greek one, the named places left alone."""
    parts = WORD.split(text)
    return "".join(part if WORD.fullmatch(part) else part.translate(GREEK) for part in parts)


GREEK = {ord("a") + at: chr(0x3B1 + at % 24) for at in range(26)}


def in_another(value):
    if isinstance(value, dict):
        return {key: in_another(part) for key, part in value.items()}
    if isinstance(value, list):
        return [in_another(part) for part in value]
    return translated(value) if isinstance(value, str) else value


BLOCK = re.compile(r'(<script type="application/json" id="words">)(.*?)(</script>)', re.DOTALL)

SENTENCES = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, textContent } = walker.currentNode;
    if (!parentElement.closest("script, noscript, style, code, pre, math, dd, dt")) found.push(textContent);
  }
  for (const node of document.body.querySelectorAll("[aria-label], [title]")) {
    found.push(node.getAttribute("aria-label") ?? "", node.getAttribute("title") ?? "");
  }
  return [document.title, ...found];
}"""


def test_all_its_words_are_one_block_that_another_language_can_take(offline):
    trace = run(SENTENCE)
    text = to_html(
        trace, view={"stage": "weights", "cell": "weights.0.1.4.2"}, notes=("A note of the run.",), link=LINK
    )
    words = in_another(json.loads(BLOCK.search(text)[2]))
    words["lang"] = "el"
    block = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    here = offline(BLOCK.sub(lambda found: found[1] + block + found[3], text))
    assert here.page.locator("html").get_attribute("lang") == "el"
    # what is left in our letters: names, numbers, axes and the visitor's words, never a sentence
    ours = re.compile(r"\b(the|of|is|are|and|this|to|in|it|its|by|with|not|every|no|number|numbers)\b")
    names = set("the cat saw small dog".split())
    for stage in (None, *trace.names):
        here.ask("shown.set({ stage: given })", stage)
        here.ask("shown.root.querySelectorAll('details').forEach((fold) => (fold.open = true))")
        here.page.wait_for_timeout(50)  # what is inside a fold is built when it has opened
        for sentence in here.page.evaluate(SENTENCES):
            left = [word for word in ours.findall(sentence) if word not in names]
            assert not left, (stage, sentence)
    assert here.root.locator(".mha-list li").first.inner_text() == words["followed"]["list"][0]
    english = json.loads(BLOCK.search(text)[2])
    assert english["lang"] == "en" and english["page"]["title"] in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_with_the_system_and_nothing_is_grave(offline, scheme):
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 17, 23)"}
    here = offline(
        to_html(run(SENTENCE), view={"stage": "scores", "cell": "scores.0.1.4.2"}, link=LINK), scheme=scheme
    )
    here.wait("shown.followed?.cell")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert here.page.evaluate(ground) == grounds[scheme]
    assert here.ask("shown.look.dark") == (scheme == "dark")
    assert grave(here) == []
    here.ask("shown.set({ stage: null, cell: null })")
    assert grave(here) == []
    other = "dark" if scheme == "light" else "light"
    here.page.emulate_media(color_scheme=other)
    here.wait("shown.look.dark === given", other == "dark")
    assert here.page.evaluate(ground) == grounds[other]


def test_a_phone_shows_it_without_scrolling_sideways(offline):
    trace = run(SENTENCE)
    here = offline(to_html(trace, link=LINK), width=390, height=844)
    for stage in (None, "x", "qkv", "weights", "out"):
        here.ask("shown.set({ stage: given })", stage)
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 390, stage
    assert grave(here) == []


def test_hostile_words_links_and_notes_are_text(offline):
    trace = run(SENTENCE.but(text=HOSTILE))
    link = 'javascript:alert(1)//"><img src=x onerror=alert(1)>'
    text = to_html(trace, view={"stage": "weights", "cell": "weights.0.1.4.2"}, notes=(HOSTILE,), link=link)
    assert text.count("<script") == text.count("</script>") == 5
    assert "<!--" not in text.split("-->", 1)[1]
    here = offline(text)
    here.wait("shown.followed?.cell")
    assert here.page.locator("#notes").inner_text().startswith("</script><script>alert(1)")
    assert here.page.locator('img[src="x"], script:text-is("alert(1)")').count() == 0
    assert here.page.get_by_text("bold", exact=True).count() == 0
    assert here.page.locator("#live[href]").count() == 0
    assert trace.config.words[0][0] in here.hover("weights", (0, 0, 0, 0))
    here.page.locator("footer summary").click()
    assert here.page.locator("#settings").inner_text().count(trace.config.text) == 1


def test_its_policy_lets_nothing_in_or_out(offline):
    text = to_html(run(SENTENCE))
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in text
    assert POLICY.startswith("default-src 'none'") and "connect-src" not in POLICY
    here = offline(text)
    blocked = here.page.evaluate(
        """async () => {
          const heard = new Promise((done) => addEventListener("securitypolicyviolation", done));
          await fetch("data:,x").catch(() => null);
          return (await heard).effectiveDirective;
        }"""
    )
    assert blocked == "connect-src"
    here.faults.clear()  # the browser tells its console of what was just tried

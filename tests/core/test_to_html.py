"""The page that needs no server, as text: what it holds, what it says, what it refuses."""

import base64
import json
import re
import zlib

import pytest

from mha_core import Config, run
from mha_core.errors import InputError
from mha_core.figures import cells, to_html
from mha_core.figures.theme import NEUTRALS
from mha_core.figures.to_bytes import unpack, unpacked
from tests.core.grid import small

BLOCK = re.compile(r'<script type="(?:application/json|text/plain)" id="(\w+)">(.*?)</script>', re.DOTALL)


def blocks(text):
    """Words, facts and numbers of a page."""
    found = dict(BLOCK.findall(text))
    packed = {
        name: zlib.decompress(base64.b64decode(found[name])) for name in ("facts", "numbers", "drawing")
    }
    return (
        json.loads(found["words"]),
        json.loads(packed["facts"]),
        packed["numbers"],
        packed["drawing"].decode(),
    )


def numbers_of(data):
    header, buffers = unpack(data)
    return header, {
        tensor["name"]: [unpacked(piece, buffers) for piece in tensor["pieces"]]
        for tensor in header["tensors"]
    }


def test_every_number_of_the_batch_item_is_in_the_page():
    trace = run(small(mask="causal", layout="stacked"))
    _, _, data, _ = blocks(to_html.to_html(trace, item=1))
    header, found = numbers_of(data)
    assert header["item"] == 1 and header["notes"] == []
    for name in trace.names:
        (piece,) = found[name]
        assert (piece == trace[name][1:2].numpy()).all(), name


def test_a_run_that_the_app_sends_in_parts_is_whole_in_the_page():
    trace = run(Config(sequence_length=128, input_dim=3, d_model=8, num_heads=8))
    assert not cells.describe(trace).whole
    header, found = numbers_of(blocks(to_html.to_html(trace))[2])
    assert header["whole"]
    assert all(piece[0].shape == (1, *trace[name].shape[1:]) for name, piece in found.items())


def test_a_batch_item_that_no_page_can_hold_is_refused(monkeypatch):
    monkeypatch.setattr(to_html, "MOST", 2_000_000)
    config = Config(sequence_length=128, input_dim=3, d_model=8, num_heads=8)
    with pytest.raises(InputError, match="holds 2 MB of numbers, and a page holds at most 2 MB"):
        to_html.to_html(run(config))


@pytest.mark.parametrize("cell", ["out.0.3.2", "mask.0.0.2.4", "weights.0.2.4.1", "x.0.1.2"])
def test_every_sentence_is_among_the_words(cell):
    config = Config(input="words", text="a b c d e f g", input_dim=13, d_model=55, num_heads=5, mask="both")
    words, facts, data, _ = blocks(to_html.to_html(run(config), view={"cell": cell}))
    assert facts["followed"]["cell"] == cell and words["followed"]["list"]
    header, _ = unpack(data)
    code = {"code", "formula", "filled"}

    def texts(value, key=""):
        if isinstance(value, dict):
            for name, part in value.items():
                yield from texts(part, name)
        elif isinstance(value, list):
            for part in value:
                yield from texts(part, key)
        elif isinstance(value, str) and key not in code:
            yield value

    plain = [text for part in (facts["constant"], facts["followed"], header) for text in texts(part)]
    sentence = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
    axes = {edges for edges in facts["constant"]["edges"]} | {tensor["axes"] for tensor in header["tensors"]}
    assert [text for text in plain if sentence.search(text) and text not in axes] == []
    assert len([text for text in texts(words) if sentence.search(text)]) > 80


def test_the_followed_cell_is_of_this_batch_item_or_none():
    trace = run(small())
    for cell, known in (("q.1.0.0.0", True), ("q.0.0.0.0", False), ("q.9.9.9.9", False), ("", False)):
        words, facts, *_ = blocks(to_html.to_html(trace, item=1, view={"stage": "q", "cell": cell}))
        assert (facts["followed"] is not None) == known == ("followed" in words), cell
        assert facts["view"] == {
            "stage": "q",
            "cell": cell if known else None,
            "paint": None,
            "lens": None,
            "batch": "1",
        }
    assert blocks(to_html.to_html(trace, view={"stage": "<b>"}))[1]["view"]["stage"] is None
    view = {"stage": "weights", "paint": "value", "lens": "1.2"}
    assert blocks(to_html.to_html(trace, view=view))[1]["view"] == {**view, "cell": None, "batch": None}


def test_the_page_has_the_colours_that_the_app_has():
    text = to_html.to_html(run(small()))
    for theirs, ours in (("text", "text"), ("background", "page"), ("secondary-background", "panel")):
        found = re.findall(rf"--st-{theirs}-color: (.*?);", text)
        assert found == [NEUTRALS[ours].light, NEUTRALS[ours].dark], theirs


def test_settings_are_written_as_they_are_read():
    config = small(mask="padding", lengths=(7, 4))
    settings = dict(blocks(to_html.to_html(run(config)))[1]["settings"])
    assert (settings["lengths"], settings["jobs"], settings["bias"]) == ("7, 4", "", "True")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//x.org", " https://x.org", "file:///x"]
)
def test_only_links_to_the_web_are_kept(link):
    assert blocks(to_html.to_html(run(small()), link=link))[1]["link"] == ""
    assert blocks(to_html.to_html(run(small()), link="https://x.org"))[1]["link"] == "https://x.org"


def test_no_text_ends_a_block():
    text = to_html.to_html(run(small()), notes=("</script><!-- <script>",))
    assert text.count("</script>") == 5
    assert blocks(text)[0]["notes"] == ["</script><!-- <script>"]


def test_the_same_view_is_the_same_page():
    trace = run(small())
    assert to_html.to_html(trace, view={"stage": "q"}) == to_html.to_html(trace, view={"stage": "q"})

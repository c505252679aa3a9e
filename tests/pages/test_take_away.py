"""What a page hands out: every file is made of the run that is shown, and the link opens the same view."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
import torch
from safetensors.torch import load
from streamlit.runtime.media_file_manager import MediaFileManager

from mha_core import run
from mha_core.figures.to_html import to_html
from mha_core.parameters import parameter_trace
from mha_core.presets import PRESETS
from mha_core.takeaway import files
from mha_core.takeaway.notebook import notebook
from mha_core.takeaway.script import script
from pages.frame import show, take
from pages.frame.words import WORDS
from tests.pages.opened import config_of, opened, sentences

HOSTILE = 'the <b>cat</b> =1+1 </script> "x" & שלום 🙂'
PAGES = ("", "pages/learn/layouts.py", "pages/learn/heads.py", "pages/learn/reference.py")


@pytest.fixture
def offered(monkeypatch):
    """What the last run of a page offers: the files' makers by name."""
    made = {}

    def add(self, maker, mimetype, coordinates, file_name=None, **rest):
        made[file_name] = maker
        return file_name

    monkeypatch.setattr(MediaFileManager, "add_deferred", add)
    return made


def on_page(address, page):
    """A session on a page, whether or not the page draws a run."""
    session = opened(address)
    if page:
        session.query_params = dict(address)
        session.switch_page(page).run()
        assert not session.exception
    return session


def taken(address, page=""):
    """A session with the popover open."""
    session = on_page(address, page)
    session.session_state["take"] = True
    return session.run()


def shown_codes(session):
    """Link, script and frame, as they stand in the popover."""
    return [each.value for each in session.get("code")]


def test_every_file_is_made_of_the_run_that_is_shown(offered):
    view = {"stage": "weights", "cell": "weights.0.1.4.2", "paint": "value", "lens": "1.2"}
    session = taken({"v": "1", "preset": "sentence", **view})
    link, code, _ = shown_codes(session)
    trace = run(config_of(session))
    assert list(offered) == [
        "attention-sentence.py",
        "attention-sentence.ipynb",
        "attention-sentence.safetensors",
        "attention-sentence.npz",
        "attention-sentence-weights.csv",
        "attention-sentence-weights.html",
    ]
    made = {name.partition(".")[2]: maker() for name, maker in offered.items()}
    assert made["py"] == script(trace, link) == code + "\n"
    assert made["ipynb"] == notebook(trace, link)
    assert made["safetensors"] == files.safetensors_bytes(trace, link)
    for name, tensor in load(made["safetensors"]).items():
        if "." not in name:
            assert torch.equal(tensor, trace[name]), name
    assert made["npz"] == files.npz_bytes(trace, link)
    assert made["csv"] == files.csv_text(trace, "weights")
    assert made["html"] == to_html(trace, view=view, link=link, notes=show.notes_of(trace))


def test_the_link_holds_settings_and_view_and_opens_the_same_again(offered):
    address = {"text": HOSTILE, "mask": "both", "dtype": "float64", "stage": "q", "lens": "0.1", "head": "2"}
    session = taken(address)
    link = shown_codes(session)[0]
    asked = dict(parse_qsl(urlsplit(link).query))
    assert asked["text"] == HOSTILE and asked["stage"] == "q" and asked["lens"] == "0.1"
    assert "<" not in link and '"' not in link and " " not in link
    assert config_of(opened(asked)) == config_of(session)
    assert next(iter(offered)) == "attention-tutorial-changed.py"


def test_a_bare_address_gives_a_link_that_says_its_preset(offered):
    assert shown_codes(taken({}))[0] == "/?v=1&preset=sentence"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_made_while_it_is_closed(offered, page, monkeypatch):
    monkeypatch.setattr(take, "taken", lambda path: pytest.fail("made while closed"))
    session = on_page({}, page)
    assert not offered
    assert [each.proto.popover.label for each in session.get("popover")].count(WORDS["take"]) == 1


@pytest.mark.parametrize("page", PAGES)
def test_it_is_on_every_page(offered, page):
    taken({"stage": "scores"}, page)
    assert [name.rpartition(".")[2] for name in offered] == [
        "py",
        "ipynb",
        "safetensors",
        "npz",
        "csv",
        "html",
    ]


def test_in_the_overview_there_is_no_table_and_a_sentence_says_why(offered):
    session = taken({"preset": "class", "batch": "7"})
    assert [name for name in offered if name.endswith("csv")] == []
    assert "attention-class-overview.html" in offered
    said = " ".join(each.value for each in session.caption)
    assert WORDS["take_no_stage"] in said
    assert "Batch item 7 of 30 is in it." in said
    trace = run(config_of(session))
    assert '"batch": "Batch item 7 of 30' in offered["attention-class-overview.html"]()
    assert len(offered["attention-class.safetensors"]()) > files.files_bytes(trace)


def test_the_notebook_draws_the_batch_item_in_front(offered):
    session = taken({"preset": "class", "batch": "7"})
    link, *_ = shown_codes(session)
    assert offered["attention-class.ipynb"]() == notebook(run(config_of(session)), link, item=7)


def test_the_link_is_for_a_page_of_its_own_also_where_the_view_is_embedded(offered, monkeypatch):
    monkeypatch.setattr(take, "_address", lambda **given: None)  # here no browser tells its address
    session = opened()
    session.session_state["take"] = True
    told = "?v=1&embed=true&embed_options=dark_theme&stage=q"
    session.session_state["take-address"] = SimpleNamespace(search=told)
    assert shown_codes(session.run())[0] == "/?v=1&preset=sentence&stage=q"


def test_the_page_of_heads_links_to_the_page_where_all_can_be_walked(offered, monkeypatch):
    monkeypatch.setattr(type(take.st.context), "url", "https://x.org/a/heads")
    link, *_ = shown_codes(taken({"preset": "sentence"}, "pages/learn/heads.py"))
    assert link.startswith("https://x.org/a/heads?v=1&preset=sentence")
    page = offered["attention-sentence-weights.html"]()
    trace = run(PRESETS["sentence"].config)
    walk = link.replace("/a/heads?", "/a/?") + "&stage=weights"
    assert page == to_html(trace, view={"stage": "weights"}, link=walk, notes=show.notes_of(trace))


def test_what_changes_in_a_file_is_said(offered):
    for text in ("a =1", "a b\n@c"):
        assert WORDS["take_formula"] in taken({"text": text, "stage": "x"}).caption[1].value
    assert not any(WORDS["take_formula"] in each.value for each in taken({"text": "a", "stage": "x"}).caption)
    said = " ".join(each.value for each in taken({"text": "=1 a", "dtype": "bfloat16", "stage": "x"}).caption)
    assert WORDS["take_widened"] in said and WORDS["take_formula"] in said


def test_what_is_too_large_is_a_sentence(offered, monkeypatch):
    monkeypatch.setattr(take, "MOST", 1000)
    monkeypatch.setattr(take, "MOST_ROWS", 10)
    monkeypatch.setattr(take.to_html, "MOST", 1000)
    said = sentences(taken({"preset": "sentence", "stage": "qkv"}))
    assert [name.rpartition(".")[2] for name in offered] == ["py", "ipynb"]
    assert "up to 0.001 MB are offered as a file" in said[0]
    assert said[1] == "qkv has 576 cells; tensors of up to 10 are offered as a table."
    assert "up to 0.001 MB fit into a page" in said[2]


def test_a_large_file_says_its_size(offered):
    session = taken({"preset": "class"})
    labels = [each.label for each in session.get("download_button")]
    assert "All (.safetensors) · 12.7 MB" in labels and "Script (.py)" in labels


class Frames(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_frame_holds_a_link_and_no_script(offered):
    link, _, frame = shown_codes(taken({"text": HOSTILE}))
    ((tag, attributes),) = Frames(frame).tags
    assert tag == "iframe" and attributes["title"] == WORDS["title"] and "src" not in attributes
    inside = Frames(attributes["srcdoc"]).tags
    assert [tag for tag, _ in inside] == ["html", "body", "a"]
    assert inside[-1][1]["href"] == f"{link}&embed=true"


@pytest.mark.parametrize(
    ("address", "path", "root"),
    [
        ("https://x.org/", "", "https://x.org/"),
        ("https://x.org/a/layouts", "layouts", "https://x.org/a/"),
        ("https://x.org/layouts/", "layouts", "https://x.org/"),
        ("https://x.org/layouts/heads", "heads", "https://x.org/layouts/"),
        ("https://x.org/b", "", "https://x.org/b"),
    ],
)
def test_a_page_of_the_view_leads_to_the_page_where_all_can_be_walked(address, path, root):
    assert take.root_of(address, path) == root


def test_a_page_of_heads_opens_at_the_tensor_on_show(offered):
    taken({"preset": "sentence", "stage": "qkv"}, "pages/learn/heads.py")
    assert "attention-sentence-weights.html" in offered and "attention-sentence-weights.csv" in offered
    offered.clear()
    taken({"preset": "sentence", "stage": "scaled", "head": "2"}, "pages/learn/heads.py")
    assert "attention-sentence-scaled.html" in offered


@pytest.mark.parametrize(
    ("asked", "view"),
    [
        ({"head": "2"}, {"stage": "weights", "lens": "2.0"}),
        ({"head": "2", "of": "1", "query": "3", "key": "0"}, {"lens": "2.0", "cell": "weights.0.1.3.0"}),
        ({"stage": "scaled", "query": "3", "key": "1"}, {"stage": "scaled", "cell": "scaled.0.0.3.1"}),
        ({"head": "mean", "query": "3"}, {"stage": "weights"}),
    ],
)
def test_a_page_of_heads_opens_at_the_head_and_the_cell_in_front(offered, monkeypatch, asked, view):
    opens = []
    monkeypatch.setattr(take.to_html, "to_html", lambda trace, **given: opens.append(given) or "")
    taken({"preset": "sentence", **asked}, "pages/learn/heads.py")
    next(made for name, made in offered.items() if name.endswith(".html"))()
    shown = {key: value for key, value in opens[0]["view"].items() if value}
    assert shown == {"stage": "weights", **view}
    assert all(f"{key}={value}" in opens[0]["link"] for key, value in view.items())


def test_an_open_weight_is_taken_as_a_table_and_as_a_page(offered):
    config = PRESETS["sentence"].config
    drawn = parameter_trace(config, run(config).parameters)
    session = taken({"preset": "sentence", "stage": "q_weight"}, "pages/learn/weights.py")
    assert WORDS["take_page_layers"] in [each.value for each in session.caption]
    assert not any(WORDS["take_no_stage"] in each.value for each in session.caption)
    assert offered["attention-sentence-q_weight.csv"]() == files.csv_text(drawn, "q_weight")
    link = shown_codes(session)[0]
    wanted = {"view": {"stage": "q_weight"}, "link": link, "settings": config}
    assert offered["attention-sentence-q_weight.html"]() == to_html(drawn, **wanted)
    assert "head_dim" in offered["attention-sentence-q_weight.csv"]()
    offered.clear()
    taken({"preset": "class", "batch": "7"}, "pages/learn/weights.py")
    assert '"item": 7' not in offered["attention-class-layers.html"](), "weights have no batch"


def test_the_notebook_of_a_page_is_json(offered):
    taken({"text": HOSTILE})
    json.loads(offered["attention-tutorial-changed.ipynb"]())

"""The Reference page: every row is there, sizes and shapes follow the settings, links lead where they say."""

import math
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from mha_core import Config, costs, run
from mha_core.axes import WORDS as MEANINGS
from mha_core.axes import edges, shape_of
from mha_core.figures.follow import written
from mha_core.figures.theme import AXES
from mha_core.listing import whole
from mha_core.names import LIBRARIES
from mha_core.presets import PRESETS
from mha_core.run import pipeline_for
from mha_core.symptoms import SYMPTOMS, cell_for, settings_for
from pages.frame import tables
from pages.frame.show import as_text
from pages.frame.words import WORDS
from tests.pages.opened import address, config_of, followed, opened, rendered, sentences
from tests.server import APP

PAGE, WALKTHROUGH = "pages/learn/reference.py", "pages/learn/walkthrough.py"
SECTIONS = ("listing", "axes", "names", "costs", "symptoms", "others")
CAPTIONS = ("axes", "names", "libraries", "parameters", "flops", "memory", "others")
HEADS = {
    "axes": ["axis", "size", "meaning"],
    "libraries": ["code", "rows of the projection", "read in"],
    "parameters": ["parameter", "numbers", "product of", "with these sizes"],
    "flops": ["makes", "FLOPs", "product of", "with these sizes", "step"],
    "memory": ["tensor", "bytes held", "memory", "numbers", "shape"],
    "others": ["tensor", "what to look at"],
}


@dataclass
class Read:
    """A table as a reader meets it."""

    label: str
    caption: str = ""
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Reads tables; refuses tags that no table of facts has."""

    TAGS = frozenset("div table caption thead tbody tfoot tr th td code span".split())

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Read] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag in self.TAGS, tag
        given = dict(attrs)
        self.inside.append(tag)
        if tag == "div":
            assert given["role"] == "region" and given["tabindex"] == "0"
            self.found.append(Read(given["aria-label"]))
        if tag == "th":
            assert given["scope"] == ("col" if "thead" in self.inside else "row")
        if tag == "tr" and "tbody" in self.inside:
            self.found[-1].rows.append([])
        if tag in ("th", "td"):
            self.line.append("")

    @property
    def line(self) -> list[str]:
        table = self.found[-1]
        return (
            table.heads
            if "thead" in self.inside
            else table.foot
            if "tfoot" in self.inside
            else table.rows[-1]
        )

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if "caption" in self.inside:
            self.found[-1].caption += data
        else:
            assert "th" in self.inside or "td" in self.inside, data
            self.line[-1] += data


def reference(asked: dict[str, str] | None = None) -> AppTest:
    """A session at an address, on this page."""
    session = AppTest.from_file(str(APP), default_timeout=30)
    session.query_params.update(asked or {})
    session.run()
    session.query_params = dict(asked or {})
    session.switch_page(PAGE).run()
    return fine(session)


def fine(session: AppTest) -> AppTest:
    assert not session.exception, [each.value for each in session.exception]
    return session


def bodies(session: AppTest) -> list[str]:
    return [each.proto.body for each in session.get("html")]


def read(session: AppTest) -> dict[str, Read]:
    """Every table of the page by the key of its caption."""
    found: dict[str, Read] = {}
    for body in bodies(session):
        if body.startswith('<div class="facts"'):
            reader = Reader()
            reader.feed(body)
            assert reader.inside == []
            (table,) = reader.found
            assert table.label == table.caption
            assert {len(row) for row in [table.heads, *table.rows]} == {len(table.heads)}
            (key,) = [name for name in CAPTIONS if WORDS[f"caption_{name}"] == table.caption]
            found[key] = table
    return found


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.fixture(scope="module")
def first() -> AppTest:
    return reference()


SHOWN = {
    "first": {},
    "stacked": {"preset": "class", "batch_size": "2", "layout": "stacked", "mask": "both", "bias": "false"}
    | {"dtype": "float64"},
    "ones": {"preset": "tutorial"}
    | dict.fromkeys(["sequence_length", "input_dim", "d_model", "num_heads"], "1"),
}


@pytest.fixture(scope="module", params=SHOWN)
def shown(request) -> tuple[AppTest, Config]:
    session = reference(SHOWN[request.param])
    return session, session.session_state["_settled"].config


# Every row is there, with the sizes of the settings.


def test_every_section_and_every_table_is_there(shown):
    session, _ = shown
    headings = [each.value for each in session.subheader]
    assert headings == [WORDS[f"section_{name}"] for name in SECTIONS]
    assert tuple(read(session)) == CAPTIONS
    (top,) = [body for body in bodies(session) if 'class="contents"' in body]
    for name, anchor in zip(SECTIONS, session.subheader, strict=True):
        assert anchor.anchor == name
        assert f'<a href="#{name}">{WORDS[f"section_{name}"]}</a>' in top
    assert sum('class="proofs"' in body for body in bodies(session)) == 1
    assert sentences(session) == []


def test_what_a_section_is_about_stands_above_it_and_the_call_that_compares_can_be_copied(first):
    told = [each.value for each in first.markdown]
    for name in SECTIONS:
        call = 'trace.first_difference({"scores": mine})'
        assert WORDS[f"about_{name}"].replace("{call}", call) in told
    assert any(call in each for each in told)


def test_every_column_has_its_head(first):
    found = read(first)
    assert {name: found[name].heads for name in HEADS} == HEADS


def test_numbers_stand_to_the_right_below_their_head_and_no_other_column_does():
    html = tables.Table("c", ["a", "n", "b"], [("x", 1, "y")], ("all", 2, "")).html()
    assert '<th scope="col">a</th><th scope="col" class="number">n</th><th scope="col">b</th>' in html
    assert '<th scope="row">x</th><td class="number">1</td><td>y</td>' in html
    assert '<th scope="row">all</th><td class="number">2</td><td></td>' in html
    assert tables.code("") == ""


def test_the_listing_is_the_whole_code_with_the_shapes_of_the_run(shown):
    session, config = shown
    (listing,) = session.code
    assert listing.value == whole(run(config)).rstrip("\n")
    for stage in pipeline_for(config):
        for made in stage.makes:
            shape = shape_of(made.axes, config.sizes)
            assert f"# {made.name}: {shape} = {made.axes}" in listing.value.splitlines()


def test_the_glossary_has_every_axis_with_its_size_meaning_and_colour(shown):
    session, config = shown
    rows = {row[0]: row[1:] for row in read(session)["axes"].rows}
    assert [*rows][: len(MEANINGS)] == [*MEANINGS]
    for word, meaning in MEANINGS.items():
        assert rows[word] == [f"{config.sizes[word]:,}" if word in config.sizes else "", meaning]
        assert f".axis-{word} {{ color: light-dark({AXES[word].light}, {AXES[word].dark}); }}" in tables.STYLE
    axes = {
        f"({' '.join(edge.words)})"
        for stage in pipeline_for(config)
        for made in stage.makes
        for edge in edges(made.axes)
        if len(edge.words) > 1
    }
    shared = [*rows][len(MEANINGS) :]
    assert {*shared} == axes
    for name in shared:
        assert number(rows[name][0]) == shape_of(name, config.sizes)[0]
        assert f"called {edges(name)[0].label}." in rows[name][1]
        words = edges(name)[0].words
        sizes = " · ".join("3" if word == "qkv" else str(config.sizes[word]) for word in words)
        assert f"that {words[-1]} changes" in rows[name][1] and f": {sizes} numbers" in rows[name][1]
    glossary = next(body for body in bodies(session) if WORDS["caption_axes"] in body)
    assert '(<span class="axis-head">head</span> <span class="axis-head_dim">head_dim</span>)' in glossary


def test_every_layer_and_tensor_stands_beside_its_names(shown):
    session, config = shown
    table = read(session)["names"]
    assert table.heads == [WORDS["column_here"], *(library.label for library in LIBRARIES.values())]
    expected = []
    for stage in pipeline_for(config):
        expected += [[each.name, *each.also.in_order()] for each in (*stage.layers, *stage.makes)]
    assert table.rows == expected
    libraries = read(session)["libraries"].rows
    assert [row[0] for row in libraries] == table.heads[1:]
    assert [row[2] for row in libraries] == [library.read_in for library in LIBRARIES.values()]
    assert [row[1] for row in libraries] == [WORDS[f"lies_{each.layout}"] for each in LIBRARIES.values()]


def test_costs_are_those_of_the_run(shown):
    session, config = shown
    trace, found = run(config), read(session)
    layers = trace.parameters.items()
    weights = {
        f"{name}.{kind}": each.numel() for name, layer in layers for kind, each in layer.named_parameters()
    }
    assert {row[0]: number(row[1]) for row in found["parameters"].rows} == weights
    assert number(found["parameters"].foot[1]) == sum(weights.values())
    held = sum(each.nbytes for layer in trace.parameters.values() for each in layer.parameters())
    told = f"In {config.dtype} they take {held:,} bytes."
    assert told in [each.value for each in session.markdown]
    flops = {row[0]: row for row in found["flops"].rows}
    assert [*flops] == [", ".join(made.name for made in stage.makes) for stage in trace.pipeline]
    counted = {name for name, row in flops.items() if number(row[1])}
    assert counted == {"qkv", "scores", "context", "out"}
    for name, row in flops.items():
        product = math.prod(map(int, row[3].split(" × "))) if row[3] else 0
        assert number(row[1]) == product
        moves = trace.stage(name.split(",")[0]).moves
        assert name in counted or row[2] == WORDS["only_moves" if moves else "not_counted"]
        assert row[4] == trace.stage(name.split(",")[0]).title
    by_hand = {row[0]: row[2:] for row in found["parameters"].rows}
    assert by_hand["out_layer.weight"] == ["d_model × d_model", f"{config.d_model} × {config.d_model}"]
    assert flops["scores"][2] == "2 × batch × head × query × key × head_dim"
    assert number(found["flops"].foot[1]) == costs.total(costs.flop_counts(trace.pipeline, config))
    memory = {row[0]: row for row in found["memory"].rows}
    assert [*memory] == list(trace.names)
    for each in costs.tensor_bytes(trace):
        row = memory[each.name]
        assert (number(row[1]), number(row[3])) == (each.held, each.numbers)
        assert row[2] == (WORDS["view_of"].format(name=each.view_of) if each.view_of else WORDS["own_memory"])
        assert row[4] == ", ".join(map(str, trace[each.name].shape))
    for column in (1, 3):
        assert number(found["memory"].foot[column]) == sum(number(row[column]) for row in memory.values())


def test_every_note_of_the_run_is_there(shown):
    session, config = shown
    expected = [
        [", ".join(made.name for made in stage.makes), stage.note]
        for stage in pipeline_for(config)
        if stage.note
    ]
    assert read(session)["others"].rows == expected
    said = " ".join(note for _, note in expected)
    assert ("(1, 4, 8, 192)" in said) == (config.layout == "per_head")
    assert "forget to permute back" in said and "scaled_dot_product_attention" in said


def test_everything_follows_the_strip(first):
    session = reference()
    session.selectbox(key="num_heads").set_value(2).run()
    fine(session)
    config = session.session_state["_settled"].config
    assert config.num_heads == 2
    before, after = read(first), read(session)
    assert (
        dict(row[:2] for row in after["axes"].rows)["head"]
        == "2"
        != dict(row[:2] for row in before["axes"].rows)["head"]
    )
    assert session.code[0].value == whole(run(config)).rstrip("\n") != first.code[0].value
    assert before["memory"].foot != after["memory"].foot
    assert before["flops"].rows != after["flops"].rows


# If yours differs.


def links(session: AppTest) -> list[tuple[str, str, dict[str, str]]]:
    """Label, page and query of the links below the frame's."""
    found = [each.proto for each in session.get("page_link") if each.proto.label.startswith("Open ")]
    return [
        (rendered(link.label), link.page, dict(parse_qsl(link.query_string, keep_blank_values=True)))
        for link in found
    ]


def test_every_symptom_is_told_with_its_lines_and_a_link(shown):
    session, config = shown
    told = [each.value for each in session.markdown]
    for symptom, (label, page, query) in zip(SYMPTOMS, links(session), strict=True):
        assert f"#### {as_text(symptom.sees)}" in told
        assert as_text(symptom.cause) in told and as_text(symptom.shows) in told
        assert tables.pair([(WORDS["wrong"], symptom.wrong), (WORDS["right"], symptom.right)]) in bodies(
            session
        )
        wanted = settings_for(symptom, config)
        name, *index = cell_for(symptom, wanted).split(".")
        assert label == f"Open {written(name, tuple(map(int, index)))}"
        assert page == symptom.see
        assert (query["stage"], query["cell"]) == (symptom.tensor, cell_for(symptom, wanted))


@pytest.mark.parametrize("at", range(len(SYMPTOMS)), ids=[symptom.name for symptom in SYMPTOMS])
@pytest.mark.parametrize(
    "base", [{"preset": "tutorial", "layout": "stacked", "mask": "both", "lengths": "3"}, {}]
)
def test_a_symptoms_link_opens_with_the_settings_kept_and_shows_the_cell(base, at):
    symptom = SYMPTOMS[at]
    before = reference(base)
    mine = before.session_state["_settled"].config
    _, page, query = links(before)[at]
    session = opened(query, {"layouts": "pages/learn/layouts.py", "": ""}[page])
    assert sentences(session) == [] or symptom.name == "nan"
    config = session.session_state["_settled"].config
    assert config == mine.but(**symptom.needs)
    assert address(session) == query
    if not page:
        assert config_of(session) == config
        facts = followed(session)
        assert facts["cell"] == query["cell"]
        assert (facts["value"] == "NaN") == (symptom.name == "nan")
        assert (facts["value"] == "-Infinity") == (symptom.name == "future")


# Words of a visitor, and what was followed before.

HOSTILE = "<b>x</b> </script><script>alert(1)</script> שלום 🦊 &lt; {value} `c` [a](http://b)"


def test_hostile_words_stay_in_the_links_and_out_of_the_page():
    session = reference({"text": HOSTILE})
    assert session.session_state["_settled"].config.text == HOSTILE
    for body in bodies(session):
        assert "alert" not in body and "שלום" not in body
    read(session)
    for _, _, query in links(session):
        assert query["text"] == HOSTILE
    # and what the tables are given is escaped, whatever it is
    reader = Reader()
    reader.feed(tables.Table(HOSTILE, (HOSTILE, "n"), [(HOSTILE, 1), (tables.code(HOSTILE), 2)]).html())
    (table,) = reader.found
    assert table.caption == table.label == HOSTILE
    assert table.heads == [HOSTILE, "n"]
    assert table.rows == [[HOSTILE, "1"], [HOSTILE, "2"]]
    assert "<b>" not in tables.pair([(HOSTILE, HOSTILE)]) + tables.contents(HOSTILE, [("x", HOSTILE)])


def test_a_followed_link_wins_over_what_was_followed_before_and_the_frames_links_keep_it():
    told = {"cell": "scores.0.2.3.1", "batch": "0"}
    session = opened()
    session.session_state["_asked"] = told  # what the drawing told of, which no address of the server holds
    session.query_params = {}
    session.switch_page(PAGE).run()
    fine(session)
    kept = {
        each.proto.page: each.proto.query_string
        for each in session.get("page_link")
        if not each.proto.label.startswith("Open ")
    }
    assert dict(parse_qsl(kept[""])) == {"v": "1", **told}
    _, _, query = links(session)[0]
    session.query_params = dict(query)
    session.switch_page(WALKTHROUGH).run()
    assert followed(session)["cell"] == query["cell"] != told["cell"]


def test_without_a_page_between_what_the_drawing_told_of_still_wins():
    told = {"cell": "scores.0.2.3.1", "batch": "0"}
    session = opened()
    session.session_state["_asked"] = told
    session.query_params = {"v": "1", "cell": "scores.0.0.1.0"}
    session.run()
    assert followed(session)["cell"] == told["cell"]


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in ("sentence",)])
def test_every_preset_has_its_page(preset):
    session = reference({"preset": preset})
    assert tuple(read(session)) == CAPTIONS
    assert len(links(session)) == len(SYMPTOMS)

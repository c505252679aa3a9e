"""Every sentence is whole, its places are named and filled, and it is used; the drawing asks for no other."""

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import pytest

from mha_core.config import INPUTS, LAYOUTS, MASKS, SETTINGS, WEIGHTS, Config
from mha_core.figures import words as drawing
from mha_core.figures.assets import FOLDER, SCRIPTS
from mha_core.figures.texts import known_stages
from mha_core.jobs import JOBS
from mha_core.presets import PRESETS
from mha_core.words import LISTS, listed
from pages.frame import words as pages

ROOT = Path(__file__).resolve().parents[1]
LIVE = re.compile(r"{(\w+)}")  # how the drawing finds a place


def places(template: str) -> set[str]:
    """The named places of a sentence, as `say` reads them."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def faults(template: str) -> list[str]:
    """What keeps a sentence from being whole."""
    found = []
    if not template or template != template.strip():
        found.append("empty, or space at an end")
    if re.search(r"\s{2}|[\n\r\t]", template):
        found.append("two spaces, or a line's end")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        return [*found, str(error)]
    for _, name, form, conversion in parts:
        if name is not None and not re.fullmatch(r"[a-z][a-z_]*", name):
            found.append(f"a place without a name of its own: {{{name}}}")
        if form or conversion not in (None, "r"):
            found.append(f"{{{name}}} has a format")
    if template[:1] in ",.;)" or template[-1:] in ",(":
        found.append("a half of a sentence")
    return found


# Where the sentences stand.


def raised(root: Path) -> Iterator[tuple[str, str, set[str] | None]]:
    """Every sentence that code hands to `say` or to an error: where, the sentence, the facts that are given.

    A sentence is a text, or a text in one of the tables below by a fixed key. Facts are None where they come
    as a dictionary made elsewhere.
    """
    tables = {"WORDS": pages.WORDS, "TEMPLATES": drawing.TEMPLATES, "LABELS": drawing.LABELS}
    tables |= {"FIGURES": drawing.FIGURES, "MAP_LABELS": drawing.MAP_LABELS}
    for path in sorted([*(root / "mha_core").rglob("*.py"), *(root / "pages").rglob("*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if not call.args or not (name == "say" or name.endswith("Error")):
                continue
            for template in sentences_of(call.args[0], constants, tables):
                yield f"{path.relative_to(root)}:{call.lineno}", template, facts_of(call, name)


def sentences_of(node: ast.expr, constants: dict, tables: dict) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if isinstance(constants.get(name), str):
            yield constants[name]
        case ast.Subscript(value=ast.Name(id=table), slice=key) if table in tables:
            for pattern in keys_of(key):
                yield from (text for name, text in tables[table].items() if re.fullmatch(pattern, name))


def keys_of(node: ast.expr) -> Iterator[str]:
    """The patterns of the keys that an expression can name; none where it is a name made elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            yield re.escape(text)
        case ast.JoinedStr(values=values):
            yield "".join(
                re.escape(part.value) if isinstance(part, ast.Constant) else r"\w+" for part in values
            )
        case ast.IfExp(body=one, orelse=other):
            yield from (*keys_of(one), *keys_of(other))


def facts_of(call: ast.Call, name: str) -> set[str] | None:
    known = {"setting", "nearest"} if name == "ConfigError" else set()
    for keyword in call.keywords:
        match keyword:
            case ast.keyword(arg=str(fact)):
                known.add(fact)
            case ast.keyword(value=ast.DictComp(generators=[ast.comprehension(iter=ast.Tuple(elts=names))])):
                known |= {each.value for each in names if isinstance(each, ast.Constant)}
            case _:
                return None
    return known


RAISED = list(raised(ROOT))
TABLES = {
    "pages": pages.WORDS,
    "drawing": drawing.WORDS,
    "followed": drawing.TEMPLATES,
    "labels": drawing.LABELS,
    "figures": drawing.FIGURES,
    "figures' labels": drawing.MAP_LABELS,
    "lists": LISTS,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_word_of_a_table_is_whole(table):
    found = {key: wrong for key, text in TABLES[table].items() if (wrong := faults(text))}
    assert found == {}


def test_every_heading_of_the_arithmetic_is_whole():
    headings = [text for row in drawing.COLUMNS.values() for text in row.values() if text]
    assert [text for text in headings if faults(text)] == []
    assert set().union(*map(places, headings)) == {"left", "right"}


def test_every_sentence_that_code_says_is_whole():
    assert len(RAISED) > 40, "the code is no longer found"
    assert {where: wrong for where, text, _ in RAISED if (wrong := faults(text))} == {}


def test_every_place_is_filled_where_it_is_said():
    assert sum(facts is not None for _, _, facts in RAISED) > 30
    assert {
        where: missing
        for where, text, facts in RAISED
        if facts is not None and (missing := places(text) - facts)
    } == {}


def test_sentences_of_errors_end_as_sentences_do():
    # a page puts its own sentence after them
    said = [text for where, text, _ in RAISED if where.startswith("mha_core") and " " in text]
    assert [text for text in said if not text.endswith((".", "{reason}")) and text not in ENDLESS] == []


ENDLESS = {*drawing.LABELS.values(), *drawing.MAP_LABELS.values()}


def test_the_drawings_places_are_the_ones_that_it_can_find():
    for key, text in drawing.WORDS.items():
        assert set(LIVE.findall(text)) == places(text), key
        assert text.count("{") == len(LIVE.findall(text)), key


def test_no_table_of_the_drawings_words_hides_a_word_of_another():
    parts = (drawing.COMMON, drawing.OVERVIEW, drawing.GRID, drawing.STAGE, drawing.MAPS)
    assert sum(map(len, parts)) == len(drawing.WORDS)


def test_what_is_said_of_stages_settings_and_presets_is_whole():
    stages = known_stages()
    sentences = [text for stage in stages for text in (stage.why, stage.note) if text]
    sentences += [setting.help for setting in SETTINGS.values()]
    sentences += [preset.sentence for preset in PRESETS.values()]
    labels = [text for stage in stages for text in (stage.title, stage.operation)]
    labels += [setting.label for setting in SETTINGS.values()]
    labels += [preset.label for preset in PRESETS.values()]
    labels += [*MASKS.values(), *LAYOUTS.values(), *INPUTS.values(), *WEIGHTS.values()]
    sentences += [text for job in JOBS.values() for text in (job.sentence, job.causal) if text]
    labels += [job.label for job in JOBS.values()]
    assert len(sentences) > 30
    for text in sentences + labels:
        assert text == text.strip() != "", text
        assert not re.search(r"\s{2}|\n", text), text
        assert "{" not in text, text
    assert [text for text in sentences if not text.endswith((".", "?"))] == []
    assert [text for text in labels if text.endswith(".")] == []
    assert [setting.label for setting in SETTINGS.values()] == [each.name for each in fields(Config)]


# Who uses the pages' words.


def keys_used(root: Path, folder: str, table: str) -> set[str]:
    """The keys by which code reads a table, as patterns; a text anywhere else in the code may be one too."""
    used: set[str] = set()
    for path in sorted((root / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tables = [node for node in tree.body if isinstance(node, ast.Assign)]
        skipped = {
            id(part)
            for node in tables
            if any(isinstance(target, ast.Name) and target.id == table for target in node.targets)
            for part in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                fixed = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
                if len(fixed) > 2:
                    used |= set(keys_of(node))
    return used


def unused(table: dict[str, str], used: set[str]) -> list[str]:
    return [key for key in table if not any(re.fullmatch(pattern, key) for pattern in used)]


def test_every_word_of_the_pages_is_used():
    assert unused(pages.WORDS, keys_used(ROOT, "pages", "WORDS")) == []


def test_every_sentence_about_a_followed_number_is_used():
    for name in ("TEMPLATES", "LABELS", "FIGURES", "MAP_LABELS"):
        used = keys_used(ROOT, "mha_core", name)
        assert unused(getattr(drawing, name), used) == [], name


def test_every_pattern_of_a_list_has_a_place_for_what_stands_before_and_after():
    assert {kind: places(pattern) for kind, pattern in LISTS.items()} == {
        kind: {"before", "after"} for kind in LISTS
    }
    assert listed((1, 2, 4)) == "1, 2, 4"
    assert listed(("{a}", "b"), "either") == "{a} or b"
    assert (listed(["one"]), listed([])) == ("one", "")


@pytest.mark.parametrize("folder", ["pages"])
def test_the_pages_read_no_word_that_is_not_there(folder):
    missing = [
        (path.name, node.lineno)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "WORDS"
        for pattern in keys_of(node.slice)
        if not any(re.fullmatch(pattern, key) for key in pages.WORDS)
    ]
    assert missing == []


# Who uses the drawing's words: a small reader of JavaScript, just enough for calls and their texts.

OPENING, CLOSING = "([{", ")]}"
HOLE = r"\w+"  # what a place in a text between backticks may stand for


def past(source: str, at: int) -> int:
    """Where what begins at `at` ends: a text, a comment, a pattern, a bracket and all inside, or one sign."""
    sign = source[at]
    if sign in "\"'`":
        return past_text(source, at)
    if source.startswith("//", at):
        return source.find("\n", at) if "\n" in source[at:] else len(source)
    if source.startswith("/*", at):
        return source.index("*/", at) + 2
    if sign == "/" and re.search(r"(?:^|[(,=:\[!&|?{};>]|return)\s*$", source[max(0, at - 40) : at]):
        return at + len(re.match(r"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/\w*", source[at:])[0])
    if sign in OPENING:
        at += 1
        while source[at] not in CLOSING:
            at = past(source, at)
    return at + 1


def past_text(source: str, at: int) -> int:
    quote, at = source[at], at + 1
    while source[at] != quote:
        if source.startswith("${", at) and quote == "`":
            at = past(source, at + 1)
        else:
            at += 2 if source[at] == "\\" else 1
    return at + 1


def arguments(source: str, opening: int) -> list[str]:
    """The arguments of the call whose bracket opens at `opening`, as they are written."""
    at = start = opening + 1
    found = []
    while source[at] not in CLOSING:
        if source[at] == ",":
            found.append(source[start:at].strip())
            start = at + 1
        at = past(source, at)
    return [each for each in [*found, source[start:at].strip()] if each]


def texts(source: str) -> Iterator[tuple[str, bool]]:
    """Every text in a piece of code as a pattern, and whether it is only compared with."""
    at = 0
    while at < len(source):
        end = past(source, at)
        if source[at] in "\"'`":
            fixed = re.split(r"\$\{(?:[^{}`]|\{[^}]*\}|`[^`]*`)*\}", source[at + 1 : end - 1])
            compared = re.search(r"[!=]==?\s*$", source[:at]) or re.match(r"\s*[!=]==?", source[end:])
            yield HOLE.join(map(re.escape, fixed)), bool(compared)
            at = end
        elif source[at] in OPENING:
            at += 1
        else:
            at = end


@dataclass(frozen=True)
class Said:
    """One call of `say` with a word that is written out: where, patterns of its keys, its facts' names."""

    where: str
    keys: tuple[str, ...]
    facts: set[str] | None


def calls(source: str, pattern: str) -> Iterator[tuple[int, list[str]]]:
    """Every call of a function whose name fits: its place, and its arguments."""
    at, wanted, word = 0, re.compile(rf"(?:[\w.?]+\.)?{pattern}\("), re.compile(r"[\w.?]+")
    while at < len(source):
        name = word.match(source, at)
        call = wanted.match(source, at) if name else None
        if call and source[max(0, at - 9) : at] != "function ":
            yield at, arguments(source, call.end() - 1)
            at = call.end()
        elif name:
            at = name.end()
        elif source[at] in OPENING:
            at += 1
        elif source[at] == "`":  # calls inside its places
            end = past(source, at)
            inside = source[at + 1 : end - 1]
            for hole in re.finditer(r"\$\{", inside):
                place = past(inside, hole.start() + 1)
                yield from calls(inside[hole.end() : place - 1], pattern)
            at = end
        else:
            at = past(source, at)


def carriers(source: str) -> dict[str, int]:
    """Functions that hand one of their parameters to `say`: their names, and which parameter."""
    found = {}
    pattern = re.compile(r"function (\w+)\(|const (\w+) = \((?=[^()]*\) =>)")
    for each in pattern.finditer(source):
        names = [re.split(r"\s*=", each)[0] for each in arguments(source, each.end() - 1)]
        end = past(source, each.end() - 1)
        body = source.find("{" if each[1] else "=>", end)
        if each[2] and source[body + 2 :].lstrip()[:1] != "{":
            text = source[body : source.find("\n", body)] + " "
        else:
            body = source.find("{", body)
            text = source[body : past(source, body)]
        for _, given in calls(text, "say"):
            if given and given[0] in names:
                found[each[1] or each[2]] = names.index(given[0])
    return found


def said(name: str, source: str, carrying: dict[str, int]) -> Iterator[Said]:
    """Every use of a word that can be read from the code, with its facts where they are written out."""
    for at, given in calls(source, "say"):
        where = f"{name}:{source[:at].count(chr(10)) + 1}"
        first, *more = given[1:] if given[0].endswith("words") else given
        keys = tuple(pattern for pattern, compared in texts(first) if not compared)
        facts: set[str] | None = set()
        if more:
            written = more[0].startswith("{") and "..." not in more[0]
            inside = arguments(more[0], 0) if written else []
            facts = {re.match(r"\w+", each)[0] for each in inside} if written else None
        yield Said(where, keys, facts)
    for function, position in carrying.items():
        for at, given in calls(source, function):
            if len(given) > position and re.match("[\"'`]", given[position]):
                keys = tuple(pattern for pattern, _ in texts(given[position]) if pattern)
                yield Said(f"{name}:{source[:at].count(chr(10)) + 1}", keys, None)


def drawing_sources() -> dict[str, str]:
    return {name: (FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS if (FOLDER / name).exists()}


@cache
def drawing_asks() -> list[Said]:
    return asked_for(drawing_sources())


def asked_for(sources: dict[str, str]) -> list[Said]:
    carrying = {
        name: at for source in sources.values() for name, at in carriers(source).items() if name != "say"
    }
    found = []
    for name, source in sources.items():
        # a function of the same name made inside this file is another one
        others = {each[1] for each in re.finditer(r"const (\w+) = \([^()]*\) =>", source)} - {
            *carriers(source)
        }
        mine = {function: at for function, at in carrying.items() if function not in others}
        found += said(name, source, mine)
    return found


def not_there(asked: list[Said], table: dict[str, str]) -> list[str]:
    """Where a word is asked for that the table does not have."""
    return [
        f"{each.where} {pattern}"
        for each in asked
        for pattern in each.keys
        if not any(re.fullmatch(pattern, key) for key in table)
    ]


def not_filled(asked: list[Said], table: dict[str, str]) -> list[str]:
    """Where a word is said without a fact for one of its places."""
    return [
        f"{each.where} {key} {sorted(missing)}"
        for each in asked
        for key in each.keys
        if each.facts is not None and key in table and (missing := places(table[key]) - each.facts)
    ]


def not_used(sources: dict[str, str], table: dict[str, str]) -> list[str]:
    """Words that no text of the code names.

    A text with places counts where some of it is fixed, and one that ends in a space names all words that
    begin with it.
    """
    patterns = {pattern for source in sources.values() for pattern, _ in texts(source)}
    named = {pattern for pattern in patterns if HOLE not in pattern or len(pattern.replace(HOLE, "")) > 2}
    return unused(table, named | {f"{pattern}.+" for pattern in named if re.search(r"\w\w+\\? $", pattern)})


def test_the_drawing_asks_for_no_word_that_is_not_there():
    asked = drawing_asks()
    assert sum(len(each.keys) for each in asked) > 80, "the calls are no longer found"
    assert not_there(asked, drawing.WORDS) == []


def test_the_drawing_fills_every_place_of_a_word():
    asked = drawing_asks()
    assert sum(bool(each.facts) for each in asked) > 15, "the facts are no longer found"
    assert not_filled(asked, drawing.WORDS) == []


def test_every_word_of_the_drawing_is_used():
    assert not_used(drawing_sources(), drawing.WORDS) == []


# The guards can fail.

TABLE = {"one": "{count} of {name}", "two": "Two", "two_does": "Does two", "three": "Three"}
CODE = """
// explorer.say("comment") is not read, nor 'this
function label(explorer, key, word, more = {}) { return explorer.say(word); }
const end = (word, value) => element("tr", {}, explorer.say(word), value);
const first = explorer.say("one", { count, name: x.replace(/["'`(]/g, "") });
label(explorer, "x", "two", { a: kind === "none" ? "b" : "c" });
end(`${word}_does`, say(constant.words, flag === "yes" ? "two" : "three"));
"""


def test_the_reader_of_the_drawing_finds_words_facts_and_carriers():
    sources = {"code.js": CODE}
    assert carriers(CODE) == {"label": 2, "end": 0}
    asked = asked_for(sources)
    assert {key for each in asked for key in each.keys} == {"one", "two", "three", r"\w+_does"}
    assert [each.facts for each in asked if each.keys == ("one",)] == [{"count", "name"}]
    assert not_there(asked, TABLE) == not_filled(asked, TABLE) == not_used(sources, TABLE) == []


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ('explorer.say("four");', "code.js:9 four"),
        ('explorer.say(flag ? "two" : "four");', "code.js:9 four"),
        ('say(constant.words, "four");', "code.js:9 four"),
        ('label(explorer, "x", "four");', "code.js:9 four"),
        ("`a ${explorer.say(`four_${word}`)}`;", None),
    ],
)
def test_a_word_that_is_not_there_is_found(line, missing):
    found = not_there(asked_for({"code.js": f"{CODE}\n{line}"}), TABLE)
    assert len(found) == 1
    assert missing is None or found == [missing]


def test_a_place_that_is_not_filled_is_found():
    sources = {"code.js": CODE + 'explorer.say("one", { count });\nexplorer.say("one");'}
    assert not_filled(asked_for(sources), TABLE) == [
        "code.js:8 one ['name']",
        "code.js:9 one ['count', 'name']",
    ]


def test_a_word_that_nobody_uses_is_found():
    assert not_used({"code.js": CODE}, {**TABLE, "comment": "Only in a comment"}) == ["comment"]


@pytest.mark.parametrize(
    "template",
    [
        "",
        " two",
        "two ",
        "a  b",
        "a {} b",
        "a {0}",
        "a {x.y}",
        "a {x:.2f}",
        "a {x!s}",
        "a {",
        ", and b",
        "a\nb",
    ],
)
def test_a_sentence_that_is_not_whole_is_found(template):
    assert faults(template) != []


def test_a_sentence_said_without_a_fact_is_found(tmp_path):
    (tmp_path / "mha_core").mkdir()
    (tmp_path / "pages").mkdir()
    text = 'raise ConfigError("{setting} {value} ", name, low=1)\nsay("{a} and {b}.", a=1, b=2)'
    (tmp_path / "mha_core" / "x.py").write_text(text, encoding="utf-8")
    (one, first, facts), (two, second, others) = raised(tmp_path)
    assert (one, two) == ("mha_core/x.py:1", "mha_core/x.py:2")
    assert faults(first) and places(first) - facts == {"value"}
    assert not faults(second) and places(second) - others == set()

"""The drawing's files are joined in one scope: each name may stand once, and every file is used."""

import itertools
import json
import re
from collections import Counter
from dataclasses import fields

from mha_core.figures import assets
from mha_core.figures.cells import Memory, Statistics
from mha_core.figures.header import DEFAULTS
from mha_core.figures.texts import VIEW, constant_json

NAMED = re.compile(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)


def names_in(texts: list[str]) -> Counter[str]:
    """Top-level names: declarations that start a line."""
    return Counter(name for text in texts for name in NAMED.findall(text))


def twice(counted: Counter[str]) -> list[str]:
    return sorted(name for name, times in counted.items() if times > 1)


TEXTS = {path.name: path.read_text("utf-8") for path in sorted(assets.FOLDER.iterdir())}


def test_no_two_scripts_declare_the_same_name():
    # of two functions of one name the later wins, silently
    assert twice(names_in([text for name, text in TEXTS.items() if name.endswith(".js")])) == []


def test_a_name_that_is_declared_twice_is_found():
    assert twice(names_in(["function a() {}\nconst b = 1;", "  function b() {}\nfunction a() {}"])) == ["a"]


def test_every_file_is_joined_and_every_joined_file_exists():
    assert sorted(TEXTS) == sorted([*assets.SCRIPTS, *assets.STYLES])


def test_no_script_writes_markup_from_anything_but_our_own_formulas():
    writers = {
        name: len(re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text))
        for name, text in TEXTS.items()
        if name.endswith(".js")
    }
    assert {name: count for name, count in writers.items() if count} == {"panel.js": 1}


def test_what_python_and_the_drawing_both_read_is_written_down_in_python_alone():
    constant = json.loads(constant_json())
    assert constant["view"] == list(VIEW)
    assert constant["format"] == {
        "defaults": DEFAULTS,
        "statistics": [each.name for each in fields(Statistics)],
        "memory": [each.name for each in fields(Memory)],
    }
    scripts = " ".join(text for name, text in TEXTS.items() if name.endswith(".js")).replace(LOOKED_AT, "")
    for names in (VIEW, constant["format"]["statistics"], constant["format"]["memory"]):
        for one, other in itertools.pairwise(names):
            assert not re.search(rf"[\"']{one}[\"'],\s*[\"']{other}[\"']", scripts), (one, other)


LOOKED_AT = '["low", "high", "mean", "deviation"]'  # the four that are written with every digit

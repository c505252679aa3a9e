"""Links go on giving the same numbers. A line of tests/links.txt is a link, a tab, and cells with values."""

import hashlib
import math
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from mha_core.presets import PRESETS
from tests.pages.opened import config_of, number_at, opened, sentences

FILE = Path(__file__).resolve().parents[1] / "links.txt"

# The file is only ever appended to. Whoever adds lines adds a row here: how many lines there are then, and
# the hash of all of them. No row is ever changed.
RECORDED = {
    17: "280152b57ec6d9d9",
}

# torch's randn may differ by 2e-6 between processors, and the order of its sums does too: that much of the
# tensor's largest number is allowed. A 16-bit run can round such a difference to its neighbour, at each step.
TOLERANCE = {"float32": 2e-6, "float64": 2e-6, "bfloat16": 2**-6, "float16": 2**-9}


def lines_of(text: str) -> list[str]:
    """Each line with its end, so that a line without one counts as another."""
    return text.splitlines(keepends=True)


def fingerprint(lines: list[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def tampered(lines: list[str], recorded: dict[int, str]) -> list[int]:
    """Which of the recorded beginnings of the file are no longer what they were."""
    return [count for count, mark in recorded.items() if fingerprint(lines[:count]) != mark]


def cells_of(line: str) -> tuple[str, dict[str, float]]:
    link, cells = line.rstrip("\n").split("\t")
    return link, {cell: float(value) for cell, value in (each.split("=") for each in cells.split(" "))}


LINES = lines_of(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", LINES, ids=[line.split("\t")[0] for line in LINES])
def test_a_link_gives_the_numbers_it_always_gave(line):
    link, cells = cells_of(line)
    session = opened(
        dict(parse_qsl(urlsplit(link).query, keep_blank_values=True, strict_parsing="?" in link))
    )
    assert sentences(session) == []
    allowed = TOLERANCE[config_of(session).dtype]
    for cell, value in cells.items():
        shown, largest = number_at(session, cell)
        assert math.isclose(shown, value, rel_tol=0, abs_tol=allowed * largest), (
            f"{cell} is {shown}, was {value}"
        )


def test_the_file_of_links_has_only_been_appended_to():
    assert tampered(LINES, RECORDED) == []
    assert max(RECORDED) == len(LINES), "lines were added: record their number and hash"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lines: [lines[0].replace("=", "=1"), *lines[1:]], id="a value changed"),
        pytest.param(lambda lines: lines[1:], id="a line taken out"),
        pytest.param(lambda lines: [lines[1], lines[0], *lines[2:]], id="two lines exchanged"),
        pytest.param(lambda lines: ["/?v=1&seed=1\tx.0.0.0=1\n", *lines], id="a line put in front"),
    ],
)
def test_a_file_that_was_not_only_appended_to_is_found(change):
    assert tampered(change(LINES), RECORDED) != []
    assert tampered([*LINES, "/?v=1&seed=1\tx.0.0.0=1\n"], RECORDED) == []


def test_every_line_names_numbers_along_the_whole_run():
    for line in LINES:
        link, cells = cells_of(line)
        tensors = {cell.split(".")[0] for cell in cells}
        assert len(cells) >= 4, link
        assert {"x", "weights"} & tensors and {"out", "concat", "weights"} & tensors, link
        assert link == "/" or "v=1&" in link, "links carry their version"


def test_the_links_cover_every_preset_and_what_changes_a_run():
    asked = [dict(parse_qsl(urlsplit(line.split("\t")[0]).query)) for line in LINES]
    assert {} in asked
    assert {one.get("preset", "sentence") for one in asked} == {*PRESETS}
    named = {(key, value) for one in asked for key, value in one.items()}
    wanted = {
        ("layout", "stacked"),
        ("mask", "both"),
        ("bias", "false"),
        ("dtype", "float64"),
        ("dtype", "bfloat16"),
    }
    assert wanted <= named
    assert {("weights", "planted"), ("jobs", "next,content")} <= named
    assert {"lengths", "text", "gain", "seed", "positions", "batch"} <= {key for key, _ in named}
    assert any(not value.isascii() for _, value in named)

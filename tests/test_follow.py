"""What is said of a followed number: each number under its own heading, each sentence about what is."""

import json

import pytest

from mha_core import Config, run
from mha_core.errors import InputError
from mha_core.figures.follow import follow_json
from mha_core.presets import PRESETS

SENTENCE = PRESETS["sentence"].config
TWO_LINES = Config(
    input="words",
    text="the cat saw the small dog\nrain fell",
    input_dim=24,
    d_model=20,
    num_heads=4,
    mask="both",
)
ONES = Config(batch_size=1, sequence_length=1, input_dim=1, d_model=1, num_heads=1)


def sums_of(config: Config, cell: str) -> dict:
    name = cell.split(".", maxsplit=1)[0]
    return json.loads(follow_json(run(config), cell))["sums"][name]


def test_a_bias_stands_under_the_products_alone():
    found = sums_of(SENTENCE, "qkv.0.3.5")
    assert found["columns"] == ["term", "x", "qkv_layer.weight", "product"]
    label, left, right, value = found["rows"][-1]
    assert label == "qkv_layer.bias[5]"
    assert (left, right) == (None, None)
    assert value == pytest.approx(float(run(SENTENCE).parameters["qkv_layer"].bias[5]))


def test_a_word_and_its_position_are_added_under_no_foreign_heading():
    found = sums_of(TWO_LINES, "x.0.3.5")
    assert found["columns"] == ["term", "", "", "number"]
    assert [row[0].split("[")[0] for row in found["rows"]] == ["embedding", "position"]
    assert sum(row[3] for row in found["rows"]) == pytest.approx(found["total"])


def test_what_has_one_term_is_said_in_the_singular():
    assert "1 terms" not in sums_of(ONES, "scores.0.0.0.0")["sentence"]
    assert sums_of(ONES, "scores.0.0.0.0")["sentence"].startswith("The one term")
    assert sums_of(ONES, "weights.0.0.0.0")["sentence"].startswith("The row has one key")


@pytest.mark.parametrize("cell", ["q.0.1.2.3", "out.0.5.7", "context.0.2.4.1", "scaled.0.3.1.2"])
def test_the_numbers_of_the_table_add_up_to_what_is_said(cell):
    name = cell.split(".", maxsplit=1)[0]
    every = json.loads(follow_json(run(SENTENCE), cell))["sums"]
    for found in (every[name],) if name in every else every.values():
        if found["joined_by"] == "sum":
            assert sum(row[3] for row in found["rows"]) == pytest.approx(found["total"], abs=1e-12)
        assert found["total"] == pytest.approx(found["shown"], rel=1e-5, abs=1e-6)


# What a mask decides.


def told(cell: str, **settings: object) -> dict:
    return json.loads(follow_json(run(TWO_LINES.but(**settings)), cell))


LATER = "Here key 4 “small” comes later than query 2 “saw” (4 > 2), so it is hidden."
REAL = "Here key 4 “small” lies before the length of its batch item (4 < 6): it is no filling."
HIDES = "mask[0, 0, 2, 4] is True, which hides the key from the query."
FILLED = (
    "mask[0, 0, 2, 4] is True, which hides: −∞ is filled in, and the number that stood there is not read."
)


def test_a_hidden_flag_tells_the_rule_that_hides_it_with_its_numbers():
    found = told("mask.0.0.2.4")
    assert found["list"][:4] == [
        "mask[0, 0, 2, 4] is True: query 2 “saw”, key 4 “small”.",
        LATER,
        REAL,
        HIDES,
    ]
    assert found["list"][4].startswith("It takes part in 4 numbers of masked: head 0 to 3, ")
    sums = found["sums"]["mask"]
    assert sums["sentence"] == f"{LATER} {REAL} {HIDES}"
    assert sums["rows"] == [
        ["key later than query", 4, 2, "True"],
        ["key at or beyond the length", 4, 6, "False"],
    ]
    assert sums["columns"] == ["rule", "key", "compared with", "hides"]


def test_filling_is_told_as_filling():
    filling = (
        "Here key 2 “< pad >” lies at or beyond the length of its batch item (2 ≥ 2): it is filling, so it "
        "is hidden."
    )
    assert filling in told("mask.1.0.3.2")["list"]
    assert told("mask.1.0.3.2", mask="padding")["list"][1] == filling
    assert told("mask.1.0.3.2", mask="causal")["list"][1:3] == [
        "Here key 2 “< pad >” does not come later than query 3 “< pad >” (2 ≤ 3).",
        "mask[1, 0, 3, 2] is False: the query may see the key.",
    ]


def test_a_mask_without_a_rule_says_so():
    found = told("mask.0.0.2.4", mask="none")
    assert (
        found["list"][1]
        == "This mask has no rule: mask[0, 0, 2, 4] is False, as everywhere, and hides nothing."
    )
    assert found["sums"]["mask"]["rows"] == []


def test_a_masked_cell_tells_what_was_filled_in_and_why():
    found = told("masked.0.1.2.4")
    assert found["list"][:3] == [
        "masked[0, 1, 2, 4] is −∞: head 1, query 2 “saw”, key 4 “small”.",
        FILLED,
        "It was made with mask[0, 0, 2, 4] = True: query 2 “saw”, key 4 “small”.",
    ]
    assert found["list"][3:6] == [LATER, REAL, HIDES]
    assert not any("scaled" in sentence for sentence in found["list"])
    assert found["sums"]["masked"]["rows"] == [["mask[0, 0, 2, 4]", None, None, "True"]]
    assert found["sums"]["masked"]["total"] == "-Infinity"
    assert found["marks"]["mask"]["one"] == [0, 0, 2, 4]


def test_a_kept_cell_tells_the_number_that_stays():
    trace = run(TWO_LINES)
    found = json.loads(follow_json(trace, "masked.0.1.4.2"))
    kept = float(trace["scaled"][0, 1, 4, 2])
    assert found["sums"]["masked"]["rows"] == [
        ["mask[0, 0, 4, 2]", None, None, "False"],
        ["scaled[0, 1, 4, 2]", None, None, kept],
    ]
    assert found["sums"]["masked"]["sentence"].startswith("mask[0, 0, 4, 2] is False: scaled[0, 1, 4, 2] = ")
    assert {"mask", "scaled", "scores"} <= found["sums"].keys()


def test_a_number_that_is_replaced_says_where_and_why_it_ends():
    found = told("scaled.0.1.2.4")
    assert found["list"][-6:] == [
        "It takes no part in masked[0, 1, 2, 4], where another number is put in its place.",
        FILLED,
        LATER,
        REAL,
        HIDES,
        "It goes no further.",
    ]
    kept = told("scaled.0.1.4.2")["list"]
    assert not any("takes no part" in sentence or "no further" in sentence for sentence in kept)
    several = told("x.0.1.3")["list"][-1]
    assert several.startswith(
        "It takes no part in 20 numbers of masked, where others are put in its place: head 0 to 3"
    )


def test_many_flags_are_counted_as_flags():
    assert "It was made with 6 flags of mask: query 2 “saw”, key 0 to 5." in told("weights.0.1.2.1")["list"]


def test_rows_of_tables_are_named_by_what_they_stand_for():
    labels = {strip["name"]: strip["label"] for strip in told("x.0.3.5")["strips"]}
    assert labels["embedding"] == "the row of “the” in embedding"
    assert labels["position"] == "the row of place 3 in position"
    labels = {strip["name"]: strip["label"] for strip in told("qkv.1.0.5")["strips"]}
    assert labels == {
        "qkv_layer.weight": "row 5 of qkv_layer.weight",
        "qkv_layer.bias": "qkv_layer.bias[5]",
        "embedding": "the row of “rain” in embedding",
        "position": "the row of place 0 in position",
    }


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            "weight.0.1",
            "There is no cell weight.0.1: this run has no tensor of that name. Its tensors are x, qkv, ",
        ),
        (
            "q.0.4.0.0",
            "There is no cell q.0.4.0.0: q has shape (2, 4, 6, 5), so its cells go from q.0.0.0.0 to "
            "q.1.3.5.4.",
        ),
    ],
)
def test_a_link_to_no_cell_is_refused_in_a_whole_sentence(cell, sentence):
    with pytest.raises(InputError) as caught:
        told(cell)
    assert str(caught.value).startswith(sentence)

"""What is said of a followed number: each number under its own heading, each sentence about what is."""

import json

import pytest

from mha_core import Config, run
from mha_core.figures.follow import follow_json
from mha_core.presets import PRESETS

SENTENCE = PRESETS["sentence"].config
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
    found = sums_of(SENTENCE, "x.0.3.5")
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

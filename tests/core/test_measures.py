"""The measures of heads against plain loops, uniform attention, and what may be said on how much evidence."""

import math

import pytest
import torch

from mha_core import Config, run
from mha_core.measures import (
    NAMED_FROM,
    TEXTS,
    TOKENS,
    Measure,
    mean_entropy,
    measure,
    measure_weights,
    role_of,
)
from mha_core.measures import uniform as even_weights
from tests.core.grid import small


def by_loops(weights, hidden):
    """Every measure of every head, cell by cell: value, uniform value, counted queries."""
    batch, heads, tokens, _ = weights.shape
    found = []
    for head in range(heads):
        sums: dict[str, list[tuple[float, float]]] = {}
        for item in range(batch):
            filled = [all(bool(hidden[item, 0, q, k]) for q in range(tokens)) for k in range(tokens)]
            for q in range(tokens):
                seen = [k for k in range(tokens) if not hidden[item, 0, q, k]]
                row = [float(weights[item, head, q, k]) for k in range(tokens)]
                if not seen or filled[q] or not all(map(math.isfinite, row)):
                    continue
                even = [1 / len(seen) if k in seen else 0.0 for k in range(tokens)]
                if len(seen) > 1:
                    entropy = -sum(w * math.log(w) for w in row if w > 0) / math.log(len(seen))
                    sums.setdefault("entropy", []).append((entropy, 1.0))
                far = tuple(sum(w * abs(q - k) for k, w in enumerate(each)) for each in (row, even))
                sums.setdefault("distance", []).append(far)
                targets = {"itself": q, "previous": q - 1, "next": q + 1, "first": 0 if q else -1}
                for name, k in targets.items():
                    if k in seen:
                        sums.setdefault(name, []).append((row[k], even[k]))
        found.append(
            {
                name: (*(math.fsum(part) / len(rows) for part in zip(*rows, strict=True)), len(rows))
                for name, rows in sums.items()
            }
        )
    return found


def measures_of(each):
    named = {"entropy": each.entropy, "distance": each.distance, **each.weights}
    return {name: (one.value, one.uniform, one.queries) for name, one in named.items() if one is not None}


@pytest.mark.parametrize("mask", ["none", "causal", "padding", "both"])
@pytest.mark.parametrize("item", [None, 1])
def test_every_measure_equals_a_plain_loop(mask, item):
    trace = run(small(mask=mask, gain=4.0, lengths=(7, 4)))
    part = slice(None) if item is None else slice(item, item + 1)
    wanted = by_loops(trace["weights"][part], trace["mask"][part])
    for mine, theirs in zip(measure(trace, item), wanted, strict=True):
        got = measures_of(mine)
        assert got.keys() == theirs.keys()
        for name, numbers in theirs.items():
            assert got[name] == pytest.approx(numbers, abs=1e-12), name


def test_uniform_attention_measures_as_uniform_and_has_no_lift():
    hidden = run(small(mask="causal"))["mask"]
    even = even_weights(hidden).expand(-1, 3, -1, -1)
    for each in measure_weights(even, hidden):
        assert each.entropy.value == pytest.approx(1.0)
        assert each.distance.value == pytest.approx(each.distance.uniform)
        assert "next" not in each.weights, "a causal mask hides the next token"
        assert all(one.lift == pytest.approx(0.0) for one in each.weights.values())
    assert mean_entropy(measure_weights(even, hidden)) == pytest.approx(1.0)


def test_a_head_that_only_looks_back_has_a_lift_of_one():
    hidden = run(small(mask="causal"))["mask"][:1]
    weights = torch.zeros(1, 1, 7, 7)
    weights[0, 0, 0, 0] = 1
    for query in range(1, 7):
        weights[0, 0, query, query - 1] = 1
    (each,) = measure_weights(weights, hidden)
    assert each.weights["previous"].lift == 1.0
    assert each.weights["itself"].value == pytest.approx(1 / 7)
    assert each.entropy.value == 0.0


def test_wholly_masked_rows_filling_and_broken_rows_are_counted_and_left_out():
    trace = run(small(mask="padding", lengths=(0, 4)))
    counted = measure(trace)[0].counted
    assert (counted.queries, counted.wholly_masked, counted.filling, counted.broken) == (4, 7, 3, 0)
    weights = trace["weights"].clone()
    weights[1, 0, 2, 1] = math.nan
    weights[1, 0, 3, 1] = math.inf
    first, second = measure_weights(weights, trace["mask"])[:2]
    assert (first.counted.broken, second.counted.broken) == (2, 0)
    assert first.distance.queries == 2
    for one in [first.entropy, first.distance, *first.weights.values()]:
        assert math.isfinite(one.value)


def test_where_no_query_counts_there_is_no_measure():
    trace = run(small(mask="padding", lengths=(0, 0)))
    each = measure(trace)[0]
    assert (each.entropy, each.distance, each.weights, each.role) == (None, None, {}, "")
    assert math.isnan(mean_entropy(measure(trace)))


def test_one_token_has_nothing_but_itself():
    (each,) = measure(run(Config(sequence_length=1, input_dim=3, d_model=2, num_heads=1)))
    assert each.entropy is None
    assert set(each.weights) == {"itself"}
    assert each.weights["itself"] == Measure(1.0, 1.0, None, 1)


LIFTS = {"previous": Measure(0.9, 0.1, 0.89, 64), "first": Measure(0.2, 0.1, 0.11, 64)}


@pytest.mark.parametrize(
    ("texts", "tokens", "role"),
    [(TEXTS, TOKENS, "previous"), (TEXTS - 1, TOKENS, ""), (TEXTS, TOKENS - 1, ""), (1, 128, "")],
)
def test_no_role_is_named_on_thin_evidence(texts, tokens, role):
    assert role_of(LIFTS, texts, tokens) == role


def test_a_small_lift_is_no_role():
    assert role_of({"first": Measure(0.4, 0.1, NAMED_FROM - 0.01, 64)}, TEXTS, TOKENS) == "none"
    assert role_of({}, TEXTS, TOKENS) == "none"


@pytest.mark.parametrize("tokens", [TOKENS, TOKENS - 1])
def test_the_evidence_is_counted_from_the_weights_themselves(tokens):
    size = {"batch_size": TEXTS, "sequence_length": 17, "mask": "padding", "lengths": (tokens,) * TEXTS}
    trace = run(Config(input_dim=5, d_model=6, num_heads=2, **size))
    back = torch.zeros(TEXTS, 2, 17, 17)
    back.diagonal(-1, -2, -1).fill_(1)
    role = "previous" if tokens == TOKENS else ""
    assert {each.role for each in measure_weights(back, trace["mask"])} == {role}
    assert {each.role for each in measure_weights(back[:1], trace["mask"][:1])} == {""}

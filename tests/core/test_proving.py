"""What stands behind the proofs: their figures, the parts of large runs, the code that is shown."""

import math
import random
import re
from functools import partial

import pytest
import torch
from torch import nn

from mha_core import Config, run, to_stacked
from mha_core.attention import softmax
from mha_core.config import DTYPES, LAYOUTS, MASKS
from mha_core.inputs import DTYPES as KINDS
from mha_core.proofs import CHECKS, code, prove
from mha_core.proving import claims, part
from mha_core.proving.compared import STEPS, compare
from tests.core.grid import same, small, with_run
from tests.core.test_proofs import by_name, failed, silent
from tests.core.wrong import FAULTS, faulty

# The figures.


def by_hand(trace):
    """Out and weights in float64, written out with einsum from the rows of the per-head layout."""
    config = trace.config
    layer, out_layer = trace.parameters["qkv_layer"], trace.parameters["out_layer"]
    rows = layer.weight.double().reshape(config.num_heads, 3, config.head_dim, config.input_dim)
    bias = layer.bias.double().reshape(config.num_heads, 3, 1, config.head_dim)
    q, k, v = torch.einsum("bti,hrdi->rbhtd", trace["x"].double(), rows) + bias.transpose(0, 1)[:, None]
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / config.head_dim**0.5
    weights = scores.masked_fill(trace["mask"], -math.inf).softmax(-1)
    heads = torch.einsum("bhqk,bhkd->bqhd", weights, v).flatten(2)
    return heads @ out_layer.weight.double().T + out_layer.bias.double(), weights


@pytest.mark.parametrize("input_dim", [13, 55, 77])  # smaller than d_model, equal, larger
def test_the_module_gives_what_is_computed_by_hand(input_dim):
    trace = run(Config(**{**small().__dict__, "input_dim": input_dim, "mask": "causal", "dtype": "float64"}))
    layer = to_stacked(trace.parameters["qkv_layer"], 5)
    with torch.inference_mode():
        given = (trace["x"], layer, trace.parameters["out_layer"], trace["mask"], 5)
        out, weights = claims.attend_by_module(*given)
    expected = by_hand(trace)
    assert (out - expected[0]).abs().max() < 1e-14
    assert (weights - expected[1]).abs().max() < 1e-15


def test_the_figures_are_the_largest_differences():
    trace = run(small(mask="causal", gain=2.0))
    found = by_name(trace)
    in_one_call = nn.functional.scaled_dot_product_attention(
        trace["q"], trace["k"], trace["v"], is_causal=True
    )
    apart = float((trace["context"].double() - in_one_call.double()).abs().max())
    assert found["call"].figure == pytest.approx(apart, abs=1e-7)
    assert 0 < found["call"].figure < 2e-6
    off = max(abs(math.fsum(row) - 1) for row in trace["weights"].flatten(0, 2).tolist())
    assert found["rows"].figure == pytest.approx(off, rel=1e-6)
    assert [each.count for each in found["rows"].compared] == [2 * 5 * 7]
    assert {each.name: each.count for each in found["module"].compared} == {
        "out": trace["out"].numel(),
        "weights": trace["weights"].numel(),
    }
    # every output before the last token's was compared, of each item
    assert found["future"].compared[0].count == 2 * 6 * 55
    assert all(proof.looked == "Every number was looked at." for proof in found.values())


def test_rounding_uses_less_than_its_tolerance_for_runs_of_every_kind():
    draw = random.Random(5)
    used = []
    for seed in range(120):
        heads, width, tokens = (
            draw.choice([1, 2, 5, 8]),
            draw.choice([1, 3, 16, 64]),
            draw.choice([1, 2, 9, 33]),
        )
        config = Config(
            batch_size=draw.choice([1, 3]),
            sequence_length=tokens,
            input_dim=draw.choice([1, 7, heads * width, 200]),
            d_model=heads * width,
            num_heads=heads,
            layout=draw.choice([*LAYOUTS]),
            mask=draw.choice([*MASKS]),
            lengths=(draw.randint(0, tokens),),
            gain=draw.choice([0.0, 0.5, 1.0, 1.0, 3.0, 8.0]),
            dtype=draw.choice(DTYPES),
            seed=seed,
        )
        for proof in prove(run(config)):
            assert proof.passed is not False, (config, proof)
            used += [each.largest / each.tolerance for each in proof.compared if each.tolerance]
    assert len(used) > 400
    assert 0.1 < max(used) < 0.75


@pytest.mark.parametrize(("gain", "seed"), [(0.01, 6069), (0.001, 6069), (0.001, 7)])
def test_a_sum_of_many_small_terms_and_a_bias_may_be_rounded_once_a_term(gain, seed):
    sizes = {"batch_size": 2, "sequence_length": 3, "input_dim": 6, "d_model": 192, "num_heads": 3}
    config = Config(**sizes, mask="causal", lengths=(2,), seed=seed, gain=gain, dtype="float64")
    for layout in LAYOUTS:
        found = by_name(run(config.but(layout=layout)))
        assert failed(found) == set(), {name: found[name] for name in failed(found)}


def test_numbers_too_small_for_all_their_digits_are_no_failure():
    for bias in (True, False):
        trace = run(small(dtype="float16", gain=1e-6, mask="causal", bias=bias))
        assert 0 < trace["v"].abs().max() < torch.finfo(torch.float16).smallest_normal
        assert failed(by_name(trace)) == set()


# Parts of a run.

LARGE = {"batch_size": 4, "sequence_length": 9, "input_dim": 21, "d_model": 60, "num_heads": 6}


@pytest.mark.parametrize("budget", [150_000, 60_000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_over_the_budget_whole_items_and_heads_are_checked_exactly(budget, layout):
    config = Config(**LARGE, layout=layout, mask="both", lengths=(9, 1, 6, 8))
    trace = run(config)
    found = by_name(trace, budget=budget)
    assert failed(found) == set()
    parts = [
        proof for proof in found.values() if proof.looked and proof.looked != "Every number was looked at."
    ]
    assert len(parts) >= 5
    assert all(" of 4 batch items" in proof.looked and " of 6 heads" in proof.looked for proof in parts)
    assert found == by_name(trace, budget=budget), "the choice is the seed's"
    for name, (_, red) in FAULTS.items():
        # one NaN may lie outside the part; and these are faults of the other layout and of another rule
        if layout == "per_head" and name not in ("NaN in q", "mask hides itself"):
            wrong = by_name(run(config, pipeline=faulty(name, config)), budget=budget)
            assert failed(wrong) >= red - set(silent(wrong)), name


def test_a_part_says_where_in_the_whole_its_cells_are():
    config = Config(**LARGE, mask="causal")

    def nan_everywhere(masked):
        return torch.softmax(masked, dim=-1) * 2

    trace = run(config, pipeline=with_run(config, softmax, nan_everywhere, "weights"))
    found = by_name(trace, budget=60_000)
    for name in ("module", "call"):
        broke = found[name].broke
        assert broke.mine == float(trace[broke.name][broke.index])
    assert found["rows"].broke.mine == pytest.approx(2.0)
    chosen = part.fit(config, lambda items, heads, tokens: items * heads, 6)
    assert chosen.items != (0,) or chosen.heads != (0,)
    for name in trace.names:
        axes = trace.made(name).axes
        taken, places = part.take(trace[name], axes, chosen, config.sizes)
        assert tuple(map(len, places)) == tuple(taken.shape)
        last = tuple(size - 1 for size in taken.shape)
        cell = tuple(axis[place] for axis, place in zip(places, last, strict=True))
        assert same(taken[last], trace[name][cell])
    whole = part.Part((1, 3), (0, 4), tuple(range(9)))
    concat, _ = part.take(trace["concat"], trace.made("concat").axes, whole, config.sizes)
    assert same(concat[..., 10:], trace["concat"][[1, 3]][..., 40:50])


def test_items_in_which_something_can_be_seen_are_looked_at_first():
    for seed in range(5):
        config = Config(**LARGE, mask="padding", lengths=(1, 0, 6, 1), seed=seed)
        assert part.fit(config, lambda items, heads, tokens: items, 1).items == (2,)


def test_a_budget_too_small_for_anything_is_said_and_nothing_is_guessed():
    found = by_name(run(small(mask="causal")), budget=1)
    assert set(silent(found)) == set(CHECKS)
    assert set(silent(found).values()) == {part.CUT_SHORT}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layer_of_some_heads_makes_those_heads_numbers(layout):
    config = small(layout=layout)
    trace = run(config)
    layer = part.layer_of(trace.parameters["qkv_layer"], (1, 3), config, layout)
    few = config.but(d_model=22, num_heads=2)
    layers = {"qkv_layer": layer, "out_layer": nn.Linear(22, 22)}
    again = run(few, trace["x"], layers)
    assert torch.allclose(again["weights"], trace["weights"][:, [1, 3]], atol=1e-6)


# The rest.


def test_what_is_said_of_a_check_is_whole_and_its_places_are_known():
    for check in CHECKS.values():
        assert re.fullmatch(r"[^{}]+\.", check.how)
        assert set(re.findall(r"{(\w+)}", check.chip)) == {"figure"}
        assert set(re.findall(r"{(\w+)}", check.told)) <= {"name", "count", "figure", "tolerance"}
        assert {"cell", "mine"} <= set(re.findall(r"{(\w+)}", check.failed)) <= {"cell", "mine", "theirs"}
        for text in (check.label, check.title, check.how, check.chip, check.told, check.failed):
            assert text == " ".join(text.split()) != ""


def test_the_code_shown_is_the_code_that_ran():
    trace = run(small(mask="causal"))
    stacked = to_stacked(trace.parameters["qkv_layer"], 5)
    given = {
        "attend_by_module": (trace["x"], stacked, trace.parameters["out_layer"], trace["mask"], 5),
        "attend_in_one_call": (trace["q"], trace["k"], trace["v"], trace["mask"]),
        "sum_rows": (trace["weights"],),
        "add_heads": (trace["context"], trace.parameters["out_layer"]),
        "find_unwanted": (trace["masked"], trace["mask"]),
    }
    shown = {claim.__name__: claim for check in CHECKS.values() for claim in check.shows}
    assert set(shown) == {*given, "change_last", "reorder", "change_head"}
    for name, claim in shown.items():
        text = code(claim)
        assert '"""' not in text and "type: ignore" not in text and text == text.strip()
        body = "\n".join(f"    {line}" for line in text.splitlines())
        names = claim.__code__.co_varnames[: claim.__code__.co_argcount]
        scope = dict(vars(claims))
        exec(compile(f"def again({', '.join(names)}):\n{body}", name, "exec"), scope)
        if name in given:
            with torch.inference_mode():
                mine, theirs = scope["again"](*given[name]), claim(*given[name])
            pairs = zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]
            assert all(same(one, other) for one, other in pairs)


def test_a_run_and_the_global_generator_stay_as_they_were():
    trace = run(small(mask="both", lengths=(3, 0)))
    before = {name: trace[name].clone() for name in trace.names}
    weight = trace.parameters["qkv_layer"].weight.clone()
    torch.manual_seed(11)
    state = torch.get_rng_state()
    asks = {name: layer.weight.requires_grad for name, layer in trace.parameters.items()}
    prove(trace)
    assert asks == {name: layer.weight.requires_grad for name, layer in trace.parameters.items()}
    assert torch.equal(state, torch.get_rng_state())
    assert all(same(before[name], trace[name]) for name in trace.names)
    assert torch.equal(weight, trace.parameters["qkv_layer"].weight)


def test_numbers_are_compared_one_by_one_and_nan_is_no_number():
    nan, places = math.nan, (range(10, 14),)
    tensors = partial(compare, "t", torch.tensor([1.0, nan, 3.0, math.inf]), places=places)
    found = tensors(torch.tensor([1.0, nan, 3.5, -math.inf]), tolerance=0.25)
    assert (found.largest, found.count, found.unknown) == (0.5, 2, 2)
    assert (found.broke.index, found.broke.mine, found.broke.theirs) == ((12,), 3.0, 3.5)
    assert tensors(torch.tensor([1.0, nan, 3.5, nan]), tolerance=0.5).broke is None
    lone = tensors(torch.tensor([1.0, 2.0, 3.0, nan]), tolerance=0.25)
    assert (lone.largest, lone.broke.index, lone.count) == (math.inf, (11,), 3)
    for alone in (math.inf, -math.inf):  # an infinity beside a number, on either side
        sides = torch.tensor([1.0, alone]), torch.tensor([1.0, 2.0])
        for left, right in (sides, sides[::-1]):
            assert compare("t", left, right, tolerance=1.0, places=places).largest == math.inf
    apart = torch.tensor([False, True, False, False])
    assert tensors(torch.tensor([1.0, 2.0, 3.0, nan]), tolerance=0.25, apart=apart).broke is None


def test_every_dtype_has_a_tolerance_of_its_own():
    assert set(STEPS) == set(KINDS.values())
    found = {dtype: by_name(run(small(dtype=dtype)))["rows"].tolerance for dtype in KINDS}
    assert found["float64"] < found["float32"] < found["float16"] < found["bfloat16"]

"""The proofs: green for every right run, red for every wrong one, and each figure is the true one."""

import math

import pytest
import torch
from torch import nn

from mha_core import Config, run, swap
from mha_core.attention import hide, join
from mha_core.config import DTYPES, LAYOUTS, MASKS
from mha_core.presets import PRESETS
from mha_core.proofs import CHECKS, Proof, prove
from mha_core.proving import checks
from mha_core.stage import Stage, maker_of
from tests.core.grid import ONES, TEXT, own_x, small, with_run
from tests.core.wrong import FAULTS, HARMLESS, add_only_ten, faulty, forget_the_mask

CAUSAL = ("causal", "both")


def by_name(trace, **how) -> dict[str, Proof]:
    found = prove(trace, **how)
    assert tuple(proof.name for proof in found) == tuple(CHECKS)
    return {proof.name: proof for proof in found}


def failed(found: dict[str, Proof]) -> set[str]:
    return {name for name, proof in found.items() if proof.passed is False}


def silent(found: dict[str, Proof]) -> dict[str, str]:
    return {name: proof.reason for name, proof in found.items() if proof.passed is None}


def assert_green(trace, but: set[str] = frozenset(), **how) -> dict[str, Proof]:
    """Nothing fails, and nothing but what is named (or a mask that is not causal) goes unchecked."""
    __tracebackhide__ = True
    found = by_name(trace, **how)
    assert failed(found) == set(), {name: found[name] for name in failed(found)}
    expected = {*but, *([] if trace.config.mask in CAUSAL else ["future"])}
    assert set(silent(found)) == expected, silent(found)
    for proof in found.values():
        if proof.passed:
            assert 0 <= proof.figure <= proof.tolerance
            assert sum(each.count for each in proof.compared) > 0, "nothing was compared"
    return found


# Right runs.


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_mask_layout_and_dtype_is_green(layout, dtype):
    for mask in MASKS:
        settings = {"layout": layout, "dtype": dtype, "mask": mask, "lengths": (5, 2)}
        assert_green(run(small(**settings)))
        assert_green(run(small(**settings, bias=False, gain=3.0)))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_preset_is_green(name, dtype):
    config = PRESETS[name].config.but(dtype=dtype)
    found = by_name(run(config))
    assert failed(found) == set()
    # with 16 bits the planted heads' large scores are beyond what rounding lets one compare
    if dtype.startswith("float32") or dtype == "float64":
        assert set(silent(found)) == ({"future"} if config.mask == "none" else set())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sizes_of_one_are_green(layout):
    for mask in MASKS:
        found = assert_green(run(Config(**ONES, layout=layout, mask=mask)), but={"order", "future"})
        assert "only the sum" in found["slices"].notes[0]


def test_words_the_callers_x_and_equal_sizes_are_green():
    assert_green(run(small(input="words", text=TEXT, mask="both")))
    config = small(mask="causal")
    assert_green(run(config, own_x(config)))
    square = config.but(input_dim=config.d_model)  # here the module projects the queries itself
    assert_green(run(square, own_x(square)))
    module = nn.Linear(5, 5)
    tied = {"q_layer": module, "k_layer": module, "v_layer": nn.Linear(5, 5, bias=True), "out_layer": module}
    assert_green(
        run(Config(batch_size=1, sequence_length=3, input_dim=5, d_model=5, num_heads=1), None, tied)
    )


def test_an_item_of_filling_is_named_and_set_apart():
    for mask in ("padding", "both"):
        trace = run(small(mask=mask, lengths=(0, 4)))
        assert trace["out"][0].isnan().all(), "the item has no NaN to set apart"
        found = assert_green(trace)
        named = [
            name for name, proof in found.items() if any("batch items 0." in each for each in proof.notes)
        ]
        assert set(named) >= {"module", "rows", "order", "slices", "finite"}
        assert found["rows"].compared[0].count == 5 * 7, "the other item's rows are all there"
    everything = run(small(mask="padding", lengths=(0, 0)))
    found = by_name(everything)
    assert failed(found) == set()
    assert silent(found)["rows"].startswith("No number is left to compare")


@pytest.mark.parametrize("name", HARMLESS)
def test_another_way_to_the_same_numbers_is_green(name):
    for dtype in ("float32", "bfloat16"):
        config = small(mask="causal", dtype=dtype)
        assert_green(run(config, pipeline=HARMLESS[name](config)))


# Wrong runs.


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_fault_is_red_where_it_should_be(name, dtype):
    config = small(mask="causal", dtype=dtype)
    trace = run(config, pipeline=faulty(name, config))
    found = by_name(trace)
    assert failed(found) == FAULTS[name][1]
    for check in failed(found):
        broke = found[check].broke
        shape = trace[broke.name].shape
        assert all(0 <= place < size for place, size in zip(broke.index, shape, strict=False))
        if check in ("module", "call", "finite"):
            assert math.isnan(broke.mine) or broke.mine == float(trace[broke.name][broke.index])
        if check != "finite" and math.isfinite(broke.mine) and math.isfinite(broke.theirs):
            worst = max(found[check].compared, key=lambda each: each.excess)
            own = next(each for each in found[check].compared if each.broke == broke)
            assert own.largest == pytest.approx(abs(broke.mine - broke.theirs))
            assert (found[check].figure, found[check].tolerance) == (worst.largest, worst.tolerance)
            assert found[check].figure > found[check].tolerance


def test_where_it_broke_is_where_it_broke():
    config = small(mask="causal")
    found = by_name(run(config, pipeline=faulty("NaN in q", config)))
    assert (found["finite"].broke.name, found["finite"].broke.index) == ("q", (0, 0, 1, 0))
    assert (found["rows"].broke.index, found["rows"].broke.theirs) == ((0, 0, 1), 1.0)
    assert found["module"].broke.index[:2] == (0, 1)
    assert math.isfinite(found["module"].broke.theirs)
    leak = by_name(run(config, pipeline=faulty("mask forgotten", config)))["future"].broke
    assert leak.name == "out" and leak.index[1] < config.sequence_length - 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_leak_too_small_for_any_tolerance_is_found(dtype):
    config = small(mask="causal", dtype=dtype)
    found = by_name(run(config, pipeline=with_run(config, hide, add_only_ten, "masked")))
    assert "future" in failed(found)
    assert 0 < found["future"].figure < 0.05
    assert found["future"].tolerance == 0


def test_a_leak_between_real_tokens_is_found_behind_filling():
    config = small(mask="both", lengths=(4, 5))

    def hide_the_filling_alone(scaled, item_lengths, key_index):
        return scaled.masked_fill((key_index >= item_lengths[:, None])[:, None, None], -math.inf)

    trace = run(config, pipeline=with_run(config, hide, hide_the_filling_alone, "masked"))
    assert "future" in failed(by_name(trace))


def test_nan_is_not_excused_where_the_mask_does_not_reach():
    config = small(mask="both", lengths=(0, 4))
    broke = by_name(run(config, pipeline=faulty("NaN in q", config)))["finite"].broke
    assert (broke.name, broke.index) == ("q", (0, 0, 1, 0)), "its row is hidden, but q is no row of a softmax"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_misread_layout_is_red_only_for_those_who_know_how_it_was_written(layout):
    from mha_core.layouts import read_both_ways

    both = read_both_ways(small(layout=layout, mask="causal"))
    other = both.converted.config.layout
    assert (both.written("right"), both.written("misread"), both.written("converted")) == (
        layout,
        other,
        other,
    )
    assert failed(by_name(both.misread, layout=other)) == {"module", "slices"}
    assert_green(both.misread)  # taken for what it reads it as, it is attention on other weights
    for side in ("right", "converted"):
        assert_green(getattr(both, side), layout=both.written(side))
    one = read_both_ways(small(layout=layout).but(num_heads=1))
    assert_green(one.misread, layout=one.written("misread"))


def test_the_callers_own_mask_is_held_against_what_it_was_to_be():
    config = small()
    near = torch.ones(7, 7, dtype=torch.bool).triu(3) | torch.ones(7, 7, dtype=torch.bool).tril(-3)

    def hide_the_far(item_lengths, query_index, key_index):
        return ((query_index[:, None] - key_index).abs() > 2).expand(len(item_lengths), 1, -1, -1)

    from mha_core.masks import hide_nothing

    trace = run(config, pipeline=with_run(config, hide_nothing, hide_the_far, "mask"))
    assert failed(by_name(trace)) == {"module", "finite"}
    assert_green(trace, mask=near[None, None])


def test_large_numbers_that_overflow_are_red_and_named():
    trace = run(small(dtype="float16", gain=100.0, sequence_length=40, input_dim=300, d_model=320, bias=True))
    found = by_name(trace)
    assert failed(found) >= {"finite"}
    broke = found["finite"].broke
    assert broke.name == "scores" and math.isinf(float(trace["scores"][broke.index]))


# What a check has nothing to say about.


def test_a_check_that_does_not_apply_says_why():
    found = by_name(run(small()))
    assert silent(found) == {"future": checks.NOT_CAUSAL}
    one = silent(by_name(run(small(sequence_length=1, mask="causal"))))
    assert one == {"future": checks.NONE_EARLIER, "order": checks.ONE_TOKEN}
    alike = run(small(input="words", text="a a a a\na a a a", positions=False, mask="causal"))
    assert silent(by_name(alike)) == {"order": checks.ALL_ALIKE}
    still = by_name(run(small(gain=0.0, mask="causal")))
    assert silent(still) == {"future": checks.LAST_IS_STILL}
    assert checks.HEAD_IS_STILL in still["slices"].notes
    assert checks.ONE_HEAD in by_name(run(small().but(num_heads=1)))["slices"].notes
    config = small(mask="causal")
    forgot = by_name(run(config, pipeline=with_run(config, hide, forget_the_mask, "masked")))
    assert silent(forgot) == {"order": checks.MASK_NOT_READ}


def test_scores_too_large_for_16_bits_are_no_failure():
    found = by_name(run(small(dtype="bfloat16", gain=30.0, input_dim=130)))
    assert failed(found) == set()
    assert {"module", "call", "order"} <= set(silent(found))
    assert "one rounding step of bfloat16" in silent(found)["module"]


def test_a_pipeline_without_a_tensor_or_that_cannot_run_again_says_so():
    config = small(mask="causal")
    renamed = run(config).pipeline

    def mix_all(masked, v):
        return torch.softmax(masked, dim=-1) @ v

    soft, _ = maker_of(renamed, "weights")
    mixed, made = maker_of(renamed, "context")
    fused = swap(renamed, soft.run)
    fused = swap(fused, mixed.run, Stage(mix_all, (made,), "Mix", "", "", "attend"))
    found = by_name(run(config, pipeline=fused))
    assert failed(found) == set()
    assert silent(found) == dict.fromkeys(("module", "rows"), "This pipeline makes no tensor called weights.")
    calls = []

    def join_once(context, batch_size, sequence_length, d_model):
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("only once")
        return join(context, batch_size, sequence_length, d_model)

    once = by_name(run(config, pipeline=with_run(config, join, join_once, "concat")))
    assert failed(once) == set()
    assert set(silent(once)) == {"future", "order"}
    assert silent(once)["order"].endswith("only once")

"""The arithmetic beside a stage: its terms are the cells that are read, its total is the float64 stage."""

import math
import operator
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from mha_core import Config, run
from mha_core.config import LAYOUTS, MASKS
from mha_core.inputs import linear
from mha_core.origins import read
from mha_core.stage import results
from tests.core.grid import INPUTS, ONES, cells_of, layouts_and_masks, one_hot, own_x, run_kind, small

WORKED = {"x", "qkv", "mask", "scores", "scaled", "masked", "weights", "context", "out"}


def chosen(tensor):
    """The first cell, the last, and some between that fall on all heads, tokens and items."""
    cells = list(cells_of(tensor))
    return sorted({*cells[:: max(1, len(cells) // 11)], cells[-1]})


def in_float64(stage, available):
    """The stage run on the run's own numbers, widened."""
    call = {}
    for parameter, name in stage.inputs.items():
        value = available[name]
        if isinstance(value, nn.Linear):
            bias = None if value.bias is None else value.bias.detach().double()
            value = linear(value.weight.detach().double(), bias)
        elif isinstance(value, Tensor) and value.dtype.is_floating_point:
            value = value.double()
        call[parameter] = value
    with torch.inference_mode():
        return {made.name: tensor for made, tensor in results(stage, stage.run(**call))}


def number_at(available, name, cell):
    """One number of a tensor, or of a layer's part (`qkv_layer.weight`)."""
    layer, _, part = name.partition(".")
    tensor = getattr(available[layer], part) if part else available[name]
    return tensor.detach()[cell].item()


def rejoined(found):
    """The total, from the terms, by the way in which they are joined."""
    values = [term.value for term in found.terms]
    if found.joined_by == "sum":
        return sum(values)
    if found.joined_by == "quotient":
        return values[0] / found.divisor
    if found.joined_by == "rule":
        return float(any(values))
    if found.joined_by == "fill":
        return -math.inf if values[0] else values[1]
    return values[found.chosen] / sum(values)


COMPARED = {"later": operator.gt, "filling": operator.ge}


def indices_read(stage, cell, available):
    """Which whole numbers a flag of a mask is made from, by brute force: some number there turns it.

    What stands elsewhere decides whether a change shows, so it is drawn anew several times.
    """
    call = {parameter: available[name] for parameter, name in stage.inputs.items()}
    generator = torch.Generator().manual_seed(0)
    found = set()
    for _ in range(6):
        drawn = {
            parameter: torch.randint(0, 9, value.shape, generator=generator)
            for parameter, value in call.items()
        }
        before = stage.run(**drawn)[cell]
        for parameter, value in drawn.items():
            for place, other in product(range(len(value)), (-1, 9)):
                changed = value.clone()
                changed[place] = other
                if stage.run(**{**drawn, parameter: changed})[cell] != before:
                    found.add((stage.inputs[parameter], (place,)))
    return found


def close(left, right, tolerance):
    """Say whether two numbers agree, within the tolerance times the larger of 1 and their size."""
    if math.isnan(left) or math.isinf(left):
        return left == right or (math.isnan(left) and math.isnan(right))
    return abs(left - right) <= tolerance * max(1, abs(right))


def assert_worked(trace, tolerance):
    __tracebackhide__ = True
    checked = set()
    for stage in trace.pipeline:
        if stage.worked is None:
            continue
        wide = in_float64(stage, trace.available)
        inputs = {parameter: trace.available[name] for parameter, name in stage.inputs.items()}
        for made in stage.makes:
            checked.add(made.name)
            for cell in chosen(trace[made.name]):
                found = stage.worked(made.name, cell, inputs)
                where = f"{made.name}{cell}"
                marks = read(
                    stage, {made.name: one_hot(tuple(trace[made.name].shape), cell)}, trace.available
                )
                told = [each for term in found.terms for each in term.cells]
                wanted = {(name, tuple(at)) for name, m in marks.items() for at in m.nonzero().tolist()}
                if found.joined_by == "rule":  # made of indices and lengths, which origins leave as they are
                    assert not wanted
                    wanted = indices_read(stage, cell, trace.available) if found.terms else set()
                else:
                    assert len(set(told)) == len(told), f"{where} names a cell twice"
                assert set(told) == wanted, f"{where} names other cells than are read"
                for term in found.terms:
                    for (name, at), factor in zip(term.cells, term.factors, strict=True):
                        assert close(factor, number_at(trace.available, name, at), 0), f"{where}: {name}{at}"
                    if found.joined_by == "sum":
                        assert close(term.value, math.prod(term.factors), 0), where
                    if found.joined_by == "rule":
                        assert term.value == COMPARED[term.rule](*term.factors), where
                exact = wide[made.name][cell].item()
                assert close(found.total, exact, 1e-12), f"{where}: {found.total} and {exact}"
                assert close(found.total, rejoined(found), 1e-12), where
                assert close(found.total, trace[made.name][cell].item(), tolerance), where
    return checked


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_the_arithmetic_of_a_cell_names_what_it_reads_and_adds_up_to_it(kind, layout, mask):
    checked = assert_worked(run_kind(kind, layout=layout, mask=mask, lengths=(7, 4)), 2e-6)
    assert checked == WORKED - (set() if kind == "words in order" else {"x"})


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("bfloat16", 0.03), ("float16", 0.004)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_arithmetic_adds_up_in_other_kinds(dtype, tolerance, bias):
    assert_worked(run_kind("words in order", mask="causal", dtype=dtype, bias=bias), tolerance)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_size_may_be_one(layout, mask):
    assert_worked(run(Config(**ONES, layout=layout, mask=mask)), 1e-6)


def test_large_scores_do_not_overflow():
    trace = run(small(gain=100.0, dtype="float64"))
    assert trace["masked"].abs().max() > 750  # beyond what exp can hold
    assert_worked(trace, 1e-9)


@pytest.mark.parametrize("mask", ["padding", "both"])
def test_a_wholly_masked_row_is_worked_to_nan(mask):
    trace = run(small(mask=mask, lengths=(0, 4)))
    assert_worked(trace, 2e-6)
    stage = trace.stage("weights")
    found = stage.worked("weights", (0, 1, 2, 3), {"masked": trace["masked"]})
    assert math.isnan(found.total) and all(math.isnan(term.value) for term in found.terms)
    assert [term.factors for term in found.terms] == [(-math.inf,)] * 7


@pytest.mark.parametrize(
    "bad", [[math.nan], [math.inf], [-math.inf], [math.inf, -math.inf], [1e300, -1e300], [1e308, 1e308]]
)
def test_numbers_that_are_not_finite_are_worked_as_they_ran(bad):
    config = small(dtype="float64", mask="causal")
    x = own_x(config).double()
    for place, value in enumerate(bad):
        x[1, 2, place] = value
    trace = run(config, x=x)
    assert not trace["out"][1].isfinite().all() or abs(bad[0]) < math.inf
    for name in ("qkv", "scores", "weights", "context"):
        stage = trace.stage(name)
        inputs = {parameter: trace.available[source] for parameter, source in stage.inputs.items()}
        for cell in product((1,), *(range(min(size, 5)) for size in trace[name].shape[1:])):
            total, ran = stage.worked(name, cell, inputs).total, trace[name][cell].item()
            if math.isfinite(ran):
                assert total == pytest.approx(ran, rel=1e-9), (name, cell)
            elif max(map(abs, bad)) == math.inf or bad == [math.nan]:
                assert close(total, ran, 0), (name, cell)
            else:  # sums beyond float64 depend on the order in which they are added
                assert not math.isfinite(total), (name, cell)


def test_the_callers_own_layers_can_be_worked():
    with torch.random.fork_rng():
        own = {"qkv_layer": nn.Linear(13, 165), "out_layer": nn.Linear(55, 55)}
    assert own["qkv_layer"].weight.requires_grad
    assert_worked(run(small(), parameters=own), 2e-6)


def test_a_score_done_on_paper():
    trace = run(Config(sequence_length=2, input_dim=2, d_model=2, num_heads=1))
    q, k = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([[[[5.0, 6.0], [7.0, 8.0]]]])
    found = trace.stage("scores").worked("scores", (0, 0, 1, 0), {"q": q, "k": k})
    assert [term.value for term in found.terms] == [15.0, 24.0]
    assert [term.factors for term in found.terms] == [(3.0, 5.0), (4.0, 6.0)]
    assert found.terms[1].cells == (("q", (0, 0, 1, 1)), ("k", (0, 0, 0, 1)))
    assert (found.total, found.joined_by) == (39.0, "sum")


def test_a_share_done_on_paper():
    masked = torch.tensor([[[[math.log(2.0), 0.0, -math.inf]]]], dtype=torch.float64)
    found = run(small()).stage("weights").worked("weights", (0, 0, 0, 1), {"masked": masked})
    assert [term.value for term in found.terms] == pytest.approx([1.0, 0.5, 0.0])
    assert (found.joined_by, found.chosen) == ("share", 1)
    assert found.divisor == pytest.approx(1.5)
    assert found.total == pytest.approx(1 / 3)


@pytest.mark.parametrize("key", [2, 6])
def test_a_filling_done_on_paper(key):
    scaled = torch.arange(49.0).reshape(1, 1, 7, 7)
    mask = run(small(mask="causal"))["mask"]
    found = run(small()).stage("masked").worked("masked", (0, 0, 3, key), {"scaled": scaled, "mask": mask})
    flag, *rest = found.terms
    assert (flag.cells, found.joined_by) == ((("mask", (0, 0, 3, key)),), "fill")
    assert (flag.value, found.total) == ((1.0, -math.inf) if key == 6 else (0.0, 23.0))
    assert [term.cells for term in rest] == ([] if key == 6 else [(("scaled", (0, 0, 3, 2)),)])


@pytest.mark.parametrize(
    ("mask", "cell", "rules", "hides"),
    [
        ("none", (1, 0, 2, 6), [], False),
        ("causal", (1, 0, 2, 3), [("later", (3, 2), 1)], True),
        ("causal", (1, 0, 2, 2), [("later", (2, 2), 0)], False),
        ("padding", (1, 0, 2, 4), [("filling", (4, 4), 1)], True),
        ("padding", (1, 0, 2, 3), [("filling", (3, 4), 0)], False),
        ("both", (1, 0, 6, 4), [("later", (4, 6), 0), ("filling", (4, 4), 1)], True),
        ("both", (1, 0, 2, 3), [("later", (3, 2), 1), ("filling", (3, 4), 0)], True),
        ("both", (1, 0, 3, 3), [("later", (3, 3), 0), ("filling", (3, 4), 0)], False),
    ],
)
def test_a_flag_names_the_rules_with_their_numbers(mask, cell, rules, hides):
    trace = run(small(mask=mask, lengths=(7, 4)))
    found = trace.stage("mask").worked("mask", cell, trace.available)
    assert [(term.rule, term.factors, term.value) for term in found.terms] == rules
    assert (found.total, found.joined_by) == (hides, "rule")
    assert trace["mask"][cell].item() == hides


def test_stages_that_only_move_or_draw_have_no_arithmetic():
    for layout, kind in product(LAYOUTS, INPUTS):
        for stage in run_kind(kind, layout=layout).pipeline:
            names = {made.name for made in stage.makes}
            assert (stage.worked is not None) == bool(
                names & WORKED and stage.key not in ("draw_x", "look_up", "look_up_beside", "take_x")
            )

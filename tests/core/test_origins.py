"""Where a number comes from, against brute force: change a cell and see which others change."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from mha_core import Config, run
from mha_core.attention import hide, softmax
from mha_core.axes import edges
from mha_core.config import LAYOUTS, MASKS
from mha_core.origins import (
    boxes,
    fed,
    item_sizes,
    kept_out,
    labels,
    one_item,
    ranges,
    read,
    roots,
    stand_ins,
    trail,
)
from mha_core.run import pipeline_for
from mha_core.stage import results
from tests.core.grid import (
    INPUTS,
    ONES,
    cells_of,
    faulty_join,
    faulty_split,
    hidden_by_loop,
    layouts_and_masks,
    one_hot,
    own_x,
    run_kind,
    same,
    small,
    with_run,
)

# Brute force runs a stage once for every cell it reads: sizes from 2 to 5, the input's apart.
BATCH, TOKEN, HEAD, HEAD_DIM, INPUT_DIM = 2, 5, 4, 3, 2


def tiny(**settings):
    sizes = {
        "batch_size": BATCH,
        "sequence_length": TOKEN,
        "num_heads": HEAD,
        "d_model": 12,
        "input_dim": INPUT_DIM,
    }
    return Config(**{**sizes, "lengths": (4, 2), **settings})


def values_of(stage, call):
    """What a stage makes, flat, as one row of numbers."""
    with torch.no_grad():
        return torch.cat([tensor.flatten() for _, tensor in results(stage, stage.run(**call))])


def flags_of(call):
    """The flag tensors among a stage's arguments, by parameter."""
    return {
        name: value for name, value in call.items() if isinstance(value, Tensor) and value.dtype == torch.bool
    }


def influence(stage, available):
    """Which outputs change with which inputs: for each input a bool matrix, its cells by all output cells.

    A number is changed by a little, the flags being as they are; a flag is turned.
    """
    call, leaves = stand_ins(stage, available)
    base = values_of(stage, call)
    found = {}
    for name, leaf in leaves.items():
        cells = leaf.detach().view(-1)
        rows = []
        for place in range(cells.numel()):
            kept = cells[place].item()
            cells[place] = kept + 0.375
            rows.append(values_of(stage, call) != base)
            cells[place] = kept
        assert torch.equal(values_of(stage, call), base)
        found[name] = torch.stack(rows)
    for parameter, flags in flags_of(call).items():
        rows = []
        for cell in cells_of(flags):
            turned = flags.clone()
            turned[cell] = ~turned[cell]
            rows.append(values_of(stage, {**call, parameter: turned}) != base)
        found[stage.inputs[parameter]] = torch.stack(rows)
    return found


def assert_stage_is_as_brute_force_says(stage, available):
    __tracebackhide__ = True
    by_force = influence(stage, available)
    made = list(results(stage, stage.run(**stand_ins(stage, available)[0])))
    shapes = {row.name: tuple(tensor.shape) for row, tensor in made}
    call, leaves = stand_ins(stage, available)
    inputs = {name: tuple(leaf.shape) for name, leaf in leaves.items()}
    inputs |= {stage.inputs[name]: tuple(flags.shape) for name, flags in flags_of(call).items()}
    column = 0
    for name, shape in shapes.items():
        for cell in product(*map(range, shape)):
            marks = read(stage, {name: one_hot(shape, cell)}, available)
            assert marks.keys() == by_force.keys()
            for source, found in marks.items():
                assert torch.equal(found.flatten(), by_force[source][:, column]), (
                    stage.key,
                    name,
                    cell,
                    source,
                )
            column += 1
    for source, shape in inputs.items():
        for row, cell in enumerate(product(*map(range, shape))):
            marks = fed(stage, {source: one_hot(shape, cell)}, available)
            flat = torch.cat([marks[name].flatten() for name in shapes])
            assert torch.equal(flat, by_force[source][row]), (stage.key, source, cell)


def stages_where(trace, *names):
    return [stage for stage in trace.pipeline if {made.name for made in stage.makes} & set(names)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_stage_reads_and_feeds_what_brute_force_finds(layout, bias):
    trace = run(tiny(layout=layout, mask="both", bias=bias))
    for stage in trace.pipeline:
        assert_stage_is_as_brute_force_says(stage, one_item(trace, 1))


@pytest.mark.parametrize("lengths", [(4, 2), (0, 3), (0, 0)])
@pytest.mark.parametrize("mask", MASKS)
def test_under_every_mask_hidden_cells_are_not_read(mask, lengths):
    trace = run(tiny(mask=mask, lengths=lengths))
    hidden = hidden_by_loop(mask, lengths, TOKEN)
    for item in range(BATCH):
        available = one_item(trace, item)
        for stage in stages_where(trace, "masked", "weights", "context"):
            assert_stage_is_as_brute_force_says(stage, available)
        (stage,) = stages_where(trace, "masked")
        everything = torch.ones((1, HEAD, TOKEN, TOKEN), dtype=torch.bool)
        marks = read(stage, {"masked": everything}, available)
        assert torch.equal(marks["scaled"], ~hidden[item].expand(1, HEAD, -1, -1))


@pytest.mark.parametrize("kind", ["words", "words in order", "given"])
def test_the_stage_that_makes_x_reads_what_brute_force_finds(kind):
    text = {"text": "a b a c\nd"} if "words" in kind else {}
    config = tiny(**{**INPUTS[kind], **text}, lengths=())
    trace = run(config, x=own_x(config) if kind == "given" else None)
    for item in range(BATCH):
        assert_stage_is_as_brute_force_says(trace.stage("x"), one_item(trace, item))


def test_numbers_that_are_drawn_come_from_nowhere():
    trace = run(tiny())
    assert (
        read(trace.stage("x"), {"x": torch.ones(1, TOKEN, INPUT_DIM, dtype=torch.bool)}, one_item(trace, 0))
        == {}
    )


@pytest.mark.parametrize("faulty", [faulty_join, faulty_split])
def test_a_faulty_stage_reads_what_brute_force_finds(faulty):
    config = tiny()
    trace = run(config, pipeline=faulty(config))
    for stage in stages_where(trace, "reshape", "concat"):
        assert_stage_is_as_brute_force_says(stage, one_item(trace, 0))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_size_may_be_one(layout):
    trace = run(Config(**ONES, layout=layout, mask="causal"))
    for stage in trace.pipeline:
        if stage.run is not softmax:
            assert_stage_is_as_brute_force_says(stage, one_item(trace, 0))
    # a single key's weight is 1 whatever its score: read, though no change shows it
    (stage,) = stages_where(trace, "weights")
    assert not influence(stage, one_item(trace, 0))["masked"].any()
    assert read(stage, {"weights": torch.ones(1, 1, 1, 1, dtype=torch.bool)}, one_item(trace, 0))[
        "masked"
    ].all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_origins_are_a_matter_of_wiring_not_of_the_numbers_that_ran(layout):
    config = tiny(layout=layout, mask="both", lengths=(0, 5))
    clean = run(config, x=own_x(config))
    bad = own_x(config)
    bad[0, 1, 0], bad[1, 2, 1], bad[1, 0, 0] = float("nan"), float("inf"), -float("inf")
    broken = run(config, x=bad)
    assert broken["out"].isnan().all()
    for name in clean.names:
        for item in range(BATCH):
            cell = (item, *[0] * (clean[name].ndim - 1))
            one, other = trail(clean, name, cell), trail(broken, name, cell)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one)


# One item.


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_one_item_alone_reads_what_it_reads_in_the_whole_batch(kind, layout, mask):
    trace = run_kind(kind, layout=layout, mask=mask, lengths=(7, 4))
    whole = trace.available
    for item, stage in product(range(2), trace.pipeline):
        alone = one_item(trace, item)
        for made in stage.makes:
            shape = tuple(trace[made.name].shape)
            cell = tuple(size // 2 for size in shape[1:])
            mine = read(stage, {made.name: one_hot((1, *shape[1:]), (0, *cell))}, alone)
            all_of_it = read(stage, {made.name: one_hot(shape, (item, *cell))}, whole)
            assert mine.keys() == all_of_it.keys()
            for name, found in all_of_it.items():
                if found.shape[0] == 2 and found.ndim > 2:  # it has a batch axis: nothing of the other item
                    assert torch.equal(found[item : item + 1], mine[name]), (stage.key, name)
                    assert not found[1 - item].any()
                else:
                    assert torch.equal(found, mine[name]), (stage.key, name)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_every_stage_run_on_one_item_makes_that_items_numbers(kind, layout, mask):
    trace = run_kind(kind, layout=layout, mask=mask, lengths=(7, 4), dtype="float64")
    for item, stage in product(range(2), trace.pipeline[1:] if kind == "normal" else trace.pipeline):
        call = {parameter: one_item(trace, item)[name] for parameter, name in stage.inputs.items()}
        with torch.inference_mode():
            for made, tensor in results(stage, stage.run(**call)):
                near = same(tensor, trace[made.name][item : item + 1]) or torch.allclose(
                    tensor, trace[made.name][item : item + 1], rtol=0, atol=1e-14
                )
                assert near, made.name


# A whole trail.


def test_the_trail_of_a_score_is_what_following_it_by_hand_gives():
    trace = run(small(mask="causal"))
    found = trail(trace, "scores", (1, 2, 5, 3))
    weight = torch.zeros(165, 13, dtype=torch.bool)
    weight[2 * 33 : 2 * 33 + 22] = True  # head 2: the rows of its q and its k
    wanted = {
        "x": ((1, 7, 13), lambda m: (m[0, 5], m[0, 3])),
        "qkv": ((1, 7, 165), lambda m: (m[0, 5, 66:77], m[0, 3, 77:88])),
        "reshape": ((1, 7, 5, 33), lambda m: (m[0, 5, 2, :11], m[0, 3, 2, 11:22])),
        "permute": ((1, 5, 7, 33), lambda m: (m[0, 2, 5, :11], m[0, 2, 3, 11:22])),
        "q": ((1, 5, 7, 11), lambda m: (m[0, 2, 5],)),
        "k": ((1, 5, 7, 11), lambda m: (m[0, 2, 3],)),
        "scores": ((1, 5, 7, 7), lambda m: (m[0, 2, 5, 3],)),
        "scaled": ((1, 5, 7, 7), lambda m: (m[0, 2, 5, 3],)),
        "masked": ((1, 5, 7, 7), lambda m: (m[0, 2, 5, 3],)),
        "weights": ((1, 5, 7, 7), lambda m: (m[0, 2, 5],)),
        "context": ((1, 5, 7, 11), lambda m: (m[0, 2, 5],)),
        "concat": ((1, 7, 55), lambda m: (m[0, 5, 22:33],)),
        "out": ((1, 7, 55), lambda m: (m[0, 5],)),
        "qkv_layer.weight": ((165, 13), lambda m: (m[66:88],)),
        "qkv_layer.bias": ((165,), lambda m: (m[66:88],)),
    }
    assert found.keys() == wanted.keys()
    for name, (shape, marked) in wanted.items():
        marks = torch.zeros(shape, dtype=torch.bool)
        for part in marked(marks):
            part.fill_(True)
        assert torch.equal(found[name], marks), name
    assert torch.equal(found["qkv_layer.weight"], weight)


def test_the_trail_of_a_hidden_score_ends_at_the_mask():
    trace = run(small(mask="causal"))
    found = trail(trace, "scores", (0, 1, 2, 6))
    assert {"x", "q", "k", "scores", "scaled"} <= found.keys()
    assert not {"masked", "weights", "out"} & found.keys()
    available, stage = one_item(trace, 0), trace.stage("masked")
    assert kept_out(stage, {"scaled": found["scaled"]}, available)["masked"].nonzero().tolist() == [
        [0, 1, 2, 6]
    ]
    seen = trail(trace, "scores", (0, 1, 2, 1))
    assert kept_out(stage, {"scaled": seen["scaled"]}, available) == {}
    assert kept_out(trace.stage("weights"), {"masked": seen["masked"]}, available) == {}


@pytest.mark.parametrize("cell", [(1, 2, 3, 6), (1, 2, 3, 0)])
def test_the_trail_of_a_masked_cell_leads_through_the_mask(cell):
    trace = run(small(mask="causal"))
    hides = bool(trace["mask"][1, 0, 3, cell[-1]])
    assert hides == (cell[-1] == 6)
    found = trail(trace, "masked", cell)
    assert found["mask"].nonzero().tolist() == [[0, 0, 3, cell[-1]]]
    assert ("scaled" in found) == (not hides)  # what was replaced was not read
    assert found["weights"].nonzero().tolist() == [[0, 2, 3, key] for key in range(7)]


def test_the_trail_of_a_flag_leads_on_through_every_head():
    trace = run(small(mask="causal"))
    found = trail(trace, "mask", (1, 0, 3, 6))
    assert found["masked"].nonzero().tolist() == [[0, head, 3, 6] for head in range(5)]
    assert found["out"].nonzero()[:, 1].unique().tolist() == [3]
    assert not {"x", "q", "scaled"} & found.keys()


def test_a_mask_laid_over_other_axes_is_followed_as_it_ran():
    trace = run(tiny(mask="both"))

    def hide_the_wrong_way(scaled, mask):
        return scaled.masked_fill(mask.transpose(-2, -1), float("-inf"))

    pipeline = with_run(trace.config, hide, hide_the_wrong_way, "masked")
    wrong = run(trace.config, pipeline=pipeline)
    assert trail(wrong, "masked", (1, 2, 3, 1))["mask"].nonzero().tolist() == [[0, 0, 1, 3]]
    assert_stage_is_as_brute_force_says(wrong.stage("masked"), one_item(wrong, 1))


def test_the_trail_of_a_word_leads_back_to_the_words_table():
    trace = run_kind("words in order")
    found = trail(trace, "x", (1, 1, 4))
    row = trace.given["token_ids"][1, 1].item()
    assert found["embedding"].nonzero().tolist() == [[row, 4]]
    assert found["position"].nonzero().tolist() == [[1, 4]]


@pytest.mark.parametrize("mask", MASKS)
def test_a_trail_on_holds_all_that_changes_with_the_input_and_nothing_else_but_hidden_keys(mask):
    config = tiny(mask=mask, dtype="float64", lengths=(4, 2))
    x = own_x(config).double()
    first = run(config, x=x)
    hidden = hidden_by_loop(mask, (4, 2), TOKEN)[0]
    alone = (~hidden).sum(-1, keepdim=True) == 1  # a single key's weight is 1 whatever its score
    for token in range(TOKEN):
        changed = x.clone()
        changed[0, token, 1] += 0.375
        second = run(config, x=changed)
        found = trail(first, "x", (0, token, 1))
        for name in (
            "qkv",
            "q",
            "k",
            "v",
            "scores",
            "scaled",
            "masked",
            "weights",
            "context",
            "concat",
            "out",
        ):
            changes = first[name][:1] != second[name][:1]
            marks = found.get(name, torch.zeros(1, dtype=torch.bool)).expand(changes.shape)
            assert not (changes & ~marks).any(), name
            if name in ("weights", "context", "concat", "out") and mask != "none":
                # a hidden key takes part times zero: its weight and what is made of it are marked
                extra = marks & ~changes
                assert name != "weights" or not (extra & ~hidden & ~alone).any()
            else:
                assert torch.equal(changes, marks), name


# Boxes.


@pytest.mark.parametrize(
    ("indices", "found"),
    [([], ()), ([3], ((3, 4),)), ([0, 1, 2, 5], ((0, 3), (5, 6))), ([1, 3, 5], ((1, 2), (3, 4), (5, 6)))],
)
def test_rising_indices_are_written_as_ranges(indices, found):
    assert ranges(indices) == found


def painted(found, shape):
    """Paint boxes back; no cell may be painted twice."""
    times = torch.zeros(shape, dtype=torch.int64)
    for box in found:
        for corner in product(*box):
            times[tuple(slice(low, high) for low, high in corner)] += 1
    assert times.max() <= 1
    return times.bool()


@pytest.mark.parametrize("shape", [(5,), (2, 7), (2, 3, 5), (2, 3, 5, 7), (1, 1, 1, 1)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_boxes_painted_back_are_the_marks(shape, share):
    marks = torch.rand(shape, generator=torch.Generator().manual_seed(len(shape))) < share
    assert torch.equal(painted(boxes(marks), shape), marks)


def test_marks_that_are_a_box_become_one_box():
    marks = torch.zeros((2, 5, 7, 7), dtype=torch.bool)
    marks[1, 2:4, 3, :] = True
    assert boxes(marks) == ((((1, 2),), ((2, 4),), ((3, 4),), ((0, 7),)),)
    assert boxes(torch.zeros((3, 4), dtype=torch.bool)) == ()
    two = torch.zeros((2, 7, 11), dtype=torch.bool)
    two[0, 1], two[0, 4] = True, True
    assert boxes(two) == ((((0, 1),), ((1, 2), (4, 5)), ((0, 11),)),)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_boxes_of_a_trail_paint_its_marks(layout):
    trace = run(small(layout=layout, mask="causal"))
    for name, marks in trail(trace, "context", (0, 3, 4, 5)).items():
        found = boxes(marks)
        assert torch.equal(painted(found, tuple(marks.shape)), marks), name
        assert len(found) <= 4


# Moves.


@pytest.mark.parametrize("kind", ["words", "given"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_stage_that_moves_reads_one_cell_of_the_same_number_and_no_other_stage_does(layout, kind):
    trace = run_kind(kind, layout=layout)
    found = {}
    for stage in trace.pipeline:
        available, single = trace.available, True
        for made in stage.makes:
            tensor = trace[made.name]
            for cell in [cell for place, cell in enumerate(cells_of(tensor)) if place % 29 == 0]:
                marks = read(stage, {made.name: one_hot(tuple(tensor.shape), cell)}, available)
                sources = [(name, tuple(at)) for name, m in marks.items() for at in m.nonzero().tolist()]
                if len(sources) != 1 or "." in sources[0][0]:
                    single = False
                    break
                ((name, source),) = sources
                single = single and available[name][source].item() == tensor[cell].item()
        found[stage.key] = single
    moves = {stage.key for stage in trace.pipeline if stage.moves}
    alone = {key for key, single in found.items() if single}
    # hiding nothing (no mask) hands every number on, too, but fills elsewhere: it is no move
    assert alone - {"hide"} == moves
    assert {"join", trace.pipeline[0].key} <= moves


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_cell_is_the_number_of_its_root(layout):
    trace = run(small(layout=layout))
    sizes = item_sizes(trace.config.sizes)
    rooted = {}
    for name, (root, flat) in roots(trace.pipeline, sizes).items():
        assert flat.shape == trace[name][:1].shape
        if trace[name].dtype != torch.bool:
            assert torch.equal(trace[root][0].flatten()[flat[0]], trace[name][0]), name
        rooted.setdefault(root, []).append(name)
    own = ["x", "mask", "scores", "scaled", "masked", "weights", "out"]
    moved = {
        "per_head": "qkv reshape permute q k v",
        "stacked": "qkv q_all k_all v_all q_split k_split v_split q k v",
    }
    assert rooted == {
        **{name: [name] for name in own},
        "qkv": moved[layout].split(),
        "context": ["context", "concat"],
    }


# Labels: token, head and role of origin, from the axes by another way.

ROLE = {"q": 0, "k": 1, "v": 2}


def expected_label(
    name: str, axes: str, cell: tuple[int, ...], paint: str, sizes: dict[str, int]
) -> int | None:
    """Walk along the written axes of one cell; q, k and v (and their parts) say their role in their name."""
    groups = [group.split() for group in axes.replace("(", "|").replace(")", "|").split("|")]
    brackets = [
        groups[place] if place % 2 else [[word] for word in groups[place]] for place in range(len(groups))
    ]
    words = [each for place, group in enumerate(brackets) for each in ([group] if place % 2 else group)]
    where = {}
    for index, group in zip(cell, words, strict=True):
        for word in reversed(group):
            index, where[word] = divmod(index, sizes[word])  # noqa: PLW2901 - the rest goes to the slower words
    if paint == "token":
        tokens = [where[word] for word in ("token", "query", "key") if word in where]
        return tokens[0] if len(tokens) == 1 else None
    if paint == "head":
        return where.get("head")
    return where.get("qkv", ROLE.get(name.split("_", maxsplit=1)[0]))


@pytest.mark.parametrize("paint", ["token", "head", "role"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_are_what_the_written_axes_say(layout, paint):
    config = small(layout=layout, mask="causal")
    pipeline, sizes = pipeline_for(config), item_sizes(config.sizes)
    answered = []
    for name, (_, flat) in roots(pipeline, sizes).items():
        axes = next(made.axes for stage in pipeline for made in stage.makes if made.name == name)
        wanted = [expected_label(name, axes, cell, paint, dict(sizes)) for cell in cells_of(flat)]
        found = labels(pipeline, sizes, name, paint)
        if found is None:
            # out mixes all heads, context has no role, a score is made of two tokens
            assert set(wanted) == {None}, name
            continue
        assert found.expand(flat.shape).flatten().tolist() == wanted, name
        assert all(
            size == 1 or not (found == found.narrow(axis, 0, 1)).all()
            for axis, size in enumerate(found.shape)
        ), "an axis along which nothing changes has size 1"
        answered.append(name)
    assert "qkv" in answered and "q" in answered
    assert ("concat" in answered) == (paint != "role")


def test_a_wrong_split_is_told_apart_by_its_labels():
    config = small()
    right, wrong = pipeline_for(config), faulty_split(config)
    sizes = item_sizes(config.sizes)
    for name in ("reshape", "permute", "q"):
        assert roots(right, sizes)[name][1].shape == roots(wrong, sizes)[name][1].shape
        for paint in ("token", "head"):
            good, bad = labels(right, sizes, name, paint), labels(wrong, sizes, name, paint)
            assert good.numel() == {"token": 7, "head": 5}[paint]
            assert bad.numel() > good.numel()
            assert not torch.equal(
                bad.expand(roots(right, sizes)[name][1].shape),
                good.expand(roots(right, sizes)[name][1].shape),
            )
    # in the wrong one, head 0 of token 1 is head 1 of token 0: row (0, 1) of five times seven
    assert labels(wrong, sizes, "reshape", "head")[0, 1, 0, 0] == 1
    assert labels(wrong, sizes, "reshape", "token")[0, 1, 0, 0] == 0
    assert torch.equal(labels(wrong, sizes, "qkv", "head"), labels(right, sizes, "qkv", "head"))


def test_a_join_without_permute_is_told_apart_by_labels_and_origins():
    config = small()
    right, wrong = run(config), run(config, pipeline=faulty_join(config))
    sizes = item_sizes(config.sizes)
    good, bad = (labels(trace.pipeline, sizes, "concat", "token") for trace in (right, wrong))
    assert good.flatten().tolist() == list(range(7))
    assert bad.shape == (1, 7, 55)  # the tokens change inside every row
    assert bad[0, 0].tolist() == [token for token in range(5) for _ in range(11)]
    assert labels(wrong.pipeline, sizes, "concat", "head")[0, :, 0].flatten().tolist() == [
        0,
        0,
        1,
        2,
        2,
        3,
        4,
    ]
    for trace, source in ((right, [0, 2, 3, 4]), (wrong, [0, 2, 3, 4])):
        marks = trail(trace, "concat", (1, 3, 26))["context"].nonzero().tolist()
        flat = 3 * 55 + 26  # read straight through as (head, token, head_dim)
        wanted = source if trace is right else [0, flat // 77, flat % 77 // 11, flat % 11]
        assert marks == [wanted]


def test_stand_ins_are_between_a_half_and_one_and_a_half_and_leave_the_run_alone():
    trace = run(small(mask="causal"))
    kept = {name: tensor.clone() for name, tensor in trace.tensors.items()}
    weight = trace.parameters["qkv_layer"].weight.clone()
    for stage in trace.pipeline:
        call, leaves = stand_ins(stage, trace.available)
        for leaf in leaves.values():
            assert leaf.dtype == torch.float64 and 0.5 <= leaf.min() and leaf.max() <= 1.5
        assert all(
            not isinstance(value, Tensor | nn.Linear) or value is not trace.available[stage.inputs[name]]
            for name, value in call.items()
        )
        made = stage.makes[0].name
        read(stage, {made: torch.ones(trace[made].shape, dtype=torch.bool)}, trace.available)
    assert all(same(kept[name], trace[name]) for name in trace.names)
    assert torch.equal(trace.parameters["qkv_layer"].weight, weight)


def test_the_callers_layers_keep_asking_for_gradients_and_get_none():
    config = tiny()
    with torch.random.fork_rng():
        own = {"qkv_layer": nn.Linear(INPUT_DIM, 36), "out_layer": nn.Linear(12, 12)}
    trace = run(config, parameters=own)
    assert trail(trace, "out", (0, 1, 2))["qkv_layer.weight"].any()
    assert own["qkv_layer"].weight.requires_grad and own["qkv_layer"].weight.grad is None


def test_a_changed_row_is_another_key_for_what_is_kept():
    config = small()
    pipeline = pipeline_for(config)
    other = tuple(replace(stage, moves=False) for stage in pipeline)
    sizes = item_sizes(config.sizes)
    assert roots(pipeline, sizes)["q"][0] == "qkv" and roots(other, sizes)["q"][0] == "q"
    assert edges("batch query") is edges("batch query")

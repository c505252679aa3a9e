"""What is packed for the browser, unpacked and compared with every tensor to the bit."""

import json
import struct
from itertools import product

import numpy as np
import pytest
import torch

from mha_core import Config, run
from mha_core.config import DTYPES, LAYOUTS, MASKS, PAD
from mha_core.errors import WindowError
from mha_core.figures.cells import BUDGET, FACE, describe, faces, statistics, widened
from mha_core.figures.texts import constant_json
from mha_core.figures.to_bytes import Buffers, pack, run_bytes, run_id, unpack, unpacked
from mha_core.listing import filled
from mha_core.origins import item_sizes, labels
from tests.core.grid import INPUTS, ONES, faulty_join, faulty_split, layouts_and_masks, own_x, run_kind, small

KIND = {"float32": "f4", "float64": "f8", "bfloat16": "f4", "float16": "f4"}


def plain(tensor):
    """A tensor's numbers by another way: 16-bit numbers through a list of Python's own floats."""
    if tensor.dtype in (torch.bfloat16, torch.float16):
        return np.array(tensor.tolist(), dtype=np.float32)
    return tensor.numpy()


def bits(array):
    """The bytes of an array, so that -0 is not 0; every NaN is the same NaN."""
    one = (
        np.where(np.isnan(array), np.array(np.nan, array.dtype), array) if array.dtype.kind == "f" else array
    )
    return array.shape, array.dtype.str, one.tobytes()


def assert_bytes_are_the_tensors(trace, item=0, picture=None):
    __tracebackhide__ = True
    header, buffers = unpack(run_bytes(trace, picture or describe(trace, item)))
    assert [tensor["name"] for tensor in header["tensors"]] == list(trace.names)
    assert header["whole"]
    for tensor in header["tensors"]:
        name = tensor["name"]
        real = trace[name]
        assert tensor["shape"] == list(real.shape)
        (piece,) = tensor["pieces"]
        assert piece["start"] == [item, *[0] * (real.ndim - 1)] and piece["step"] == [1] * real.ndim
        assert piece["kind"] == ("u1" if real.dtype == torch.bool else KIND[trace.config.dtype])
        found, wanted = unpacked(piece, buffers), plain(real[item : item + 1])
        assert bits(found.astype(bool) if real.dtype == torch.bool else found) == bits(wanted), name
    return header, buffers


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_every_item_of_every_run_comes_back_to_the_bit(kind, layout, mask):
    trace = run_kind(kind, layout=layout, mask=mask, lengths=(7, 4))
    for item in range(2):
        assert_bytes_are_the_tensors(trace, item)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_kind_of_number_comes_back_to_the_bit(layout, dtype):
    trace = run(small(layout=layout, mask="both", dtype=dtype, lengths=(0, 4)))
    for item in range(2):
        header, _ = assert_bytes_are_the_tensors(trace, item)
        assert header["dtype"] == dtype


@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_every_size_may_be_one(layout, mask):
    assert_bytes_are_the_tensors(run(Config(**ONES, layout=layout, mask=mask)))


def test_numbers_that_are_not_finite_come_back_to_the_bit():
    config = small()
    x = own_x(config)
    x[0, 0, :5] = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])
    header, _ = assert_bytes_are_the_tensors(run(config, x=x))
    found = header["tensors"][0]["statistics"]
    assert (found["nan"], found["infinite"], found["finite"]) == (1, 2, 7 * 13 - 3)


@pytest.mark.parametrize("view", ["transposed", "part of a larger one", "repeated"])
def test_an_x_that_is_a_view_comes_back_to_the_bit(view):
    config = small()
    numbers = torch.randn((13, 7, 9), generator=torch.Generator().manual_seed(0))
    x = {
        "transposed": numbers.permute(2, 1, 0)[:2],
        "part of a larger one": numbers.flatten()[:728].reshape(4, 14, 13)[1:3, ::2],
        "repeated": numbers.flatten()[:13].expand(2, 7, 13),
    }[view]
    trace = run(config, x=x)
    for item in range(2):
        assert_bytes_are_the_tensors(trace, item)


# A faulty move draws as it ran.


def test_a_split_that_reads_the_wrong_order_is_packed_as_it_ran():
    config = small()
    right, wrong = run(config), run(config, pipeline=faulty_split(config))
    for item in range(2):
        header, _ = assert_bytes_are_the_tensors(wrong, item)
        found = {tensor["name"]: tensor for tensor in header["tensors"]}
        good = {
            tensor["name"]: tensor for tensor in unpack(run_bytes(right, describe(right, item)))[0]["tensors"]
        }
        for name in ("reshape", "permute", "q", "k", "v"):
            (piece,), (qkv,), (other,) = found[name]["pieces"], found["qkv"]["pieces"], good[name]["pieces"]
            assert piece["at"] == qkv["at"]  # a view: no number is sent twice
            assert piece["strides"] == list(wrong[name].stride())
            assert piece["strides"] != other["strides"] and piece["shape"] == other["shape"]
    texts = {tensor: stage["text"] for stage in header["stages"] for tensor in stage["makes"]}
    assert texts["reshape"] == "" and texts["permute"] != ""  # the fault's text is not that of what ships
    filled_in = {stage["makes"][0]: stage["filled"] for stage in header["stages"]}
    assert filled_in["reshape"] == "reshape = qkv.reshape(2, 5, 7, 3 * 11).permute(0, 2, 1, 3)"


def test_a_join_without_permute_is_packed_as_it_ran():
    config = small()
    wrong = run(config, pipeline=faulty_join(config))
    for item in range(2):
        header, _ = assert_bytes_are_the_tensors(wrong, item)
    found = {tensor["name"]: tensor for tensor in header["tensors"]}
    # nothing was permuted, so the wrong concat is the very memory of context
    assert found["concat"]["memory"]["view_of"] == "context"
    assert found["concat"]["pieces"][0]["at"] == found["context"]["pieces"][0]["at"]


def held(tensor):
    """The bytes of a tensor's numbers, each place in memory counted once."""
    places = {
        sum(at * stride for at, stride in zip(cell, tensor.stride(), strict=True))
        for cell in product(*map(range, tensor.shape))
    }
    return len(places) * tensor.element_size()


@pytest.mark.parametrize(("mask", "shared"), [("none", 1), ("causal", 2), ("padding", 7), ("both", 1)])
def test_a_mask_that_is_laid_out_again_and_again_is_held_once(mask, shared):
    trace = run(small(mask=mask, lengths=(7, 4)))
    (memory,) = (block.memory for block in describe(trace).blocks if block.name == "mask")
    assert memory.bytes == held(trace["mask"]) == 2 * 7 * 7 // shared
    assert (0 in memory.strides) == (shared > 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_shares_memory_is_sent_once(layout):
    trace = run(small(layout=layout, mask="causal"))
    header, _ = unpack(run_bytes(trace, describe(trace)))
    starts = {tensor["name"]: tensor["pieces"][0]["at"] for tensor in header["tensors"]}
    memory = {tensor["name"]: tensor["memory"] for tensor in header["tensors"]}
    for one, other in product(trace.names, trace.names):
        shared = trace[one].untyped_storage().data_ptr() == trace[other].untyped_storage().data_ptr()
        assert (starts[one] == starts[other]) == shared, (one, other)
    for name in trace.names:
        assert memory[name] == {
            "strides": list(trace[name].stride()),
            "offset": trace[name].storage_offset(),
            "contiguous": trace[name].is_contiguous(),
            "view_of": "qkv" if starts[name] == starts["qkv"] and name != "qkv" else "",
            "bytes": held(trace[name]),
        }
    assert len({starts[name] for name in trace.names}) == 10  # all but qkv's views


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bias", [True, False])
def test_every_stage_that_ships_is_sent_with_its_text(layout, bias):
    trace = run(small(layout=layout, bias=bias))
    header, _ = unpack(run_bytes(trace, describe(trace)))
    texts = json.loads(constant_json())["stages"]
    said = {stage["makes"][0]: texts[stage["text"]] for stage in header["stages"]}
    assert [stage.why for stage in trace.pipeline] == [text["why"] for text in said.values()]
    for name in ("qkv", "out"):
        assert ("<mi>b</mi>" in said[name]["formula"]) == bias


# Above the budget.


def large(**settings):
    return run(Config(batch_size=2, sequence_length=67, input_dim=13, d_model=1515, num_heads=5, **settings))


def cells_sent(tensor, buffers):
    """Every piece with the part of the whole tensor that it says it is."""
    for piece in tensor["pieces"]:
        index = tuple(
            slice(start, start + (size - 1) * step + 1, step)
            for start, step, size in zip(piece["start"], piece["step"], piece["shape"], strict=True)
        )
        yield piece, unpacked(piece, buffers), index


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_above_the_budget_the_faces_are_the_tensors_cells(layout, dtype):
    trace = large(layout=layout, dtype=dtype, mask="causal")
    for item in range(2):
        header, buffers = unpack(run_bytes(trace, describe(trace, item)))
        assert not header["whole"]
        for tensor in header["tensors"]:
            real = trace[tensor["name"]]
            rows, columns = real.shape[-2:]
            down, across = -(-rows // FACE), -(-columns // FACE)
            covered = torch.zeros(real.shape, dtype=torch.bool)
            for _, found, index in cells_sent(tensor, buffers):
                covered[index] = True
                assert bits(found.astype(bool) if real.dtype == torch.bool else found) == bits(
                    plain(real[index])
                )
            wanted = torch.zeros(real.shape, dtype=torch.bool)
            front = (item, *[0] * (real.ndim - 3))
            wanted[(*front, slice(0, None, down), slice(0, None, across))] = True
            if real.ndim == 4:
                wanted[item, :, 0, ::across] = True
                wanted[item, :, ::down, columns - 1] = True
            assert torch.equal(covered, wanted), tensor["name"]


def test_faces_show_every_index_up_to_a_limit_and_beyond_it_every_nth():
    trace = run(Config(sequence_length=2, input_dim=FACE, d_model=FACE + 2, num_heads=1))
    assert faces(trace, "x", 0)[0].step == (1, 1, 1)
    assert faces(trace, "out", 0)[0].step == (1, 1, 2)
    assert faces(trace, "out", 0)[0].values.shape == (1, 2, FACE // 2 + 1)
    assert torch.equal(faces(trace, "out", 0)[0].values, trace["out"][:, :, ::2])


@pytest.mark.parametrize("name", ["qkv", "permute", "q", "v", "mask", "weights", "out"])
def test_above_the_budget_the_open_tensor_is_sent_sheet_by_sheet(name):
    trace = large(mask="causal")
    for item, wanted in ((0, 0), (1, 2)):
        sheet = wanted if trace[name].ndim == 4 and trace[name].shape[1] > wanted else 0
        header, buffers = unpack(run_bytes(trace, describe(trace, item, open_name=name, sheet=sheet)))
        tensor = next(tensor for tensor in header["tensors"] if tensor["name"] == name)
        covered = torch.zeros(trace[name].shape, dtype=torch.bool)
        for _, found, index in cells_sent(tensor, buffers):
            covered[index] = True
            real = plain(trace[name][index])
            assert bits(found.astype(bool) if trace[name].dtype == torch.bool else found) == bits(real)
        if trace[name][item].numel() * trace[name].element_size() <= BUDGET:
            assert covered[item].all()
        else:
            assert (covered[item, sheet] if trace[name].ndim == 4 else covered[item]).all()
        assert not covered[1 - item].any()


def test_an_open_tensor_above_the_budget_is_cut_to_whole_sheets_within_it():
    trace = run(Config(sequence_length=97, input_dim=13, d_model=2005, num_heads=5))
    one = trace["permute"][:, :1].numel() * 4
    assert BUDGET // one == 2 and trace["permute"].numel() * 4 > BUDGET
    for sheet, stop in ((0, 2), (2, 4), (4, 5)):
        picture = describe(trace, 0, open_name="permute", sheet=sheet)
        block = next(block for block in picture.blocks if block.name == "permute")
        opened = block.pieces[-1]
        assert opened.start == (0, sheet, 0, 0)
        assert torch.equal(opened.values, trace["permute"][:, sheet:stop])
        header, buffers = unpack(run_bytes(trace, picture))
        piece = next(tensor for tensor in header["tensors"] if tensor["name"] == "permute")["pieces"][-1]
        assert bits(unpacked(piece, buffers)) == bits(plain(trace["permute"][:, sheet:stop]))


@pytest.mark.parametrize("sheet", [5, -1, 99])
def test_a_sheet_that_is_not_there_is_refused(sheet):
    trace = run(Config(sequence_length=97, input_dim=13, d_model=2005, num_heads=5))
    with pytest.raises(WindowError, match="'permute': it has 5, so 0 to 4"):
        describe(trace, 0, open_name="permute", sheet=sheet)


@pytest.mark.parametrize("item", [2, -1])
def test_an_item_that_is_not_there_is_refused(item):
    with pytest.raises(WindowError, match="of axis 'batch' is empty or outside 'x': it has 2, so 0 to 1"):
        describe(run(small()), item)


# What else the header says.


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_of_origin_come_back(layout):
    trace = run(small(layout=layout, mask="causal"))
    sizes = item_sizes(trace.config.sizes)
    header, _ = unpack(run_bytes(trace, describe(trace)))
    read_back = 0
    for tensor in header["tensors"]:
        for paint in ("token", "head", "role"):
            wanted = labels(trace.pipeline, sizes, tensor["name"], paint)
            assert (wanted is not None) == (paint in tensor["origins"])
            if wanted is None:
                continue
            packed = tensor["origins"][paint]
            shape = [1, *tensor["shape"][1:]]
            flat = np.repeat(packed["runs"][::2], packed["runs"][1::2])
            strides = [stride * flat.itemsize for stride in packed["strides"]]
            found = np.ndarray(shape, flat.dtype, flat, 0, strides)
            assert found.tolist() == wanted.expand(shape).tolist(), (tensor["name"], paint)
            assert packed["count"] == wanted.max() + 1
            read_back += 1
    assert read_back > 20


@pytest.mark.parametrize(("layout", "mask"), layouts_and_masks())
def test_the_header_says_of_every_tensor_what_its_row_says(layout, mask):
    trace = run_kind("words in order", layout=layout, mask=mask)
    header, _ = unpack(run_bytes(trace, describe(trace, 1), notes=("a note",)))
    assert header["notes"] == ["a note"] and header["item"] == 1
    assert header["tokens"] == ["rain", "fell", *[PAD] * 5]
    assert header["sizes"] == trace.config.sizes and header["id"] == run_id(trace.config)
    for tensor in header["tensors"]:
        made = trace.made(tensor["name"])
        words = [" ".join(edge["words"]) for edge in tensor["edges"]]
        assert " ".join(f"({word})" if " " in word else word for word in words) == made.axes
        assert [np.prod(edge["sizes"]) for edge in tensor["edges"]] == tensor["shape"]
        assert (tensor["values"], tensor["paint"]) == (made.values, made.paint)
        role = tensor["name"][0] if tensor["name"][:2] in ("q", "k", "v", "q_", "k_", "v_") else ""
        assert tensor["role"] == role
        assert tensor["hidden"] == ("mask" if tensor["name"] in ("masked", "weights") else "")
        numbers = widened(trace[tensor["name"]][1]).astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        said = tensor["statistics"]
        assert said["low"] == pytest.approx(finite.min(), rel=1e-8)
        assert said["high"] == pytest.approx(finite.max(), rel=1e-8)
        assert said["mean"] == pytest.approx(finite.mean(), rel=1e-6, abs=1e-9)
        assert said["deviation"] == pytest.approx(finite.std(), rel=1e-6, abs=1e-9)
        assert said["finite"] + said["nan"] + said["infinite"] == numbers.size
        assert sum(said["counts"]) == said["finite"]
    for stage, said in zip(trace.pipeline, header["stages"], strict=True):
        assert said["makes"] == [made.name for made in stage.makes]
        assert said["filled"] == filled(stage, trace.given)


def test_scores_and_what_is_made_of_them_share_one_range():
    trace = run(small(mask="causal"))
    header, _ = unpack(run_bytes(trace, describe(trace)))
    found = {tensor["name"]: tensor for tensor in header["tensors"]}
    assert found["scaled"]["shared"] == found["masked"]["shared"] == found["scores"]["limit"]
    assert found["scaled"]["limit"] < found["scores"]["limit"]
    sizes = sorted(abs(number) for number in trace["scores"][0].flatten().tolist())
    beyond = sum(size > found["scores"]["limit"] * (1 + 1e-8) for size in sizes)
    assert beyond <= 0.005 * len(sizes)
    assert found["scores"]["limit"] <= sizes[-1] * (1 + 1e-8)


def test_a_name_is_the_same_for_the_same_settings_and_another_for_others():
    assert run_id(small()) == run_id(small()) != run_id(small(seed=1))
    trace = run(small())
    assert unpack(run_bytes(trace, describe(trace), identity="own"))[0]["id"] == "own"


def test_numbers_start_on_multiples_of_eight():
    for text in ("", "a", "ab", "é", "🐈", "x" * 100):
        buffers = Buffers()
        places = [buffers.add(np.arange(count, dtype=np.uint8)) for count in (3, 8, 0, 1)]
        assert places == [0, 8, 16, 16]
        header = {"text": text, "tensors": []}
        data = pack(header, buffers)
        (length,) = struct.unpack_from("<I", data)
        assert (4 + length) % 8 == 0 and len(data) == 4 + length + 24
        assert unpack(data)[0] == header
        assert json.loads(data[4 : 4 + length]) == header


@pytest.mark.parametrize("text", ["🐈 שלום </script>", "a\x00b \u202ec", '{0} "quoted" \\'])
def test_any_word_comes_back_as_it_was_typed(text):
    trace = run(Config(input="words", text=text, input_dim=5, d_model=6, num_heads=2))
    assert unpack(run_bytes(trace, describe(trace)))[0]["tokens"] == text.split()


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        pack({"number": float("nan"), "tensors": []}, Buffers())
    assert pack({"number": 0.5, "tensors": []}, Buffers())


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    "numbers", [(2.0,), (0.0, 0.0), (1e30, 1e30), (1.0, "next"), (0.0, "next"), (-1e9, "next"), (-3e38, 3e38)]
)
def test_a_histogram_holds_every_number_however_close_or_far_they_are(numbers, kind):
    values = np.array([kind(number) if number != "next" else 0 for number in numbers], dtype=kind)
    if "next" in numbers:
        values[1] = np.nextafter(values[0], kind(np.inf))  # the closest number that the kind has
    found, limit = statistics(values)
    assert sum(found.counts) == found.finite == len(numbers)
    assert (found.low, found.high) == (values.min(), values.max())
    assert limit == np.abs(values).max()


def test_the_bars_of_a_histogram_are_what_sorting_by_hand_gives():
    found, limit = statistics(np.array([0.0, 0.5, 1.0, 1.0, 11.5, 23.0, 24.0, np.nan, np.inf, -np.inf]))
    bars = [0] * 24
    for number in (0.0, 0.5, 1.0, 1.0, 11.5, 23.0, 24.0):
        bars[min(int(number), 23)] += 1  # from 0 to 24: a bar holds the numbers with the same whole part
    assert list(found.counts) == bars
    assert (found.finite, found.nan, found.infinite, limit) == (7, 1, 2, 24.0)
    nothing, limit = statistics(np.array([np.nan, np.inf]))
    assert (nothing.finite, nothing.nan, nothing.infinite, nothing.counts, limit) == (0, 1, 1, (), 0.0)


def test_words_that_are_all_alike_can_be_drawn():
    config = Config(input="words", text="a a", positions=False, input_dim=5, d_model=5, num_heads=1)
    assert_bytes_are_the_tensors(run(config))


SENTENCE = "the cat saw the small dog"


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        pytest.param(
            Config(
                input="words", text=SENTENCE, input_dim=24, d_model=12, num_heads=3, mask="causal", gain=8.0
            ),
            30_000,
            id="the small sentence",
        ),
        pytest.param(Config(), 80_000, id="the tutorial"),
        pytest.param(Config(layout="stacked", mask="causal"), 80_000, id="the tutorial, stacked"),
    ],
)
def test_a_run_is_small(config, limit):
    trace = run(config)
    picture = describe(trace)
    assert picture.whole
    assert len(run_bytes(trace, picture)) < limit


@pytest.mark.parametrize("mask", MASKS)
def test_the_largest_sizes_are_within_a_few_megabytes(mask):
    trace = run(Config(sequence_length=128, input_dim=4096, d_model=64, num_heads=64, mask=mask))
    data = run_bytes(trace, describe(trace, open_name="weights"))
    assert len(data) < 4_000_000

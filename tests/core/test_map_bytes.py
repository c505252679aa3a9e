"""One map packed for the links view and the table, read back by another way and compared to the bit."""

import json
import struct

import numpy as np
import pytest
import torch

from mha_core.figures.map_bytes import map_bytes

NAN, INFINITE = float("nan"), float("inf")
WORDS = ("the", "<b>", "</script>", "the", "\u202eab", "🦊", "")


def read(data, key, kind, *shape):
    """What the browser reads: a piece of the packed bytes by its place in the header."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    at = header[key]
    count = int(np.prod(shape))
    return np.frombuffer(data[4 + length + at :], kind, count).reshape(shape)


def header_of(data):
    (length,) = struct.unpack_from("<I", data)
    assert (4 + length) % 8 == 0  # the numbers start on a multiple of eight
    return json.loads(data[4 : 4 + length])


def numbers(rows=5, columns=7, dtype=torch.float32):
    drawn = torch.randn((rows, columns), generator=torch.Generator().manual_seed(rows), dtype=torch.float32)
    return drawn.to(dtype)


@pytest.mark.parametrize(
    ("dtype", "kind", "read_as"),
    [
        (torch.float32, "f4", "<f4"),
        (torch.float64, "f8", "<f8"),
        (torch.bfloat16, "f4", "<f4"),
        (torch.float16, "f4", "<f4"),
    ],
)
def test_every_kind_of_number_comes_back_to_the_bit(dtype, kind, read_as):
    values = numbers(dtype=dtype)
    data = map_bytes(values, title="a map", kind="signed")
    assert header_of(data)["kind"] == kind
    assert read(data, "at", read_as, 5, 7).tolist() == values.tolist()


def test_a_flag_is_packed_as_ones_and_zeros():
    flags = numbers() > 0
    data = map_bytes(flags, title="mask", kind="flag")
    assert header_of(data)["kind"] == "u1"
    assert read(data, "at", "u1", 5, 7).astype(bool).tolist() == flags.tolist()


@pytest.mark.parametrize("view", ["transposed", "every second row", "one row repeated"])
def test_a_view_is_packed_in_its_own_order(view):
    whole = numbers(7, 10)
    values = {
        "transposed": whole.T,
        "every second row": whole[::2, 1:4],
        "one row repeated": whole[:1].expand(4, 10),
    }[view]
    data = map_bytes(values, title="a view", kind="signed")
    assert read(data, "at", "<f4", *values.shape).tolist() == values.tolist()


def test_numbers_that_are_not_finite_and_minus_zero_keep_their_bits():
    values = torch.tensor([[NAN, INFINITE], [-INFINITE, -0.0]])
    found = read(map_bytes(values, title="odd", kind="signed"), "at", "<f4", 2, 2)
    assert found.tobytes() == values.numpy().tobytes()


def test_hidden_cells_and_sums_stand_beside_the_numbers():
    values = numbers(5, 7)
    hidden = torch.arange(7) > 4  # the same for every row
    sums = {"row_sums": values.double().sum(1), "column_sums": values.double().sum(0)}
    data = map_bytes(values, title="a map", kind="signed", hidden=hidden, **sums)
    assert read(data, "at", "<f4", 5, 7).tolist() == values.tolist()
    assert read(data, "hidden", "u1", 5, 7).astype(bool).tolist() == [hidden.tolist()] * 5
    assert read(data, "row_sums", "<f8", 5).tolist() == sums["row_sums"].tolist()
    assert read(data, "column_sums", "<f8", 7).tolist() == sums["column_sums"].tolist()


def test_words_axes_and_what_is_picked_are_facts_of_the_header():
    sides = {"rows": WORDS, "columns": WORDS[:5], "row_axis": "token", "column_axis": "head"}
    header = header_of(
        map_bytes(numbers(7, 5), title="<i>title</i>", kind="signed", head=3, picked=6, **sides)
    )
    assert header["rows"] == {"axis": "token", "words": list(WORDS)}
    assert header["columns"] == {"axis": "head", "words": list(WORDS[:5])}
    assert [header[name] for name in ("title", "values", "head", "picked")] == [
        "<i>title</i>",
        "signed",
        3,
        6,
    ]
    assert header["shape"] == [7, 5]


def test_what_was_not_given_is_nothing():
    header = header_of(map_bytes(numbers(1, 1), title="one"))
    nothing = ("hidden", "row_sums", "column_sums", "head", "picked")
    assert [header[name] for name in nothing] == [None] * 5
    assert header["rows"] == {"axis": "query", "words": []}
    assert header["columns"] == {"axis": "key", "words": []}
    assert header["values"] == "probability"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"values": torch.zeros(2, 3, 4)}, "(2, 3, 4)"),
        ({"kind": "colour"}, "'colour'"),
        ({"rows": ("a", "b")}, "rows has 2 words for 5 places"),
        ({"columns": ("a",)}, "columns has 1 words for 7 places"),
        ({"picked": 5}, "picked 5 is not one of the rows 0 to 4"),
        ({"picked": -1}, "picked -1"),
        ({"row_sums": torch.zeros(7)}, "row_sums has shape (7,), not (5,)"),
        ({"column_sums": torch.zeros(5)}, "column_sums has shape (5,), not (7,)"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_numbers(change, sentence):
    given = {"values": numbers(), "title": "a map", **change}
    with pytest.raises(ValueError) as caught:
        map_bytes(given.pop("values"), **given)
    assert sentence in str(caught.value)

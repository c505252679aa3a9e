"""Axes as words: read, sized, labelled, refused."""

import pytest

from mha_core.axes import FUSED, WORDS, Edge, edges, shape_of, split_index
from mha_core.errors import AxesError
from mha_core.run import PIPELINES
from tests.core.grid import small

SIZES = {"batch": 2, "token": 7, "query": 17, "key": 19, "head": 5, "head_dim": 11, "qkv": 3, "d_model": 55}


@pytest.mark.parametrize(
    ("axes", "words", "shape"),
    [
        pytest.param("batch token", (("batch",), ("token",)), (2, 7), id="plain"),
        pytest.param("(head qkv head_dim)", (("head", "qkv", "head_dim"),), (165,), id="one bracket"),
        pytest.param("batch token head (qkv head_dim)", None, (2, 7, 5, 33), id="bracket last"),
        pytest.param("(batch token) key", (("batch", "token"), ("key",)), (14, 19), id="bracket first"),
        pytest.param(
            "query key", (("query",), ("key",)), (17, 19), id="query and key have sizes of their own"
        ),
        pytest.param("", (), (), id="a single number has no axes"),
    ],
)
def test_axes_give_edges_and_shape(axes, words, shape):
    if words is not None:
        assert tuple(edge.words for edge in edges(axes)) == words
    assert shape_of(axes, SIZES) == shape


def test_an_axis_of_size_one_is_called_one():
    assert shape_of("batch 1 query key", {**SIZES, "1": 1}) == (2, 1, 17, 19)


@pytest.mark.parametrize(
    ("words", "label", "colour", "key"),
    [
        (("head", "qkv", "head_dim"), "3·d_model", "d_model", "head_qkv_head_dim"),
        (("qkv", "head", "head_dim"), "3·d_model", "d_model", "qkv_head_head_dim"),
        (("qkv", "head_dim"), "3·head_dim", "head_dim", "qkv_head_dim"),
        (("head", "head_dim"), "d_model", "d_model", "head_head_dim"),
        (("batch", "token"), "batch × token", "batch", "batch_token"),
        (("head",), "head", "head", "head"),
    ],
)
def test_an_edge_is_labelled_coloured_and_named_by_its_words(words, label, colour, key):
    edge = Edge(words)
    assert (edge.label, edge.colour, edge.key) == (label, colour, key)


def test_a_fused_label_tells_the_true_size_wherever_the_core_uses_it():
    sizes = small().sizes
    product = {
        "3·d_model": 3 * sizes["d_model"],
        "3·head_dim": 3 * sizes["head_dim"],
        "d_model": sizes["d_model"],
    }
    for words, (label, _) in FUSED.items():
        (found,) = shape_of(f"({' '.join(words)})", sizes)
        assert found == product[label]


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ("batch (head", "The axes 'batch (head' have a bracket that is empty, nested or left open."),
        ("batch )head(", "The axes 'batch )head(' have a bracket that is empty, nested or left open."),
        ("batch ()", "The axes 'batch ()' have a bracket that is empty, nested or left open."),
        (
            "(batch (head token))",
            "The axes '(batch (head token))' have a bracket that is empty, nested or left open.",
        ),
        ("batch tokens", f"The axes 'batch tokens' name 'tokens'; axes are called {', '.join(WORDS)}."),
        ("token batch token", "The axes 'token batch token' name 'token' twice."),
        ("head (qkv head)", "The axes 'head (qkv head)' name 'head' twice."),
    ],
)
def test_axes_that_cannot_be_read_are_refused_with_the_reason(axes, sentence):
    with pytest.raises(AxesError) as caught:
        edges(axes)
    assert str(caught.value) == sentence


def test_a_word_without_a_size_is_named_beside_those_that_have_one():
    assert shape_of("batch token", {"batch": 2, "token": 7}) == (2, 7)
    with pytest.raises(AxesError) as caught:
        shape_of("batch head", {"batch": 2, "token": 7})
    assert str(caught.value) == "The axis 'head' has no size; sizes are given for batch, token."


def test_an_index_along_a_bracket_stands_where_counting_by_hand_puts_it():
    edge, sizes = Edge(("head", "qkv", "head_dim")), {"head": 5, "qkv": 3, "head_dim": 11}
    counted = [
        {"head": head, "qkv": role, "head_dim": d}
        for head in range(5)
        for role in range(3)
        for d in range(11)
    ]
    assert [split_index(edge, index, sizes) for index in range(165)] == counted
    assert list(split_index(edge, 100, sizes)) == ["head", "qkv", "head_dim"]  # slowest first, as written


def test_every_tensor_of_every_pipeline_has_axes_that_can_be_read_and_sized():
    sizes = small().sizes
    made = [row for pipeline in PIPELINES.values() for stage in pipeline for row in stage.makes]
    assert len(made) > 20
    assert all(shape_of(row.axes, sizes) for row in made)


def test_every_word_has_a_meaning_that_is_a_sentence():
    assert all(meaning.endswith(".") or ":" in meaning for meaning in WORDS.values())
    assert all(meaning[0].isupper() for meaning in WORDS.values())

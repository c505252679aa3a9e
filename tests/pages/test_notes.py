"""The gentle notes beside a picture: which batch items are wholly hidden, which axes could be mixed up."""

import pytest

from mha_core import Config
from pages.frame.front import view_of
from pages.frame.show import alike, wholly_hidden

DISTINCT = {"batch_size": 2, "sequence_length": 7, "input_dim": 13, "d_model": 55, "num_heads": 5}


@pytest.mark.parametrize(
    ("settings", "groups"),
    [
        ({}, ""),
        ({"batch_size": 7}, "batch_size, sequence_length (7)"),
        ({"batch_size": 5}, "batch_size, num_heads (5)"),
        ({"batch_size": 11}, "batch_size, head_dim (11)"),
        ({"sequence_length": 3}, "sequence_length, qkv (3)"),
        ({"input_dim": 55}, "input_dim, d_model (55)"),
        ({"input_dim": 7}, "sequence_length, input_dim (7)"),
        ({"num_heads": 1}, "head_dim, d_model (55)"),
        ({"batch_size": 1, "num_heads": 1, "d_model": 54}, "head_dim, d_model (54)"),
        (
            {"batch_size": 5, "sequence_length": 11, "input_dim": 5},
            "batch_size, num_heads, input_dim (5); sequence_length, head_dim (11)",
        ),
        (dict.fromkeys(DISTINCT, 1), ""),  # axes of size one have nothing to mix up
    ],
)
def test_axes_of_the_same_size_are_named_in_one_sentence(settings, groups):
    said = alike(Config(**{**DISTINCT, **settings}))
    wanted = f"Some sizes are equal, so mixing up these axes would not show in a shape: {groups}."
    assert said == ((wanted,) if groups else ())


@pytest.mark.parametrize(
    ("lengths", "items"),
    [
        ((4, 4), ""),
        ((4, 0), "Batch item 1 has length 0: "),
        ((0, 0), "Batch items 0 to 1 have length 0: "),
        ((0, 3, 0), "Batch items 0, 2 have length 0: "),
        ((0, 0, 0, 2, 0, 1, 0, 0), "Batch items 0 to 2, 4, 6 to 7 have length 0: "),
    ],
)
def test_every_item_without_a_real_token_is_named(lengths, items):
    config = Config(**{**DISTINCT, "batch_size": 9}, mask="padding", lengths=lengths)
    said = wholly_hidden(config)
    assert len(said) == bool(items)
    assert all(sentence.startswith(items) and "NaN" in sentence for sentence in said)
    assert wholly_hidden(config.but(mask="causal")) == ()


@pytest.mark.parametrize(
    ("stage", "lens", "sheet"),
    [
        ("weights", "4.0", 4),
        ("weights", "5.0", 0),  # five heads
        ("reshape", "6.2", 6),
        ("reshape", "7.2", 0),  # seven tokens
        ("mask", "1.0", 0),
        ("qkv", "1.0", 0),  # a tensor without sheets
        ("nothing", "1.0", 0),
    ],
)
def test_a_sheet_that_the_open_tensor_does_not_have_is_not_asked_for(stage, lens, sheet):
    config = Config(**DISTINCT)
    assert view_of(config, {"stage": stage, "lens": lens}).sheet == sheet
    assert view_of(config, {"stage": stage}, int(lens[0])).sheet == sheet

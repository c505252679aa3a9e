"""Masks: rules on index ranges, True hides."""

import pytest
import torch

from mha_core import Config, run
from mha_core.config import MASKS
from mha_core.masks import RULES, WHY, hidden, mask_stage
from tests.core.grid import ONES, hidden_by_loop, small

LENGTHS = [(), (4,), (7, 3), (0, 5), (0, 0)]
EVERYTHING = (slice(None), slice(None), slice(None))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("lengths", LENGTHS)
def test_a_mask_hides_exactly_the_cells_that_a_loop_hides(mask, lengths):
    config = small(mask=mask, lengths=lengths)
    by_hand = hidden_by_loop(mask, config.item_lengths, 7)[:, None]
    assert torch.equal(run(config)["mask"], by_hand)
    assert torch.equal(hidden(config, *EVERYTHING), by_hand)
    assert by_hand.any() == (mask in ("causal", "both") or (mask == "padding" and lengths != ()))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(
    "ranges",
    [
        (slice(0, 1), slice(0, 1), slice(0, 1)),
        (slice(1, 2), slice(2, 6), slice(0, 7)),
        (slice(0, 2), slice(0, 7), slice(3, 5)),
        (slice(0, 2), slice(5, 7), slice(1, 4)),
    ],
)
def test_a_range_of_a_mask_equals_the_same_range_of_the_whole(mask, lengths, ranges):
    config = small(mask=mask, lengths=lengths)
    batch, query, key = ranges
    whole = hidden(config, *EVERYTHING)
    part = hidden(config, batch, query, key)
    assert torch.equal(part, whole[batch, :, query, key])
    assert part.dtype == torch.bool


def test_true_hides():
    config = Config(sequence_length=2, mask="causal")
    trace = run(config)
    assert trace["mask"].tolist() == [[[[False, True], [False, False]]]]
    assert (trace["weights"][..., 0, 1] == 0).all()
    assert (trace["weights"][..., 0, 0] == 1).all()
    assert (trace["weights"][..., 1, :] > 0).all()


def test_a_mask_is_laid_over_all_heads_even_where_there_are_as_many_as_items():
    trace = run(Config(batch_size=3, num_heads=3, d_model=6, input_dim=5, mask="padding", lengths=(1, 2, 4)))
    assert trace["mask"].shape == (3, 1, 4, 4)
    for item, length in enumerate((1, 2, 4)):
        assert (trace["masked"][item, :, :, length:] == -torch.inf).all()
        assert (trace["masked"][item, :, :, :length] > -torch.inf).all()


def test_a_text_masks_its_own_filling():
    trace = run(Config(input="words", text="a b c\nd", mask="padding", d_model=6, num_heads=2, input_dim=5))
    assert trace["mask"][:, 0, 0].tolist() == [[False, False, False], [False, True, True]]


@pytest.mark.parametrize("mask", MASKS)
def test_every_size_may_be_one(mask):
    assert run(Config(**ONES, mask=mask))["mask"].tolist() == [[[[False]]]]
    assert run(Config(**ONES, mask=mask, lengths=(0,)))["mask"].tolist() == [
        [[[mask in ("padding", "both")]]]
    ]


def test_every_mask_has_a_rule_a_reason_and_a_stage():
    assert list(MASKS) == list(RULES) == list(WHY)
    for mask in MASKS:
        stage = mask_stage(mask)
        assert (stage.run, stage.why, stage.makes[0].axes) == (RULES[mask], WHY[mask], "batch 1 query key")

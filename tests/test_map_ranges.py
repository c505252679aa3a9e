"""Where the colours of differences end, and what is said of a difference that is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mha_core import Config, run
from mha_core.compare import MEAN, Wanted, other_run, select
from mha_core.figures.maps import describe_maps
from mha_core.presets import PRESETS

SENTENCE, PLANTED = (run(PRESETS[name].config) for name in ("sentence", "planted"))
FIVE = run(Config(sequence_length=9, input_dim=13, d_model=55, num_heads=5, gain=4.0))
ALL = tuple(range(5))


def described(trace, wanted, other=None):
    other = other or other_run(trace, wanted.minus, wanted.value)
    selected = select(trace, 0, wanted, other)
    return describe_maps(trace, selected), selected.all


def spread(values):
    """The 99.5 % quantile of the numbers' size."""
    finite = values[values.isfinite()].abs().numpy()
    return float(np.quantile(finite, 0.995, method="higher"))


def louder(trace, **factors):
    """The same run with other scores: each head's times a factor."""
    values = trace["scores"].clone()
    for head, factor in factors.items():
        values[0, int(head[1:])] *= factor
    return replace(trace, tensors={**trace.tensors, "scores": values})


def test_heads_that_hardly_differ_do_not_shrink_the_range_of_weights():
    maps, values = described(SENTENCE, Wanted("weights", (0, 1, 2, 3), "mask", "none"))
    limits = [spread(each) for each in values]
    assert 20 * min(limits) < max(limits), "one head hardly differs"
    assert not maps.clipped
    assert maps.limit == pytest.approx(spread(values), rel=0.01)


@pytest.mark.parametrize("heads", [tuple(range(8)), (3,), (MEAN,)], ids=["all", "one", "mean"])
def test_differences_too_small_to_be_written_are_not_painted_in_full_colours(heads):
    maps, values = described(PLANTED, Wanted("weights", heads, "seed", "5"))
    assert 0 < values.abs().max() < 0.005
    assert (maps.limit, maps.clipped) == (0.01, False)


def test_of_two_heads_the_quieter_one_keeps_its_colours():
    two = run(Config(sequence_length=6, input_dim=13, d_model=8, num_heads=2))
    quiet, _ = described(two, Wanted("scores", (1,)))
    maps, _ = described(louder(two, h0=1000), Wanted("scores", (0, 1)))
    assert maps.clipped and maps.limit == pytest.approx(quiet.limit)


def test_of_two_heads_in_the_middle_the_quieter_one_sets_the_range():
    four = run(Config(sequence_length=6, input_dim=13, d_model=8, num_heads=4))
    loud = louder(four, h1=3, h2=500, h3=5000)
    limits = sorted(described(loud, Wanted("scores", (head,)))[0].limit for head in range(4))
    maps, _ = described(loud, Wanted("scores", (0, 1, 2, 3)))
    assert maps.clipped and maps.limit == limits[1]


@pytest.mark.parametrize("noise", [0, 3e-7])
def test_a_head_that_differs_by_rounding_alone_does_not_shrink_the_range(noise):
    theirs = louder(FIVE, h0=1 + noise, h1=2, h2=2, h3=2, h4=2)
    maps, values = described(FIVE, Wanted("scores", ALL, "seed", "8"), theirs)
    assert (values[0].abs().max() > 0) == (noise > 0)
    assert not maps.clipped and maps.limit == pytest.approx(spread(values), rel=0.01)


def test_nothing_is_the_largest_where_a_difference_is_0_everywhere():
    maps, values = described(SENTENCE, Wanted("scores", (0, 1, 2, 3), "mask", "none"))
    assert (values == 0).all()
    assert "The numbers run from 0 to 0." in maps.sentence and "largest" not in maps.sentence
    assert maps.limit == 1.0
    some, _ = described(SENTENCE, Wanted("weights", (0, 1, 2, 3), "mask", "none"))
    assert "The largest: " in some.sentence


def test_a_wholly_masked_difference_has_a_range_and_no_largest():
    shown = Config(
        input="words", text="a b", mask="padding", lengths=(0,), input_dim=6, d_model=4, num_heads=2
    )
    maps, values = described(run(shown), Wanted("weights", (0, 1), "head", "1"))
    assert torch.isnan(values).all()
    assert maps.limit == 0.01 and "largest" not in maps.sentence

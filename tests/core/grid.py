"""What the tests of the core share: sizes that are all different, the grid of runs, strict comparisons."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from mha_core import Config, Stage, Trace, run, swap
from mha_core.attention import join, split_heads
from mha_core.config import LAYOUTS, MASKS
from mha_core.run import pipeline_for
from mha_core.stage import Pipeline, maker_of

SIZES = {"batch_size": 2, "sequence_length": 7, "input_dim": 13, "d_model": 55, "num_heads": 5}
ONES = {"batch_size": 1, "sequence_length": 1, "input_dim": 1, "d_model": 1, "num_heads": 1}
TEXT = "the cat saw the small old dog\nrain fell"
INPUTS: dict[str, dict[str, Any]] = {
    "normal": {},
    "words in order": {"input": "words", "text": TEXT},
    "words": {"input": "words", "text": TEXT, "positions": False},
    "planted": {"input": "words", "text": TEXT, "weights": "planted", "input_dim": 26, "d_model": 40},
    "given": {},
}


def different(config: Config) -> Config:
    """Return the config; refuse one with two axes of the same size, which would hide an exchanged axis."""
    sizes = config.sizes
    seen = [sizes[word] for word in ("batch", "token", "head", "head_dim", "qkv", "input_dim", "d_model")]
    assert len(set(seen)) == len(seen), f"two axes have the same size: {sizes}"
    return config


def small(**settings: Any) -> Config:
    """Return a config whose sizes are all different: batch 2, token 7, head 5, head_dim 11, input_dim 13."""
    return different(Config(**{**SIZES, **settings}))


def own_x(config: Config, seed: int = 3) -> Tensor:
    """Draw an x of the caller's."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((config.batch_size, config.sequence_length, config.input_dim), generator=generator)


def run_kind(kind: str, **settings: Any) -> Trace:
    """Run one of INPUTS."""
    config = small(**{**INPUTS[kind], **settings})
    return run(config, x=own_x(config) if kind == "given" else None)


def layouts_and_masks() -> list[tuple[str, str]]:
    """Return every layout with every mask."""
    return list(product(LAYOUTS, MASKS))


def same(left: Tensor, right: Tensor) -> bool:
    """Say whether two tensors agree in shape, kind and every number; NaN equals NaN, -0 does not equal 0."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if not left.dtype.is_floating_point:
        return torch.equal(left, right)
    missing = left.isnan()
    good = torch.equal(missing, right.isnan()) and torch.equal(left[~missing], right[~missing])
    return good and torch.equal(left[~missing].signbit(), right[~missing].signbit())


def assert_near(left: Tensor, right: Tensor, tolerance: float) -> None:
    """Demand the same shape, NaN in the same places, and a largest difference under the tolerance."""
    __tracebackhide__ = True
    assert left.shape == right.shape
    assert torch.equal(left.isnan(), right.isnan()), "NaN in different places"
    apart = (left.double() - right.double()).nan_to_num().abs().max().item()
    assert apart < tolerance, f"the largest difference is {apart:.3g}, allowed is {tolerance:.3g}"


def cells_of(tensor: Tensor) -> Iterator[tuple[int, ...]]:
    """Name every cell of a tensor."""
    yield from product(*map(range, tensor.shape))


def one_hot(shape: tuple[int, ...], cell: tuple[int, ...]) -> Tensor:
    """Mark one cell."""
    marks = torch.zeros(shape, dtype=torch.bool)
    marks[cell] = True
    return marks


def hidden_by_loop(mask: str, lengths: tuple[int, ...], tokens: int) -> Tensor:
    """Say which keys are hidden, cell by cell: batch query key."""
    hidden = torch.zeros((len(lengths), tokens, tokens), dtype=torch.bool)
    for item, query, key in cells_of(hidden):
        later, filling = key > query, key >= lengths[item]
        hidden[item, query, key] = {
            "none": False,
            "causal": later,
            "padding": filling,
            "both": later or filling,
        }[mask]
    return hidden


# Two well-known faults: the shapes come out right, the numbers do not.


def join_without_permute(context: Tensor, batch_size: int, sequence_length: int, d_model: int) -> Tensor:
    """Join the heads without putting the head axis back."""
    return context.reshape(batch_size, sequence_length, d_model)


def split_as_head_token(
    qkv: Tensor, batch_size: int, sequence_length: int, num_heads: int, head_dim: int
) -> Tensor:
    """Read the long rows as (head, token) where they are (token, head)."""
    return qkv.reshape(batch_size, num_heads, sequence_length, 3 * head_dim).permute(0, 2, 1, 3)


def with_run(config: Config, old: Any, new: Any, name: str) -> Pipeline:
    """Return a config's pipeline in which the stage that makes `name` runs another function."""
    pipeline = pipeline_for(config)
    stage: Stage = maker_of(pipeline, name)[0]
    return swap(pipeline, old, replace(stage, run=new))


def faulty_join(config: Config) -> Pipeline:
    """Return a config's pipeline with the heads joined wrongly."""
    return with_run(config, join, join_without_permute, "concat")


def faulty_split(config: Config) -> Pipeline:
    """Return a config's (per-head) pipeline with the heads split wrongly."""
    return with_run(config, split_heads, split_as_head_token, "reshape")


def available_of(trace: Trace) -> Mapping[str, Any]:
    """Return all that the stages of a run can ask for."""
    return trace.available

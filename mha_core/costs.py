"""What a run costs: parameters and FLOPs from the axes of the rows, bytes from the tensors of a run.

Counted as FLOP counters count: one multiplication and one addition for every product of a matrix product.
The bias, the scaling, the mask and the softmax are not counted; a causal mask saves nothing in the count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from mha_core.axes import edges
from mha_core.config import Config
from mha_core.inputs import DTYPES
from mha_core.run import Trace
from mha_core.stage import Pipeline, Stage
from mha_core.words import listed

PER_PRODUCT = 2
"""FLOPs of one product that is added to a sum: a multiplication and an addition."""


@dataclass(frozen=True)
class Count:
    """A number that is a product of sizes.

    Attributes:
        name: what is counted: a parameter, or the tensor that is made.
        factors: each factor in words, with its size.
    """

    name: str
    factors: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        """The product; 0 where there is nothing to count."""
        return math.prod(size for _, size in self.factors) if self.factors else 0

    @property
    def words(self) -> str:
        """The factors in words: `2 × batch × token × 3·d_model × input_dim`."""
        return " × ".join(word for word, _ in self.factors)

    @property
    def numbers(self) -> str:
        """The same with the sizes filled in: `2 × 1 × 4 × 1536 × 512`."""
        return " × ".join(str(size) for _, size in self.factors)


def _factors(axes: str, config: Config) -> tuple[tuple[str, int], ...]:
    return tuple((edge.label, math.prod(edge.sizes(config.sizes))) for edge in edges(axes))


def parameter_counts(
    pipeline: Pipeline, config: Config, parameters: Mapping[str, nn.Linear] | None = None
) -> tuple[Count, ...]:
    """Count the numbers of every weight, and of every bias that there is.

    Args:
        pipeline: the stages, whose layers are counted.
        config: the settings.
        parameters: the layers that ran: of the caller's own, one may have a bias and the other none. None:
            all have one, or none has, as the settings say.
    """
    found: list[Count] = []
    for layer in (layer for stage in pipeline for layer in stage.layers):
        weight = _factors(layer.axes, config)
        found.append(Count(f"{layer.name}.weight", weight))
        if config.bias if parameters is None else parameters[layer.name].bias is not None:
            found.append(Count(f"{layer.name}.bias", weight[:1]))
    return tuple(found)


def flops(stage: Stage, config: Config) -> Count:
    """Count a stage's FLOPs: for every cell it makes, one product for every index of what it adds over."""
    (made, *_) = stage.makes
    products = _factors(stage.over, config)
    counted = (("2", PER_PRODUCT), *_factors(made.axes, config), *products) if products else ()
    return Count(listed(made.name for made in stage.makes), counted)


def flop_counts(pipeline: Pipeline, config: Config) -> tuple[Count, ...]:
    """Count the FLOPs of every stage that multiplies tensors."""
    counts = (flops(stage, config) for stage in pipeline)
    return tuple(count for count in counts if count.factors)


def total(counts: tuple[Count, ...]) -> int:
    """Add counts up."""
    return sum(count.count for count in counts)


def parameter_bytes(
    pipeline: Pipeline, config: Config, parameters: Mapping[str, nn.Linear] | None = None
) -> int:
    """Return the bytes of all parameters; arguments as for `parameter_counts`."""
    return total(parameter_counts(pipeline, config, parameters)) * DTYPES[config.dtype].itemsize


@dataclass(frozen=True)
class Held:
    """What a tensor's numbers take.

    Attributes:
        name: the tensor.
        numbers: how many it has.
        size: the bytes of one.
        held: the bytes of memory that it is the first to hold; 0 where it only looks at another's.
        view_of: the first tensor that holds its memory; empty where that is itself.
    """

    name: str
    numbers: int
    size: int
    held: int
    view_of: str


def tensor_bytes(trace: Trace) -> tuple[Held, ...]:
    """Say of every tensor of a run whether it has memory of its own, and how much.

    A mask that is the same for all batch items holds less memory than its numbers would take.
    """
    owners: dict[int, str] = {}
    found: list[Held] = []
    for name in trace.names:
        tensor: Tensor = trace[name]
        storage = tensor.untyped_storage()
        owner = owners.setdefault(storage.data_ptr(), name)
        own = owner == name
        found.append(
            Held(
                name,
                tensor.numel(),
                tensor.element_size(),
                held=storage.nbytes() if own else 0,
                view_of="" if own else owner,
            )
        )
    return tuple(found)

"""A run as the checks see it: what it made, what it was to do, and how much of it a check may look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from mha_core.inputs import DTYPES, linear
from mha_core.masks import hidden
from mha_core.proving.compared import TOO_COARSE, Compared, compare, largest, reach, step
from mha_core.proving.part import NotApplicableError, Part, Places, fit, places, take
from mha_core.proving.rerun import Rerun
from mha_core.run import Trace

READ = 16
"""What it costs to read a weight or to take an exponential, in multiplications."""

COMPARED = 256
"""What it costs to compare a number with another in float64, all passes together."""

SLOWER = {"float64": 2, "float16": 5}
"""How many times slower than float32 a processor multiplies, where the run's own dtype is used again."""

TOO_LARGE = (
    "With scores as large as here, one rounding step of {dtype} may move a weight by {moved}: agreeing would "
    "show nothing."
)


@dataclass(frozen=True)
class Found:
    """What a check compared, on which part of the run, and what is worth saying of it.

    `smaller` says that the part was run again by itself, so that its numbers need not be the run's.
    """

    compared: tuple[Compared, ...]
    part: Part
    notes: tuple[str, ...] = ()
    smaller: bool = False


class Subject:
    """A run to be checked.

    Attributes:
        trace: the run.
        config: its settings.
        layout: how the rows of qkv_layer were written.
        mask: what was to be hidden, `batch 1 query key`.
        wholly: the queries that were to see no key, `batch 1 query`.
        dtype: the run's.
        precise: the dtype of references: float64 for float64 runs, else float32; never 16 bits.
        budget: what one check may cost, in multiplications of float32.
    """

    def __init__(self, trace: Trace, mask: Tensor | None, layout: str | None, budget: float) -> None:
        """Take a run; mask and layout only where they are others than its settings say."""
        everything = slice(None)
        self.trace, self.config, self.budget = trace, trace.config, budget
        self.layout = layout or trace.config.layout
        promised = hidden(self.config, everything, everything, everything) if mask is None else mask.cpu()
        self.mask = promised.expand(self.config.batch_size, -1, -1, -1)
        self.wholly = self.mask.all(dim=-1)
        self.dtype = DTYPES[self.config.dtype]
        self.precise = torch.float64 if self.dtype == torch.float64 else torch.float32

    @cached_property
    def rerun(self) -> Rerun:
        """The pipeline, ready to run again; the checks that change something share it and its first run."""
        config, width = self.config, self.config.head_dim

        def cost(items: int, heads: int, tokens: int) -> float:
            weights = 3 * config.input_dim * heads * width + (heads * width) ** 2
            squares = items * heads * tokens**2 * (2 * width + 4 * READ)
            return SLOWER.get(config.dtype, 1) * (items * tokens * weights + squares) + READ * weights

        return Rerun(self.trace, fit(config, cost, self.budget, least_heads=2), self.layout)

    def wide(self, name: str, part: Part) -> Tensor:
        """Return part of a tensor of the run, in the dtype of references."""
        taken, _ = take(self.trace[name], self.trace.made(name).axes, part, self.config.sizes)
        return taken.cpu().to(self.precise)

    def places(self, name: str, part: Part) -> Places:
        """Return where the cells of a part stand in a tensor of the run."""
        return places(self.trace.made(name).axes, part, self.config.sizes)

    def compared(self, name: str, part: Part, theirs: Tensor, tolerance: float, apart: Tensor) -> Compared:
        """Compare part of a tensor of the run with what it must be."""
        mine, where = self.wide(name, part), self.places(name, part)
        return compare(name, mine, theirs, tolerance=tolerance, places=where, apart=apart)

    def joined(self, part: Part) -> Places:
        """Return where the cells of a rerun's concat stand in the run's, and those of its smaller out."""
        return places("batch query (head head_dim)", part, self.config.sizes)

    def hides(self, part: Part) -> Tensor:
        """Return what was to be hidden from a part's queries, `batch query key`."""
        return self.mask[list(part.items), 0][:, list(part.tokens)]

    def blind(self, part: Part) -> Tensor:
        """Return which of a part's queries were to see no key, `batch query`."""
        return self.wholly[list(part.items), 0][:, list(part.tokens)]

    def layer(self, layer: nn.Linear, rows: Tensor | None = None) -> nn.Linear:
        """Return a layer, or some of its outputs, in the dtype of references."""
        tensors = [layer.weight, layer.bias]
        whole = rows is None or len(rows) == layer.out_features
        if whole and layer.weight.dtype == self.precise and layer.weight.device.type == "cpu":
            return layer  # even an empty nn.Linear takes a third of a millisecond to make
        if rows is not None and not whole:
            tensors = [None if each is None else each[rows.to(each.device)] for each in tensors]
        weight, bias = (None if each is None else each.detach().cpu().to(self.precise) for each in tensors)
        assert weight is not None
        return linear(weight, bias)

    def size(self, numbers: Tensor) -> float:
        """Return the largest size of a tensor's numbers, as far as rounding goes by it.

        Below the smallest normal number it no longer does: there the steps stay as large as they are.
        """
        found = largest(numbers)
        return max(found, torch.finfo(self.dtype).smallest_normal) if found else 0.0

    def added(self, sums: Tensor) -> float:
        """Return how far sums of d_model terms, as those of out, may be off by rounding.

        Every term that is added rounds the sum so far: as in a random walk, that grows with the root of how
        many there are. Of 16 bits only the sum as it is stored is rounded.
        """
        grown = max(1.0, math.sqrt(self.config.d_model) / 4) if self.dtype.itemsize > 2 else 1.0
        return step(self.dtype) * self.size(sums) * grown

    def rounding(self, q: Tensor, k: Tensor) -> float:
        """Return how far a weight may be off by rounding.

        Raises:
            NotApplicableError: so far that agreement would show nothing.
        """
        moved = step(self.dtype, reach(q, k))
        if moved > TOO_COARSE:
            raise NotApplicableError(TOO_LARGE, dtype=self.config.dtype, moved=f"{moved:.2g}")
        return moved

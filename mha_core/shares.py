"""What a score is made of, and what a head adds to the output."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mha_core.axes import edges
from mha_core.config import Config
from mha_core.differences import largest_difference
from mha_core.errors import WindowError
from mha_core.inputs import DTYPES
from mha_core.measures import hidden_of, uniform
from mha_core.run import Trace


@dataclass(frozen=True)
class Product:
    """One product of a score: the number of the head's dimension, both factors, and their product."""

    dimension: int
    q: float
    k: float
    value: float


@dataclass(frozen=True)
class Score:
    """One score taken apart.

    Attributes:
        products: largest size first (NaN before all), so that what caused the score stands on top.
        total: their sum in float64.
        shown: the score that the run shows.
        half: how many of the largest products hold half of all the products' size.
        scaled, weight: what the run made of the score.
        uniform: what even attention over the visible keys would give.
        hidden: whether the mask hides the key from the query.
    """

    products: tuple[Product, ...]
    total: float
    shown: float
    half: int
    scaled: float
    weight: float
    uniform: float
    hidden: bool


def products(trace: Trace, item: int, head: int, query: int, key: int) -> Score:
    """Take one score apart into the products of its query and its key.

    Raises:
        WindowError: no such item, head, query or key.
    """
    at = {"batch": item, "head": head}
    q = trace.window("q", **at, query=query).detach().double()
    k = trace.window("k", **at, key=key).detach().double()
    made = (Product(d, a, b, a * b) for d, (a, b) in enumerate(zip(q.tolist(), k.tolist(), strict=True)))
    # NaN compares with nothing: it stands in front, where it is seen
    found = sorted(made, key=lambda each: (not math.isnan(each.value), -abs(each.value), each.dimension))
    names = ("scores", "scaled", "weights")
    run = {name: float(trace.window(name, **at, query=query, key=key)) for name in names}
    row = hidden_of(trace, item)[0, 0, query]
    return Score(
        tuple(found),
        _sum([each.value for each in found]),
        run["scores"],
        _half(found),
        run["scaled"],
        run["weights"],
        float(uniform(row)[key]),
        bool(row[key]),
    )


def striking_cell(trace: Trace, item: int, head: int, query: int | None, key: int | None) -> tuple[int, int]:
    """Choose a query and a key where none, or only one, is given: the largest weight off the diagonal.

    A weight of 1 on the diagonal is what a causal mask makes of the first row: two different tokens teach
    more.
    """
    weights = trace.window("weights", batch=item, head=head).detach().double().cpu().nan_to_num(nan=-1.0)
    rank = weights - 2 * torch.eye(len(weights), weights.shape[-1], dtype=torch.float64)
    if query is not None:
        return query, int(rank[query].argmax()) if key is None else key
    if key is not None:
        return int(rank[:, key].argmax()), key
    place = int(rank.argmax())
    return divmod(place, weights.shape[-1])


def _sum(values: list[float]) -> float:
    return math.fsum(values) if math.isfinite(sum(values)) else sum(values)


def _half(found: list[Product]) -> int:
    sizes = [abs(each.value) for each in found]
    whole, held = math.fsum(sizes) if math.isfinite(sum(sizes)) else math.inf, 0.0
    for count, size in enumerate(sizes, 1):
        held += size
        if 2 * held >= whole:
            return count
    return len(sizes)


@dataclass(frozen=True)
class Added:
    """What every head adds to one query's row of `out`, in float64.

    Attributes:
        heads: `head d_model`: each head's context times its own slice of out_layer's weight.
        bias: `d_model`; zeros where the layer has none.
        total: `d_model`: the sum over heads plus the bias.
        shown: `d_model`: the row of `out` that the run made, by joining the heads first.
        largest: the largest difference between the two, over all queries of the batch item.
    """

    heads: Tensor
    bias: Tensor
    total: Tensor
    shown: Tensor
    largest: float

    @property
    def lengths(self) -> tuple[float, ...]:
        """The length of what each head adds."""
        return tuple(self.heads.norm(dim=-1).tolist())

    @property
    def along(self) -> tuple[float, ...]:
        """How much of it points along `out`: with the bias's these add up to the length of the sum."""
        return tuple((self.heads @ self._direction).tolist())

    @property
    def bias_along(self) -> float:
        """How much of the bias points along the sum."""
        return float(self.bias @ self._direction)

    @property
    def _direction(self) -> Tensor:
        length = self.total.norm()
        return self.total / length if length > 0 else torch.zeros_like(self.total)


def head_columns(trace: Trace) -> Tensor:
    """Return which columns of out_layer's weight each head meets: `head head_dim`, read off concat's axes.

    Raises:
        WindowError: what out_layer reads has no axis made of heads.
    """
    sizes = trace.config.sizes
    edge = edges(trace.made("concat").axes)[-1]
    if set(edge.words) != {"head", "head_dim"}:
        raise WindowError("The last axis of concat, {axis!r}, is not made of heads.", axis=edge.label)
    columns = torch.arange(math.prod(sizes[word] for word in edge.words))
    laid_out = columns.reshape([sizes[word] for word in edge.words])
    return laid_out if edge.words[0] == "head" else laid_out.T


def head_parts(trace: Trace, item: int) -> Tensor:
    """Return what every head adds to `out` of a batch item: `head query d_model`, in float64."""
    context = trace.window("context", batch=item).detach().double()  # head query head_dim
    weight = trace.parameters["out_layer"].weight.detach().double()  # d_model (head head_dim)
    slices = weight[:, head_columns(trace).to(weight.device)]  # d_model head head_dim
    return torch.einsum("hqd,ohd->hqo", context, slices)


def added(trace: Trace, item: int, query: int) -> Added:
    """Say what every head adds to one query's row of `out`, and how far the sum is from the `out` of the run.

    Raises:
        WindowError: no such item or query.
    """
    shown = trace.window("out", batch=item).detach().double()  # query d_model
    row = trace.window("out", batch=item, query=query).detach().double()
    parts = head_parts(trace, item)
    layer = trace.parameters["out_layer"]
    bias = torch.zeros_like(row) if layer.bias is None else layer.bias.detach().double()
    sums = parts.sum(0) + bias
    largest = largest_difference(sums, shown)
    return Added(parts[:, query].cpu(), bias.cpu(), sums[query].cpu(), row.cpu(), largest)


def smallest(config: Config) -> float:
    """Return the smallest number that a run's kind of number holds with all its digits."""
    return float(torch.finfo(DTYPES[config.dtype]).smallest_normal)

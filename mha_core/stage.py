"""A stage is one plain function and one row of facts; a pipeline is a tuple of stages, run by one loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

from torch import Tensor

from mha_core.axes import shape_for
from mha_core.errors import AxesError, PipelineError, ShapeError
from mha_core.names import UNNAMED, Also
from mha_core.words import listed

Values = Literal["signed", "probability", "flag"]
Paint = Literal["value", "token", "head", "role"]
Cell = tuple[int, ...]


@dataclass(frozen=True)
class Made:
    """One tensor that a stage makes.

    Attributes:
        name: what the URL, the trace and the next stages call it.
        axes: its dimensions in words (see `mha_core.axes`).
        values: what its numbers are: any sign, probabilities from 0 to 1, or yes and no.
        paint: the paint in which it teaches most when it is opened.
        like: an earlier tensor whose range of colours it shares, so that a change of size is seen.
        also: what other libraries call it.
    """

    name: str
    axes: str
    values: Values = "signed"
    paint: Paint = "value"
    like: str = ""
    also: Also = UNNAMED


@dataclass(frozen=True)
class Layer:
    """An nn.Linear that a stage reads.

    Attributes:
        name: what the parameters of a run and the stage's function call it.
        axes: the axes of its weight, out before in; its bias, where it has one, has the first alone.
        also: what other libraries call it.
    """

    name: str
    axes: str
    also: Also = UNNAMED


@dataclass(frozen=True)
class Term:
    """One part of a cell's arithmetic: the cells it is made of, their numbers, and its own value.

    `rule` names the comparison that the term makes of its numbers, where it makes one.
    """

    cells: tuple[tuple[str, Cell], ...]
    factors: tuple[float, ...]
    value: float
    rule: str = ""


@dataclass(frozen=True)
class Arithmetic:
    """How one cell is computed, in float64.

    `joined_by` is `sum` (the terms add up to the total), `quotient` (the first term's number divided by the
    constant `divisor`), `share` (the exponential of the cell `chosen` divided by the sum of all), `rule`
    (true where one of the terms is; each is a comparison, 1 or 0) or `fill` (the first term is a flag: where
    it is true the total stands in the cell whatever else there was, else the second term's number stays).
    """

    terms: tuple[Term, ...]
    total: float
    joined_by: Literal["sum", "quotient", "share", "rule", "fill"]
    divisor: float | None = None
    chosen: int | None = None


Worked = Callable[[str, Cell, Mapping[str, Any]], Arithmetic]


@dataclass(frozen=True)
class Stage:
    """A row of the page and a line of the listing.

    Attributes:
        run: the function whose body is shown and which ran.
        makes: the tensors it returns, in order.
        title: heading, a verb and its object.
        why: two or three plain sentences: what the step does, and why.
        operation: the words on the arrow that leads to it.
        part: the row of the overview it stands in.
        reads: the names of its inputs where they differ from the function's parameters, in their order.
        formula: the step in LaTeX.
        source: paper, library or function where the step comes from.
        note: what other material gets wrong here, or what to look at.
        see: further views that show more of it, by name; whoever draws knows where they are.
        moves: every cell is a copy of one cell of the input (checked against the origins).
        worked: how a cell is computed or decided; None where cells are only drawn or moved.
        why_unbiased: `why` where the layers it reads have no bias; empty: the same.
        formula_unbiased: `formula` where the layers it reads have no bias; empty: the same.
        over: where a cell is a sum of products, the axes along which they are added: what a FLOP counter
            counts.
        layers: the layers among its inputs.
    """

    run: Callable[..., Any]
    makes: tuple[Made, ...]
    title: str
    why: str
    operation: str
    part: Literal["project", "attend", "join"]
    reads: tuple[str, ...] = ()
    formula: str = ""
    source: str = ""
    note: str = ""
    see: tuple[str, ...] = ()
    moves: bool = False
    worked: Worked | None = None
    why_unbiased: str = ""
    formula_unbiased: str = ""
    over: str = ""
    layers: tuple[Layer, ...] = ()

    @property
    def key(self) -> str:
        """A name for the row: the name of its function."""
        return self.run.__name__

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Each parameter of the function, with the name of what it is given."""
        parameters = _parameters(self.run)
        return dict(zip(parameters, self.reads or parameters, strict=True))


@cache  # one row for each, so that what is known of a pipeline is found again
def unbiased(stage: Stage) -> Stage:
    """Return the row as it is true of layers without a bias; the same row where a bias changes nothing."""
    if not stage.why_unbiased and not stage.formula_unbiased:
        return stage
    return replace(
        stage,
        why=stage.why_unbiased or stage.why,
        formula=stage.formula_unbiased or stage.formula,
    )


Pipeline = tuple[Stage, ...]
Watch = Callable[[Stage], None]


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def made_names(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the names of all tensors, in the order in which they are made."""
    return tuple(made.name for stage in pipeline for made in stage.makes)


def maker_of(pipeline: Pipeline, name: str) -> tuple[Stage, Made]:
    """Return the stage that makes a tensor, and the tensor's row.

    Raises:
        PipelineError: no stage makes it.
    """
    for stage in pipeline:
        for made in stage.makes:
            if made.name == name:
                return stage, made
    raise PipelineError(
        "No stage makes {name!r}; the tensors are {known}.", name=name, known=listed(made_names(pipeline))
    )


def tensor_inputs(pipeline: Pipeline, stage: Stage) -> tuple[str, ...]:
    """Return which earlier tensors a stage reads: the arrows of the overview."""
    names = made_names(pipeline)
    return tuple(name for name in stage.inputs.values() if name in names)


def swap(pipeline: Pipeline, old: Callable[..., Any], *new: Stage) -> Pipeline:
    """Return the pipeline with the one stage that runs `old` replaced by other stages.

    A variant, a fault and a mask are the same thing to the machine. `old` is the function itself, so that a
    slip is an ImportError.

    Raises:
        PipelineError: `old` is run by no stage or by several, or was already swapped out.
    """
    hits = [place for place, stage in enumerate(pipeline) if stage.run is old]
    if len(hits) != 1:
        raise PipelineError(
            "The step {old} stands {hits} times in this pipeline and can be swapped only where it stands "
            "once; its steps are {known}.",
            old=old.__name__,
            hits=len(hits),
            known=listed(stage.key for stage in pipeline),
        )
    return pipeline[: hits[0]] + new + pipeline[hits[0] + 1 :]


def arguments(stage: Stage, available: Mapping[str, Any]) -> dict[str, Any]:
    """Pick a stage's inputs by name, as its function's parameters call them.

    Raises:
        PipelineError: an input is neither an earlier tensor, a parameter nor a size.
    """
    try:
        return {parameter: available[name] for parameter, name in stage.inputs.items()}
    except KeyError:
        missing = [name for name in stage.inputs.values() if name not in available]
    raise PipelineError(
        "The step {stage} asks for {missing}, which no earlier step makes; there are {known}.",
        stage=stage.key,
        missing=listed(missing),
        known=listed(available),
    )


def results(stage: Stage, returned: Any) -> Iterator[tuple[Made, Tensor]]:
    """Pair what a function returned with the names it goes by."""
    tensors = (returned,) if isinstance(returned, Tensor) else tuple(returned)
    if len(tensors) != len(stage.makes):
        raise PipelineError(
            "The step {stage} returned {returned} tensors and should make {expected}.",
            stage=stage.key,
            returned=len(tensors),
            expected=listed(made.name for made in stage.makes),
        )
    yield from zip(stage.makes, tensors, strict=True)


def execute(
    pipeline: Pipeline, given: Mapping[str, Any], sizes: Mapping[str, int], watch: Watch | None = None
) -> dict[str, Tensor]:
    """Run every stage in order and return the tensors by name.

    Args:
        pipeline: the stages.
        given: parameters, sizes and indices by the names that the functions use.
        sizes: the size of each axis word; every tensor's shape is checked against its axes at every run.
        watch: called before each stage, with the stage; what it raises ends the run.

    Raises:
        ShapeError: a tensor has another shape than its axes say. It carries the tensors made so far.
        PipelineError: a stage asks for something that nobody made, or returns too few tensors.
    """
    available = dict(given)
    tensors: dict[str, Tensor] = {}
    pairs = tuple(sizes.items())
    for stage in pipeline:
        if watch is not None:
            watch(stage)
        for made, tensor in results(stage, stage.run(**arguments(stage, available))):
            available[made.name] = tensors[made.name] = tensor
            expected = expected_shape(stage, made, pairs)
            if tensor.shape != expected:
                raise ShapeError(
                    "The step {stage} made {name!r} with shape {shape}; its axes {axes!r} say {expected}.",
                    tensors,
                    stage=stage.key,
                    name=made.name,
                    shape=tuple(tensor.shape),
                    axes=made.axes,
                    expected=expected,
                )
    return tensors


def expected_shape(stage: Stage, made: Made, sizes: tuple[tuple[str, int], ...]) -> tuple[int, ...]:
    """Return the shape that a tensor's axes promise.

    Raises:
        AxesError: the axes cannot be read; the sentence names the stage and the tensor.
    """
    try:
        return shape_for(made.axes, sizes)
    except AxesError as error:  # the reader of axes knows the word; only we know which stage asked
        raise AxesError(
            "The step {stage} makes {name!r} with axes {axes!r}: {reason}",
            stage=stage.key,
            name=made.name,
            axes=made.axes,
            reason=str(error),
        ) from None

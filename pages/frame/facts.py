"""The tables of the Reference page, each read off the rows of a pipeline or off a run."""

from mha_core import Config, Trace, costs
from mha_core.axes import WORDS as MEANINGS
from mha_core.axes import Edge, edges, shape_of
from mha_core.names import LIBRARIES
from mha_core.stage import Pipeline
from mha_core.words import listed, say
from pages.frame.tables import Row, Table, axes, code, prose
from pages.frame.words import WORDS


def _table(name: str, heads: str, rows: list[Row], foot: Row = ()) -> Table:
    """Make a table by the keys of its caption and of its columns' heads."""
    return Table(WORDS[f"caption_{name}"], [WORDS[f"column_{head}"] for head in heads.split()], rows, foot)


def glossary(pipeline: Pipeline, config: Config) -> Table:
    """Every axis with its size now and its meaning; then the edges that several axes share in this run."""
    rows: list[Row] = [
        (axes(word), config.sizes.get(word, ""), prose(meaning)) for word, meaning in MEANINGS.items()
    ]
    found = [edge for stage in pipeline for made in stage.makes for edge in edges(made.axes)]
    for edge in dict.fromkeys(edge for edge in found if len(edge.words) > 1):
        rows.append(_shared(edge, config))
    return _table("axes", "axis size meaning", rows)


def _shared(edge: Edge, config: Config) -> Row:
    axes_of = f"({' '.join(edge.words)})"
    sizes = listed(edge.sizes(config.sizes), "product")
    meaning = say(WORDS["shared_axis"], label=edge.label, sizes=sizes, last=edge.words[-1])
    return axes(axes_of), shape_of(axes_of, config.sizes)[0], prose(meaning)


def names(pipeline: Pipeline) -> Table:
    """Every layer and every tensor beside what other libraries call it."""
    rows: list[Row] = [
        (code(each.name), *map(code, each.also.in_order()))
        for stage in pipeline
        for each in (*stage.layers, *stage.makes)
    ]
    return Table(
        WORDS["caption_names"], [WORDS["column_here"], *(each.label for each in LIBRARIES.values())], rows
    )


def libraries() -> Table:
    """How the libraries' projections lie, and where their names were read."""
    rows: list[Row] = [
        (each.label, WORDS[f"lies_{each.layout}"], each.read_in) for each in LIBRARIES.values()
    ]
    return _table("libraries", "library layout read_in", rows)


def parameters(pipeline: Pipeline, config: Config) -> Table:
    """The numbers of every weight and bias."""
    counts = costs.parameter_counts(pipeline, config)
    rows: list[Row] = [(code(each.name), each.count, each.words, each.numbers) for each in counts]
    foot = (WORDS["all"], costs.total(counts), "", "")
    return _table("parameters", "parameter count sizes filled", rows, foot)


def flops(pipeline: Pipeline, config: Config) -> Table:
    """The FLOPs of every step; of the others, why there are none."""
    counts = [costs.flops(stage, config) for stage in pipeline]
    rows: list[Row] = [
        (
            code(each.name),
            each.count,
            each.words or WORDS["only_moves" if stage.moves else "not_counted"],
            each.numbers,
            stage.title,
        )
        for stage, each in zip(pipeline, counts, strict=True)
    ]
    foot = (WORDS["all"], costs.total(counts), "", "", "")
    return _table("flops", "makes flops sizes filled step", rows, foot)


def memory(trace: Trace) -> Table:
    """The bytes of every tensor, and which of them look at another's memory."""
    held = costs.tensor_bytes(trace)
    rows: list[Row] = [
        (
            code(each.name),
            each.held,
            say(WORDS["view_of"], name=each.view_of) if each.view_of else WORDS["own_memory"],
            each.numbers,
            code(listed(trace[each.name].shape)),
        )
        for each in held
    ]
    foot = (WORDS["all"], sum(each.held for each in held), "", sum(each.numbers for each in held), "")
    return _table("memory", "tensor held memory numbers shape", rows, foot)


def notes(pipeline: Pipeline) -> Table:
    """What the rows note: where other material differs, and what to look at."""
    rows: list[Row] = [
        (code(listed(made.name for made in stage.makes)), prose(stage.note))
        for stage in pipeline
        if stage.note
    ]
    return _table("others", "tensor note", rows)

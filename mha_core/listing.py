"""The code that ran, as text: read once from the functions, in symbols or with the sizes filled in."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mha_core.run import SIZES, Trace
from mha_core.stage import Stage
from mha_core.words import listed

FILLED = (*SIZES, "x_seed")


@lru_cache(maxsize=256)
def code(stage: Stage) -> str:
    """Return a stage's code in symbols: the body of its function, its result named as the pipeline names it.

    `return q @ k.transpose(-2, -1)` reads `scores = q @ k.transpose(-2, -1)`; all else stands as written.
    """
    source = textwrap.dedent(inspect.getsource(stage.run))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef), f"{stage.key} is not a plain function"
    last = function.body[-1]
    assert isinstance(last, ast.Return) and last.value is not None, f"{stage.key} does not end in a return"
    first = function.body[1] if ast.get_docstring(function) is not None else function.body[0]
    lines = source.splitlines()
    before = first.lineno - 1
    while lines[before - 1].strip()[:1] in ("", "#"):  # comments above the first statement belong to it
        before -= 1
    head = textwrap.dedent("\n".join(lines[before : last.lineno - 1])).strip("\n")
    # the whole statement, not its value alone: brackets around a long value belong to the statement
    statement = (ast.get_source_segment(source, last) or "").splitlines()
    returned = "\n".join([statement[0], *(line[last.col_offset :] for line in statement[1:])])
    returned = returned.removeprefix("return").lstrip()
    names = ", ".join(made.name for made in stage.makes)
    # `return q_split, k_split, v_split` after lines that made these very names needs no further line
    if returned == names and len(stage.makes) > 1:
        return head
    return f"{head}\n{names} = {returned}".strip("\n")


@lru_cache(maxsize=512)
def _filled(text: str, values: tuple[tuple[str, Any], ...]) -> str:
    known = dict(values)
    lines = text.splitlines()
    names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id in known]
    for node in sorted(names, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = lines[node.lineno - 1].encode()
        line = line[: node.col_offset] + str(known[node.id]).encode() + line[node.end_col_offset :]
        lines[node.lineno - 1] = line.decode()
    return "\n".join(lines)


def filled(stage: Stage, given: Mapping[str, Any]) -> str:
    """Return a stage's code with the sizes of a run filled in, by exchanging names in the syntax tree."""
    text = code(stage)
    return _filled(text, tuple((name, given[name]) for name in FILLED if name in given))


def whole(trace: Trace) -> str:
    """Return the code of all stages in order, in symbols, with the shape and axes of what each made.

    It runs as it stands where the names of `Trace.given` and the two layers are known.
    """
    parts = []
    for place, stage in enumerate(trace.pipeline, 1):
        shapes = [f"# {made.name}: {tuple(trace[made.name].shape)} = {made.axes}" for made in stage.makes]
        parts.append("\n".join([f"# {place}. {stage.title}", code(stage), *shapes]))
    return "\n\n".join(parts) + "\n"


def _last_value(stage: Stage) -> str:
    """Return the expression that a stage's last statement evaluates, on one line."""
    text = code(stage)
    statement = ast.parse(text).body[-1]
    assert isinstance(statement, ast.Assign)
    value = ast.get_source_segment(text, statement.value) or ""
    return re.sub(r"\(\s+|,?\s+\)", lambda found: found[0].strip().strip(","), " ".join(value.split()))


def table(trace: Trace) -> str:
    """Return the stages of a run as a Markdown table: tensor, the code that made it, shape, axes."""
    rows = ["| tensor | code | shape | axes |", "|---|---|---|---|"]
    for stage in trace.pipeline:
        made = _last_value(stage)
        for row in stage.makes:
            shape = listed(trace[row.name].shape)
            rows.append(f"| `{row.name}` | `{made}` | {shape} | `{row.axes}` |")
    return "\n".join(rows)

"""A run as a short plain script that needs torch alone, and says how far its numbers are from those shown."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mha_core.inputs import initial, input_given, seed_of
from mha_core.listing import code
from mha_core.planted import JOBS, jobs_of
from mha_core.run import SIZES, Trace
from mha_core.stage import Stage
from mha_core.takeaway import compare
from mha_core.takeaway.source import WIDTH, Carried, held

CELL = "# %%"
"""What parts the script; editors and the notebook make cells of it."""

SAMPLES = 5
"""Numbers of each tensor that the script holds, to tell a rounding from a mistake where bits differ."""

ALWAYS = ("import torch", "from math import inf, nan", "from types import SimpleNamespace")

HEAD = """\
# Multi-head attention, stage by stage: the code that ran in the explorer, with its settings and its numbers.
# It needs torch alone (pip install torch=={torch}). The last part compares every tensor with the one that was
# shown. On the same kind of processor and version of torch expect the same bits; elsewhere sums and drawn
# numbers may be rounded otherwise, and the largest difference is printed.
"""

THREADS = """\
torch.set_num_threads({threads})  # as where the numbers were made: another count adds up in another order
torch.set_grad_enabled(False)"""


@dataclass(frozen=True)
class Sections:
    """The script's cells: what comes before the stages, one for each stage, what comes after."""

    before: tuple[str, ...]
    stages: tuple[str, ...]
    after: tuple[str, ...]


def script(trace: Trace, link: str = "", threads: int | None = None) -> str:
    """Return a script that runs the stages of a trace and compares every tensor with the trace's.

    Args:
        trace: the run.
        link: the address of the view, which the script names.
        threads: on how many threads the run took place; None: on as many as torch has now.

    Raises:
        InputError: the run has an input or weights of the caller's own, too large for a script.
    """
    parts = sections(trace, link, threads)
    return "\n\n".join([*parts.before, *parts.stages, *parts.after]) + "\n"


def sections(trace: Trace, link: str = "", threads: int | None = None) -> Sections:
    """Return the script in cells; arguments and errors as for `script`."""
    carried = Carried()
    given = _given(trace, carried)
    weights = _weights(trace, carried)
    for stage in trace.pipeline:
        carried.add_names_of(code(stage), inspect.getmodule(inspect.unwrap(stage.run)) or torch)
    comparing = Carried()
    comparing.add(compare.difference)
    imports = {*carried.imports, *comparing.imports, *ALWAYS}
    return Sections(
        before=(
            _head(link, imports, threads or torch.get_num_threads()),
            _cell("The settings", _settings(trace, carried)),
            *([_cell("How numbers are drawn", carried.text())] if carried.texts else []),
            _cell("What the stages are given", f"{given}\n\n{weights}"),
        ),
        stages=tuple(_cell(_title(stage), _stage(stage)) for stage in trace.pipeline),
        after=(_cell("Compare with the numbers that were shown", _comparison(trace, comparing)),),
    )


def _cell(title: str, text: str) -> str:
    return f"{CELL} {title}\n{text}"


def _head(link: str, imports: set[str], threads: int) -> str:
    # a comment ends where the line does: nothing of a link may end it
    seen = "".join(sign for sign in link if sign.isprintable())
    head = HEAD.format(torch=torch.__version__.split("+")[0]) + (f"# The view: {seen}\n" if seen else "")
    plain_first = sorted(imports, key=lambda line: (line.startswith("from"), line))
    ours = "\n".join(line for line in plain_first if "torch" not in line)
    theirs = "\n".join(line for line in plain_first if "torch" in line)
    future = "from __future__ import annotations"
    return "\n\n".join([head + "\n" + future, ours, theirs, THREADS.format(threads=threads)])


def _title(stage: Stage) -> str:
    made = "; ".join(f"{made.name} ({made.axes})" for made in stage.makes)
    return f"{stage.title}: {made}"


def _settings(trace: Trace, carried: Carried) -> str:
    """Return the sizes as names of their own, and as `config` what the carried functions ask for."""
    lines = [f"{name} = {getattr(trace.config, name)!r}" for name in SIZES]
    others = [
        f"    {name}={name if name in SIZES else _literal(getattr(trace.config, name))},"
        for name in sorted(carried.settings)
    ]
    device = repr(trace.config.device)
    if trace.config.device != "cpu":
        device += ' if torch.accelerator.is_available() else "cpu"'
    options = f'options = {{"device": torch.device({device}), "dtype": torch.{trace.config.dtype}}}'
    config = ["config = SimpleNamespace(", *others, ")"] if others else []
    return "\n".join([*lines, *config, options])


def _literal(value: Any) -> str:
    """Write a setting as Python reads it; signs that cannot be seen are written as their escapes."""
    text = repr(value)
    if len(text) < WIDTH:
        return text
    rows = [f"        {row!r}," for row in value] if isinstance(value, tuple) else [f"        {text}"]
    return "\n".join(["(", *rows, "    )"])


def _given(trace: Trace, carried: Carried) -> str:
    """Return the lines that make what the stages read besides tensors, parameters and sizes."""
    made = {name for stage in trace.pipeline for name in (made.name for made in stage.makes)}
    names = dict.fromkeys(name for stage in trace.pipeline for name in stage.inputs.values())
    known = {*made, *trace.parameters, *SIZES, "options"}
    lines, drawn = [], []
    for name in names:
        value = trace.given.get(name)
        if name in known:
            continue
        if name in ("query_index", "key_index"):
            lines.append(f'{name} = torch.arange(sequence_length, device=options["device"])')
        elif name == "item_lengths":
            lengths = trace.config.item_lengths
            alike = f"[{lengths[0]}] * batch_size" if len({*lengths}) == 1 else str(list(lengths))
            lines.append(f'{name} = torch.tensor({alike}, device=options["device"])')
        elif name == "given_x" and isinstance(value, Tensor):
            lines.append(f"{name} = {held(value, 'x', carried)}.to(**options)")
        elif isinstance(value, Tensor):
            drawn.append(f'{name} = given["{name}"]')
        elif value == seed_of(trace.config.seed, "x"):
            carried.add(seed_of)
            lines.append(f'{name} = seed_of({trace.config.seed}, "x")')
        else:
            lines.append(f"{name} = {value!r}")
    if drawn:
        carried.add(input_given)
        lines += ["given = input_given(config, options)", *drawn]
    return "\n".join(lines)


def _weights(trace: Trace, carried: Carried) -> str:
    """Return the lines that make the layers: drawn as they were; planted and the caller's own are held."""
    rule = initial
    if all(_same(layer, trace.parameters[name]) for name, layer in rule(trace.config).items()):
        carried.add(rule)
        names = ", ".join(trace.parameters)
        return (
            f"layers = {rule.__name__}(config)\n"
            f"{names} = (layers[name].to(**options) for name in {tuple(trace.parameters)!r})"
        )
    lines = []
    for head, job in enumerate(jobs_of(trace.config)):
        text = f"head {head}: {JOBS[job].label}. {JOBS[job].sentence}"
        lines += [f"# {row}" for row in textwrap.wrap(text, WIDTH)]
    carried.imports.add("from torch import nn")
    for name, layer in trace.parameters.items():
        rows, columns = layer.weight.shape
        lines.append(f"{name} = nn.Linear({columns}, {rows}, bias={layer.bias is not None}, **options)")
        for part, tensor in layer.named_parameters():
            lines.append(f"{name}.{part}.data = {held(tensor, f'{name}.{part}', carried)}.to(**options)")
    return "\n".join(lines)


def _same(drawn: nn.Linear, ran: nn.Linear) -> bool:
    """Say whether a layer that is drawn now is the one that ran."""
    kind = ran.weight.dtype
    return all(
        (mine is None) == (theirs is None) and (mine is None or torch.equal(mine.to(kind), theirs.cpu()))
        for mine, theirs in ((drawn.weight, ran.weight), (drawn.bias, ran.bias))
    )


def _stage(stage: Stage) -> str:
    """Return a stage's code; what it reads under another name is given that name first."""
    renamed = [f"{here} = {there}" for here, there in stage.inputs.items() if here != there]
    return "\n".join([*renamed, code(stage)])


def _comparison(trace: Trace, comparing: Carried) -> str:
    """Return the lines that compare every tensor with a hash of its bits and with some of its numbers."""
    rows = []
    for name in trace.names:
        flat = trace[name].cpu().flatten()
        digest = hashlib.sha256(compare.bits(flat)).hexdigest()[: compare.DIGITS]
        places = sorted({round(step * (len(flat) - 1) / (SAMPLES - 1)) for step in range(SAMPLES)})
        samples = ", ".join(f"{place}: {_number(flat[place])}" for place in places)
        rows.append(f'    "{name}": ({tuple(trace[name].shape)}, "{digest}", {{{samples}}}),')
    return "\n".join(
        [
            comparing.text(),
            "",
            "",
            "# by name: the shape, the first digits of a SHA-256 of the bits, some numbers by their place",
            "shown = {",
            *rows,
            "}",
            "for name, facts in shown.items():",
            '    print(f"{name:10} {difference(globals()[name], *facts)}")',
        ]
    )


def _number(cell: Tensor) -> str:
    """Write a number with every digit that it has: nine name a float32."""
    number = float(cell)
    return repr(number) if cell.dtype == torch.float64 else f"{number:.9g}"

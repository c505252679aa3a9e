"""The code that ran, carried along: functions as source, with everything of this package that they name.

A script that types the rules again would drift away from them. This one holds the very functions: they are
read once from their files, with the functions, classes and constants that they name, each before its user.
"""

from __future__ import annotations

import ast
import base64
import importlib
import inspect
import re
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from torch import Tensor

from mha_core.errors import InputError
from mha_core.takeaway import compare

PACKAGE = "mha_core"
UNPACKED, PACKED = 32_000_000, 400_000
"""Bytes of a tensor that is not drawn from the seed, and packed, up to which the script holds it."""

WIDTH = 100
"""Characters of a line."""

FOR_OUR_TOOLS = re.compile(r"  # (type: ignore|noqa)\b.*")


@dataclass
class Carried:
    """What a script has to hold: texts by name, each before its user; import lines; attributes of config."""

    texts: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)

    def add(self, function: Callable[..., Any]) -> None:
        """Carry a function of this package and all that it names."""
        function = inspect.unwrap(function)
        source = inspect.getsource(function)
        self._place(function.__name__, source, sys.modules[function.__module__])

    def add_names_of(self, source: str, module: ModuleType) -> None:
        """Carry what a piece of a module's code names, not the piece itself."""
        tree = ast.parse(source)
        for name in _named(tree):
            if hasattr(module, name) and name not in self.texts:
                self._carry(name, getattr(module, name), module)
        self.settings |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "config"
        }

    def text(self) -> str:
        """Return all of it, in an order in which it runs."""
        # two constants may be given their values by one statement
        return "\n\n\n".join(dict.fromkeys(self.texts.values()))

    def _place(self, name: str, source: str, module: ModuleType) -> None:
        self.texts[name] = ""  # known from here on, so that a function may name itself
        self.add_names_of(source, module)
        del self.texts[name]
        self.texts[name] = plain(source)

    def _carry(self, name: str, value: Any, module: ModuleType) -> None:
        if isinstance(value, ModuleType):
            whole, _, last = value.__name__.rpartition(".")
            told = f"from {whole} import {last}" if whole else f"import {last}"
            self.imports.add(told if last == name else f"{told} as {name}")
        elif inspect.isroutine(inspect.unwrap(value)) or inspect.isclass(value):
            home = inspect.unwrap(value).__module__
            if home == module.__name__ or home.split(".")[0] == PACKAGE:  # the caller's own stages too
                self._place(name, inspect.getsource(value), sys.modules[home])
            else:
                self.imports.add(f"from {home} import {name}")
        else:
            source, home = _assigned(name, module)
            if source:
                self._place(name, source, sys.modules[home])
            else:
                self.imports.add(f"from {home} import {name}")


def _named(tree: ast.AST) -> Iterator[str]:
    """Name what code reads when it runs: annotations are never evaluated."""
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Load):
        yield tree.id
    for key, value in ast.iter_fields(tree):
        if key in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield from _named(node)


def _assigned(name: str, module: ModuleType) -> tuple[str, str]:
    """Return the statement that gives a constant its value and its module; no statement: it is not ours."""
    source = inspect.getsource(module)
    for node in ast.parse(source).body:
        match node:
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                given = (part for target in targets for part in ast.walk(target))
                if name in {part.id for part in given if isinstance(part, ast.Name)}:
                    return ast.get_source_segment(source, node) or "", module.__name__
            case ast.ImportFrom(module=str(home), names=names):
                if any(alias.name == name and alias.asname is None for alias in names):
                    ours = home.split(".")[0] == PACKAGE
                    return _assigned(name, importlib.import_module(home)) if ours else ("", home)
    raise LookupError(f"{name} is given its value nowhere in {module.__name__}")


def plain(source: str) -> str:
    """Shorten docstrings to their first line, and leave out remarks to our own tools."""
    lines = source.rstrip().splitlines()
    documented = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node)
    ]
    for node in sorted(documented, key=lambda node: node.lineno, reverse=True):
        text = node.body[0]
        first = (ast.get_docstring(node) or "").splitlines()[0]
        lines[text.lineno - 1 : text.end_lineno] = [" " * text.col_offset + f'"""{first}"""']
    return "\n".join(FOR_OUR_TOOLS.sub("", line) for line in lines)


def held(tensor: Tensor, name: str, carried: Carried) -> str:
    """Write a tensor's very bits as an expression.

    Raises:
        InputError: there are too many, and they do not pack well (planted weights, nearly all zero, do).
    """
    size = tensor.numel() * tensor.element_size()
    packed = zlib.compress(compare.bits(tensor), 9) if size <= UNPACKED else b""
    if not packed or len(packed) > PACKED:
        raise InputError(
            "{name} is not drawn from the seed and holds {size} bytes, which is more than fits into a "
            "script; the file of all stages has it.",
            name=name,
            size=size,
        )
    carried.imports |= {"import base64", "import zlib"}
    rows = "\n".join(f'    "{row}"' for row in textwrap.wrap(base64.b64encode(packed).decode(), WIDTH))
    return (
        f"torch.frombuffer(bytearray(zlib.decompress(base64.b64decode(\n{rows}\n"
        f"))), dtype={tensor.dtype}).reshape({tuple(tensor.shape)})"
    )

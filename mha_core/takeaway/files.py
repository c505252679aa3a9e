"""A run's numbers as files: all stages and parameters as safetensors or npz, one stage as csv."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from mha_core.axes import Edge, edges, split_index
from mha_core.errors import ExplorerError
from mha_core.figures.cells import ROLES, widened
from mha_core.run import Trace

NOTE = "bfloat16 has no numpy type: its numbers are saved as float32, which holds each of them exactly."

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""With these signs spreadsheets begin a formula: a word that begins so gets an apostrophe before it."""

WORDED = ("token", "query", "key")


class MissingLibraryError(ExplorerError):
    """A library that one kind of file needs is not installed."""


def tensors_of(trace: Trace) -> dict[str, Tensor]:
    """Return every stage's tensor, then every parameter, by name (`qkv_layer.weight`)."""
    found = {name: trace[name] for name in trace.names}
    for name, layer in trace.parameters.items():
        found |= {f"{name}.{part}": tensor.detach() for part, tensor in layer.named_parameters()}
    return found


def files_bytes(trace: Trace) -> int:
    """Return how many bytes of numbers the larger of the files of all stages holds, before one is made.

    That is the .npz, in which bfloat16 takes four bytes; of other kinds both hold the same.
    """
    return sum(
        tensor.numel() * (4 if tensor.dtype == torch.bfloat16 else tensor.element_size())
        for tensor in tensors_of(trace).values()
    )


def about(trace: Trace, link: str = "") -> str:
    """Return what a file says of the run, as JSON: settings, axes, torch's version, the link."""
    facts = {
        "settings": asdict(trace.config),
        "axes": {name: trace.made(name).axes for name in trace.names},
        "torch": torch.__version__,
        **({"link": link} if link else {}),
    }
    return json.dumps(facts)


def safetensors_bytes(trace: Trace, link: str = "") -> bytes:
    """Return all stages and parameters as a .safetensors file, `about` the run as its one entry of metadata.

    Every number keeps its bits.

    Raises:
        MissingLibraryError: the library safetensors is not installed.
    """
    try:
        from safetensors.torch import save  # noqa: PLC0415 - everything else here does without it
    except ImportError as error:
        raise MissingLibraryError(
            "A .safetensors file needs the library safetensors: pip install safetensors. The .npz file needs "
            "nothing."
        ) from error
    # stages share memory and lie in any order in it, which the format refuses
    copies = {
        name: tensor.cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors_of(trace).items()
    }
    return save(copies, {"about": about(trace, link)})


def npz_bytes(trace: Trace, link: str = "") -> bytes:
    """Return all stages and parameters as an .npz file, with `about` the run as one more entry.

    bfloat16 becomes float32, since numpy has no such type; an entry `note` says so.
    """
    said = {"about": about(trace, link), **({"note": NOTE} if trace.config.dtype == "bfloat16" else {})}
    arrays = {
        name: widened(tensor) if tensor.dtype == torch.bfloat16 else tensor.detach().cpu().numpy()
        for name, tensor in tensors_of(trace).items()
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.array(text) for name, text in said.items()}, **arrays)
    return buffer.getvalue()


def csv_text(trace: Trace, name: str) -> str:
    """Return one stage as .csv: a row a cell, an index column an axis, and the number with all its digits.

    A fused axis has its own index and one of each of its words; tokens have their words beside their index.
    Numbers have nine digits (17 in float64), which name each of them; `nan`, `inf`, `-inf` and `-0` stand as
    such. A word that would begin a formula in a spreadsheet gets an apostrophe before it (see FORMULA).

    Raises:
        PipelineError: there is no such stage.
    """
    tensor, lines = trace[name].detach().cpu(), edges(trace.made(name).axes)
    words = trace.config.words
    columns = [list(_column(edge, size, trace)) for edge, size in zip(lines, tensor.shape, strict=True)]
    heads = [part for edge in lines for part in _heads(edge, words is not None)]
    form = _form(tensor)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*heads, "value"])
    places = np.ndindex(*tensor.shape)
    for place, value in zip(places, tensor.flatten().tolist(), strict=True):
        parts = [
            part
            for edge, at, column in zip(lines, place, columns, strict=True)
            for part in (*column[at], *_word(edge, place[0], at, words))
        ]
        rows.writerow([*parts, form(value)])
    return text.getvalue()


def _heads(edge: Edge, worded: bool) -> list[str]:
    if len(edge.words) > 1:
        return [edge.key, *edge.words]
    word = edge.words[0]
    return [word, f"{word}_word"] if worded and word in WORDED else [word]


def _column(edge: Edge, size: int, trace: Trace) -> Iterator[list[int | str]]:
    """Yield what stands in an axis's columns for each of its indices."""
    for at in range(size):
        parts = split_index(edge, at, trace.config.sizes) if len(edge.words) > 1 else {}
        yield [at, *(ROLES[part] if word == "qkv" else part for word, part in parts.items())]


def _word(edge: Edge, item: int, at: int, words: tuple[tuple[str, ...], ...] | None) -> list[str]:
    if words is None or edge.words[0] not in WORDED or len(edge.words) > 1:
        return []
    word = words[item][at]
    return [f"'{word}" if word.startswith(FORMULA) else word]


def _form(tensor: Tensor) -> Callable[[float], str]:
    if not tensor.dtype.is_floating_point:
        return str
    return "{:.17g}".format if tensor.dtype == torch.float64 else "{:.9g}".format

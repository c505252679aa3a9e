"""The only caches: runs, their weights and their packed bytes, by frozen settings. Shared and read-only."""

import json
import threading
from typing import Any

import streamlit as st
from torch import nn

from mha_core import Config, Stage, Trace, run
from mha_core.compare import Selected, Wanted, other_config, other_run, select
from mha_core.config import held_bytes, multiplications
from mha_core.errors import ExplorerError, InputError
from mha_core.figures.cells import describe
from mha_core.figures.follow import follow_json
from mha_core.figures.maps import Maps, describe_maps
from mha_core.figures.pack_map import pack_map
from mha_core.figures.to_bytes import Beside, run_bytes, run_id
from mha_core.figures.to_plotly import Look, figure
from mha_core.layouts import Readings, read_both_ways
from mha_core.measures import HeadMeasures, measure
from mha_core.parameters import parameter_trace
from mha_core.planted import decided_by, layers
from mha_core.proofs import Proof, prove
from mha_core.run import pipeline_for
from mha_core.shares import Added, Score, added, products, striking_cell
from mha_core.takeaway import script as takeaway
from mha_core.words import say
from pages.frame.words import WORDS

LARGE = 16_000_000
"""Bytes of a run from which it shows its progress and shares the few places for large ones."""

PLACES = 2
"""Large runs that are kept."""

ALLOWED = 2_000_000_000
"""Bytes that a run may hold."""

BY_SETTINGS = {Config: repr}


def fitting(config: Config, good: Config) -> tuple[Config, str]:
    """Return the settings, or the last good ones and a sentence where a run would hold too much."""
    if held_bytes(config) <= ALLOWED:
        return config, ""
    fits = [size for size in range(1, config.batch_size) if held_bytes(_batch(config, size)) <= ALLOWED]
    facts = {"needed": in_bytes(held_bytes(config)), "allowed": in_bytes(ALLOWED)}
    if fits and config.input == "normal":
        return good, say(WORDS["too_large"], **facts, fits=fits[-1])
    return good, say(WORDS["far_too_large"], **facts)


def _batch(config: Config, batch_size: int) -> Config:
    return config.but(batch_size=batch_size, lengths=config.lengths[:batch_size])


def in_bytes(count: int) -> str:
    """Write bytes as people do: 2 GB."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def trace(config: Config) -> Trace:
    """Return a run, kept for whoever asks for the same settings next."""
    if held_bytes(config) <= LARGE:
        return _trace(config)
    with _lock:
        kept = _large.get(config)
    return kept or _run_large(config)


_large: dict[Config, Trace] = {}
_lock = threading.Lock()


def _run_large(config: Config) -> Trace:
    """Run step by step with its progress shown; a changed setting ends it at the next step.

    Not a function of st.cache_resource: inside one nothing may be shown.
    """
    steps = len(pipeline_for(config))
    place = st.empty()
    done = 0

    def watch(stage: Stage) -> None:
        nonlocal done
        said = say(WORDS["running"], title=stage.title, operations=f"{multiplications(config):.2g}")
        place.progress(done / steps, said)
        done += 1

    made = run(config, watch=watch)
    place.empty()
    with _lock:
        for old in list(_large)[: -(PLACES - 1) or None]:
            del _large[old]
        _large[config] = made
    return made


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_SETTINGS)
def _trace(config: Config) -> Trace:
    return run(config, parameters=_parameters(decided_by(config)))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def _parameters(config: Config) -> dict[str, nn.Linear]:
    return layers(config)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_SETTINGS)
def picture(config: Config, item: int, open_name: str, sheet: int, notes: tuple[str, ...]) -> bytes:
    """Return one batch item of a run, packed for the drawing. `open_name` matters only for large runs."""
    shown = trace(config)
    return run_bytes(shown, describe(shown, item, open_name, sheet), notes, identity(config, item))


def proofs(config: Config, side: str = "") -> tuple[Proof, ...]:
    """Return what the checks find in a run, or in one of the readings in two layouts.

    The rows of qkv_layer are held to be as they were written, also where a reading takes them for others.
    """
    if not side:
        return _proofs(config, side, trace(config), None)
    both = readings(config)
    assert both is not None, "readings that are not there have no proofs"
    return _proofs(config, side, getattr(both, side), both.written(side))


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=BY_SETTINGS)
def _proofs(config: Config, side: str, _shown: Trace, _written: str | None) -> tuple[Proof, ...]:
    return prove(_shown, layout=_written)


def readings(config: Config) -> Readings | None:
    """Return a run, the same converted to the other layout, and the same weights read the other way.

    None where the three together would hold more than one run may.
    """
    if 3 * held_bytes(config) > ALLOWED:
        return None
    return _readings(config) if held_bytes(config) <= LARGE else _large_readings(config)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def _readings(config: Config) -> Readings:
    return read_both_ways(config, _parameters(decided_by(config)))


@st.cache_resource(max_entries=1, show_spinner=True, hash_funcs=BY_SETTINGS)
def _large_readings(config: Config) -> Readings:
    return read_both_ways(config)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs={**BY_SETTINGS, Beside: repr})
def beside(config: Config, side: str, item: int, open_name: str, sheet: int, shown: Beside) -> bytes:  # noqa: PLR0913, PLR0917 - what is in front, by name
    """Return one of two runs side by side, packed: `side` is a field of the readings."""
    run_of = getattr(readings(config), side)
    picture_of = describe(run_of, item, open_name, sheet)
    return run_bytes(run_of, picture_of, (), f"{identity(config, item)}-{side}", shown)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def script(config: Config, link: str) -> str:
    """Return the script of a run: to write it, the weights are drawn again and every tensor is hashed."""
    return takeaway.script(trace(config), link)


MOST = 2_000_000
"""Numbers of the first layer's weight up to which they are drawn: one tensor, opened, is sent whole."""


def weights_count(config: Config) -> int:
    """Count the numbers of the first layer's weight."""
    return 3 * config.d_model * config.input_dim


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def weights(config: Config) -> Trace | None:
    """Return the layers of a run, taken apart; None where they are too large to be drawn."""
    if weights_count(config) > MOST:
        return None
    return parameter_trace(config, trace(config).parameters)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def weights_picture(config: Config, open_name: str, sheet: int) -> bytes:
    """Return the weights, packed for the drawing."""
    shown = weights(config)
    assert shown is not None, "the page has asked"
    return run_bytes(shown, describe(shown, 0, open_name, sheet), (), weights_identity(config))


def weights_identity(config: Config) -> str:
    """Return the name under which the drawing knows the weights of a run."""
    return f"{identity(config, 0)}-weights"


def weights_followed(config: Config, cell: str) -> str:
    """Return what is known of a followed cell of the weights, as `followed` does of a run's."""
    shown = weights(config)
    assert shown is not None, "the page has asked"
    try:
        return follow_json(shown, cell, weights_identity(config))
    except ExplorerError as error:
        return json.dumps({"cell": None, "sentence": str(error)})


def identity(config: Config, item: int) -> str:
    """Return the name under which the drawing knows one batch item of a run."""
    return f"{run_id(config)}-{item}"


def followed(config: Config, cell: str, item: int) -> str:
    """Return what is known of a followed cell, as JSON; a sentence where there is no such cell."""
    try:
        return _followed(config, cell, item)
    except ExplorerError as error:
        return json.dumps({"cell": None, "sentence": str(error)})


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=BY_SETTINGS)
def _followed(config: Config, cell: str, item: int) -> str:
    return follow_json(trace(config), cell, identity(config, item))


# The page of heads. What is large (the run) is kept by `trace`; a figure holds numbers of its maps alone.

BY_CHOICE = {**BY_SETTINGS, Wanted: repr, Look: repr}


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_CHOICE)
def maps(config: Config, item: int, wanted: Wanted) -> Maps:
    """Return the description of some heads' maps.

    Raises:
        ExplorerError: what is to be taken away cannot be.
    """
    return describe_maps(trace(config), _selected(config, item, wanted))


def _selected(config: Config, item: int, wanted: Wanted) -> Selected:
    return select(trace(config), item, wanted, _other(config, wanted.minus, wanted.value))


def _other(config: Config, minus: str, value: str) -> Trace | None:
    """Return the run that is compared with, if there is one: large ones one at a time."""
    other = other_config(config, minus, value)
    if other is None:
        return None
    needed = held_bytes(config) + held_bytes(other)
    if needed > ALLOWED:
        facts = {"needed": in_bytes(needed), "allowed": in_bytes(ALLOWED)}
        raise InputError(WORDS["two_too_large"], **facts)
    make = _other_run if held_bytes(other) <= LARGE else _large_other_run
    return make(config, minus, value)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_SETTINGS)
def _other_run(config: Config, minus: str, value: str) -> Trace | None:
    return other_run(trace(config), minus, value)


@st.cache_resource(max_entries=1, show_spinner=False, hash_funcs=BY_SETTINGS)
def _large_other_run(config: Config, minus: str, value: str) -> Trace | None:
    return other_run(trace(config), minus, value)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_CHOICE)
def heads_figure(config: Config, item: int, wanted: Wanted, dressed: Look) -> Any:
    """Return the Plotly figure of some heads' maps. Shared: it is not to be changed."""
    return figure(maps(config, item, wanted), dressed)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_CHOICE)
def one_map(config: Config, item: int, wanted: Wanted, title: str, picked: int | None) -> bytes:
    """Return the first of some heads' maps, packed for the links and for the table that can be walked."""
    selected, described = _selected(config, item, wanted), maps(config, item, wanted)
    return pack_map(trace(config), selected, described, title, picked)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_SETTINGS)
def measures(config: Config, item: int | None) -> tuple[HeadMeasures, ...]:
    """Return the measures of every head, of one batch item or over all."""
    return measure(trace(config), item)


def striking(config: Config, item: int, head: int, query: int | None, key: int | None) -> tuple[int, int]:
    """Return a query and a key to look at: as they are given, else where a head's weight is largest."""
    return striking_cell(trace(config), item, head, query, key)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_SETTINGS)
def score(config: Config, item: int, head: int, query: int, key: int) -> Score:
    """Return one score taken apart."""
    return products(trace(config), item, head, query, key)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_SETTINGS)
def head_sums(config: Config, item: int, query: int) -> Added:
    """Return what every head adds to one query's row of out."""
    return added(trace(config), item, query)

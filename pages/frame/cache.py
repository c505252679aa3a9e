"""The only caches: runs, their weights and their packed bytes, by frozen settings. Shared and read-only."""

import json
import threading

import streamlit as st
from torch import nn

from mha_core import Config, Stage, Trace, run
from mha_core.config import held_bytes, multiplications
from mha_core.errors import ExplorerError
from mha_core.figures.cells import describe
from mha_core.figures.follow import follow_json
from mha_core.figures.to_bytes import Beside, run_bytes, run_id
from mha_core.inputs import initial
from mha_core.layouts import Readings, read_both_ways
from mha_core.run import pipeline_for
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
    return run(config, parameters=_parameters(_weights_of(config)))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def _parameters(config: Config) -> dict[str, nn.Linear]:
    return initial(config)


def _weights_of(config: Config) -> Config:
    """Return settings that draw the same weights: all that does not decide them at its default."""
    keep = ("input_dim", "d_model", "num_heads", "bias", "layout", "seed", "gain")
    return Config(**{name: getattr(config, name) for name in keep})


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_SETTINGS)
def picture(config: Config, item: int, open_name: str, sheet: int, notes: tuple[str, ...]) -> bytes:
    """Return one batch item of a run, packed for the drawing. `open_name` matters only for large runs."""
    shown = trace(config)
    return run_bytes(shown, describe(shown, item, open_name, sheet), notes, identity(config, item))


def readings(config: Config) -> Readings | None:
    """Return a run, the same converted to the other layout, and the same weights read the other way.

    None where the three together would hold more than one run may.
    """
    if 3 * held_bytes(config) > ALLOWED:
        return None
    return _readings(config) if held_bytes(config) <= LARGE else _large_readings(config)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_SETTINGS)
def _readings(config: Config) -> Readings:
    return read_both_ways(config, _parameters(_weights_of(config)))


@st.cache_resource(max_entries=1, show_spinner=True, hash_funcs=BY_SETTINGS)
def _large_readings(config: Config) -> Readings:
    return read_both_ways(config)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs={**BY_SETTINGS, Beside: repr})
def beside(config: Config, side: str, item: int, open_name: str, shown: Beside) -> bytes:
    """Return one of two runs side by side, packed: `side` is a field of the readings."""
    run_of = getattr(readings(config), side)
    return run_bytes(run_of, describe(run_of, item, open_name), (), f"{identity(config, item)}-{side}", shown)


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

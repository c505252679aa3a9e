"""The proof strip: a calm line of chips at the foot of a page, and a fold with what stands behind them."""

import html
from collections.abc import Sequence

import streamlit as st
import torch

from mha_core import Config
from mha_core.figures.follow import number, written
from mha_core.figures.theme import NEUTRALS, VERDICTS, Colour
from mha_core.inputs import DTYPES
from mha_core.proofs import CHECKS, Check, Proof, code
from mha_core.proving.compared import STEPS, Broke, worst
from mha_core.words import say
from pages.frame import cache, show
from pages.frame.words import WORDS

VERDICT = {True: "held", False: "broke", None: "silent"}
FIGURE = 2
"""Digits of a figure and its limit."""

FEW = 3
"""Digits of a number on a chip; in the fold they are all there."""


def _themed(colour: Colour) -> str:
    # Streamlit sets color-scheme on the page, also where a visitor chose the theme
    return f"light-dark({colour.light}, {colour.dark})"


STYLE = f"""
<style>
.proofs :is(p, li) {{ font-size: .8125rem; line-height: 1.4; }}
.proofs p {{ margin: 0 0 .25rem; color: {_themed(NEUTRALS["muted"])}; }}
.proofs ul {{ display: flex; flex-wrap: wrap; gap: .3rem; margin: 0; padding: 0; list-style: none; }}
.proofs li {{ margin: 0; padding: .1rem .55rem; border-radius: .8rem;
  background: {_themed(NEUTRALS["chip"])}; overflow-wrap: anywhere; }}
.proofs .broke {{ outline: 1px solid {_themed(VERDICTS["broke"])}; outline-offset: -1px; }}
.proofs .figure {{ font-variant-numeric: tabular-nums; color: {_themed(NEUTRALS["muted"])}; }}
{"".join(f".proofs .{name} b {{ color: {_themed(colour)}; }}" for name, colour in VERDICTS.items())}
.proofs-said {{ margin: 0; padding: 0 0 0 1.1rem; font-size: .9rem; }}
.proofs-said li {{ margin: 0; }}
</style>
"""


def strip(config: Config, side: str = "") -> None:
    """Draw what the checks find in a run: a line of chips, and a fold with everything behind them.

    Args:
        config: the settings of the run.
        side: one of the readings in two layouts, where it is not the settings' own run.
    """
    found = cache.proofs(config, side)
    st.html(_chips(WORDS[f"proofs_{side}" if side else "proofs"], found))
    # what is inside is drawn once it is open: seven pieces of code would cost more than all the rest
    more = st.expander(WORDS["proofs_more"], key=f"proofs-{side or 'run'}", on_change="rerun")
    if more.open:
        with more:
            _details(config, side, found)


def strips(config: Config, sides: Sequence[str]) -> None:
    """Draw the strips of several readings beside each other."""
    for place, side in zip(st.columns(len(sides)), sides, strict=True):
        with place:
            strip(config, side)


def _chips(lead: str, found: Sequence[Proof]) -> str:
    said = html.escape(lead)
    chips = "".join(map(_chip, found))
    return f'{STYLE}<section class="proofs" aria-label="{said}"><p>{said}</p><ul>{chips}</ul></section>'


def _chip(proof: Proof) -> str:
    check, verdict = CHECKS[proof.name], VERDICT[proof.passed]
    after = ""
    if broke := proof.broke:
        facts = {"cell": _cell(broke), "mine": number(broke.mine, FEW)}
        if broke.theirs is None:
            after = say(WORDS["broke_alone"], **facts)
        else:
            after = say(WORDS["broke_at"], **facts, theirs=number(broke.theirs, FEW))
    elif proof.figure is not None:
        after = say(check.chip, figure=number(proof.figure, FIGURE))
    parts = (f"<b>{WORDS[verdict]}</b>", html.escape(check.label))
    figure = f'<span class="figure">{html.escape(after)}</span>' if after else ""
    return f'<li class="{verdict}" data-proof="{proof.name}">{" ".join((*parts, figure)).strip()}</li>'


def _cell(broke: Broke) -> str:
    return written(broke.name, broke.index)


def _details(config: Config, side: str, found: Sequence[Proof]) -> None:
    """Draw how each check works, what it found, and its code."""
    dtype = DTYPES[config.dtype]
    eps = number(torch.finfo(dtype).eps, 3)
    if side == "misread":
        both = cache.readings(config)
        assert both is not None, "readings that are not there have no proofs"
        read = {"written": both.written(side), "read": config.layout}
        st.markdown(show.as_text(say(WORDS["proofs_written"], **read)))
    for proof in found:
        check = CHECKS[proof.name]
        title = say(WORDS["proof_title"], verdict=WORDS[VERDICT[proof.passed]], title=check.title)
        st.markdown(f"###### {show.as_text(title)}")
        st.markdown(show.as_text(check.how))
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in _said(check, proof))
        st.html(f'<ul class="proofs-said">{lines}</ul>')
        for claim in check.shows:
            st.code(code(claim), wrap_lines=True)
    st.markdown(show.as_text(say(WORDS["proofs_tolerance"], dtype=config.dtype, steps=STEPS[dtype], eps=eps)))
    if dtype not in (torch.float32, torch.float64):
        st.markdown(show.as_text(say(WORDS["proofs_precise"], dtype=config.dtype)))


def _said(check: Check, proof: Proof) -> list[str]:
    """Return what is to be said of a check: where it broke, its figures, and how much was looked at."""
    if proof.passed is None:
        return [proof.reason]
    compared = proof.compared if check.one_by_one else (worst(proof.compared),)
    lines = [
        say(
            check.told,
            name=each.name,
            count=f"{each.count:,}",
            figure=number(each.largest, FIGURE),
            tolerance=number(each.tolerance, FIGURE),
        )
        for each in compared
    ]
    if proof.broke:
        theirs = "" if proof.broke.theirs is None else number(proof.broke.theirs)
        mine = number(proof.broke.mine)
        lines.insert(0, say(check.failed, cell=_cell(proof.broke), mine=mine, theirs=theirs))
    return [*lines, proof.looked, *proof.notes]

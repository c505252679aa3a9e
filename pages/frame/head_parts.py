"""The lower half of the page of heads: what every head does, and one score taken apart."""

import html

import streamlit as st

from mha_core import Trace
from mha_core.figures.said import number
from mha_core.words import say
from pages.frame import cache, choosing, head_tables
from pages.frame.chosen import Chosen
from pages.frame.words import WORDS


def sentence(text: str) -> str:
    """Return a sentence beside a drawing as HTML."""
    return f'<p class="heads-said">{html.escape(text)}</p>'


def said(text: str) -> None:
    """Show a sentence beside a drawing, as text."""
    st.html(sentence(text))


def measured(trace: Trace, now: Chosen) -> None:
    """Say what every head does, beside uniform attention."""
    config = trace.config
    st.subheader(WORDS["measures"], anchor="measures")
    if config.batch_size > 1:
        choosing.over_control(trace, now)
    found = cache.measures(config, None if now.over else now.item)
    about = head_tables.joined([WORDS["measures_explained"], *head_tables.about(found, config, now.over)])
    st.html(head_tables.measured(found).html() + sentence(about))


def closer(trace: Trace, now: Chosen, labels: tuple[str, ...]) -> None:
    """Take one score apart, and say what its head adds to out."""
    config = trace.config
    st.subheader(WORDS["closer"], anchor="closer")
    query, key = cache.striking(config, now.item, now.of, now.query, now.key)
    choosing.cell_controls(trace, now, query, key, labels)
    made, added = st.columns(2, gap="large")
    with made:
        _products(trace, now, query, key)
    with added:
        found = cache.head_sums(config, now.item, query)
        largest = number(found.largest, 2)
        said_of = say(WORDS["added_said"], largest=largest, dtype=config.dtype, query=labels[query])
        st.html(sentence(said_of) + head_tables.added_table(found, now.of).html())


def _products(trace: Trace, now: Chosen, query: int, key: int) -> None:
    score = cache.score(trace.config, now.item, now.of, query, key)
    made = head_tables.score_said(score, trace.config)
    st.html(sentence(made) + head_tables.products_table(score, rest=False).html())
    if len(score.products) <= head_tables.FIRST:
        return
    more = st.expander(WORDS["products_more"], key="heads-products", on_change="rerun")
    if more.open:
        with more:
            st.html(head_tables.products_table(score, rest=True).html())

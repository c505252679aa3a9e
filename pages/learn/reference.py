"""Look things up: the whole listing, axes, names, costs, symptoms, and where others differ."""

import streamlit as st

from mha_core.costs import parameter_bytes
from mha_core.figures.follow import written
from mha_core.listing import whole
from mha_core.symptoms import SYMPTOMS, Symptom, cell_for, settings_for
from mha_core.words import say
from pages.frame import cache, facts, leading, proof, settings, show, tables
from pages.frame.words import WORDS

CALL = 'trace.first_difference({"scores": mine})'

settled = settings.current()
config = settled.config
trace = cache.trace(config)
pipeline = trace.pipeline


def symptom(row: Symptom) -> None:
    """Draw one thing that goes wrong, with a link to the view that shows it."""
    wanted = settings_for(row, config)
    cell = cell_for(row, wanted)
    name, *index = cell.split(".")
    label = say(WORDS["open_cell"], cell=written(name, tuple(map(int, index))))
    with st.container(border=True):
        st.markdown(f"#### {show.as_text(row.sees)}")
        st.markdown(show.as_text(row.cause))
        st.html(tables.pair([(WORDS["wrong"], row.wrong), (WORDS["right"], row.right)]))
        st.markdown(show.as_text(row.shows))
        leading.link(row.name, label, row.see, wanted, cell)


def listing() -> None:
    """Draw the code of all steps, which can be copied."""
    # coloured, its comments are too pale to read; unwrapped, on a phone no keyboard scrolls it
    st.code(whole(trace), language=None, wrap_lines=True)


def axes() -> None:
    """Draw the glossary."""
    st.html(facts.glossary(pipeline, config).html())


def names() -> None:
    """Draw what others call things."""
    st.html(facts.names(pipeline).html())
    st.html(facts.libraries().html())


def what_it_costs() -> None:
    """Draw parameters, FLOPs and bytes."""
    st.html(facts.parameters(pipeline, config).html())
    st.markdown(
        say(WORDS["parameter_bytes"], bytes=f"{parameter_bytes(pipeline, config):,}", dtype=config.dtype)
    )
    st.html(facts.flops(pipeline, config).html())
    st.markdown(WORDS["flops_explained"])
    st.html(facts.memory(trace).html())
    st.markdown(WORDS["memory_explained"])


def symptoms() -> None:
    """Draw what goes wrong, two beside each other where there is room."""
    for place in range(0, len(SYMPTOMS), 2):
        for column, row in zip(st.columns(2), SYMPTOMS[place : place + 2], strict=False):
            with column:
                symptom(row)


def others() -> None:
    """Draw what the rows note."""
    st.html(facts.notes(pipeline).html())


SECTIONS = {
    "listing": listing,
    "axes": axes,
    "names": names,
    "costs": what_it_costs,
    "symptoms": symptoms,
    "others": others,
}

show.say_what(settled, WORDS["reference"], preset=False)
headings = [(name, WORDS[f"section_{name}"]) for name in SECTIONS]
st.html(tables.STYLE + tables.contents(WORDS["contents"], headings))
for name, section in SECTIONS.items():
    st.subheader(WORDS[f"section_{name}"], anchor=name)
    st.markdown(say(WORDS[f"about_{name}"], call=CALL))
    section()
proof.strip(config)
leading.listen()

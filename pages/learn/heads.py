"""Every head's attention as a map: what each head does, what makes a score, what a head adds to out."""

from dataclasses import replace

import streamlit as st

from mha_core.compare import Wanted
from mha_core.errors import ExplorerError
from mha_core.figures.maps import side
from mha_core.words import say
from pages.frame import (
    browser,
    cache,
    choosing,
    drawing,
    head_parts,
    head_tables,
    proof,
    settings,
    show,
    strip,
    tables,
)
from pages.frame.chosen import Chosen, file_name, read
from pages.frame.head_parts import said
from pages.frame.words import WORDS

SINGLE = 720  # pixels
CONFIG = {"displayModeBar": False, "doubleClick": False}

settled = settings.current()
config = settled.config
trace = cache.trace(config)
now = read(trace)
words = config.words[now.item] if config.words else ()
labels = side("query", config.sequence_length, words).labels


def drawn(now: Chosen) -> None:
    """Draw the maps, with their sentence; what cannot be taken away is left out, and said."""
    wanted = now.wanted(config)
    try:
        maps = cache.maps(config, now.item, wanted)
    except ExplorerError as error:
        show.say_all([say(WORDS["nothing_taken"], reason=str(error))])
        wanted = Wanted(now.name, wanted.heads)
        maps = cache.maps(config, now.item, wanted)
    figure = cache.heads_figure(config, now.item, wanted, browser.look())
    # a single map is as wide as it is high, with its sums beside it
    with st.container(key="heads-figure", width=SINGLE if len(wanted.heads) == 1 else "stretch"):
        st.plotly_chart(figure, theme=None, key="heads-maps", alt=maps.sentence, config=CONFIG)
    said(maps.sentence)
    drawing.save_picture(".st-key-heads-figure .js-plotly-plot", file_name(now), "heads-picture")
    walked(replace(wanted, heads=one_of(wanted)), choose=len(wanted.heads) > 1)


def one_of(wanted: Wanted) -> tuple[int, ...]:
    """Return the one head, or the mean, that a table or links can show."""
    return wanted.heads if len(wanted.heads) == 1 else (now.of,)


def titled(single: Wanted) -> str:
    """Return what a single map is called."""
    maps = cache.maps(config, now.item, single)
    return say(WORDS["map_title"], title=maps.title, head=maps.maps[0].title)


def walked(single: Wanted, choose: bool = False) -> None:
    """Offer one map as a table that can be walked with the arrow keys; where asked, with a choice of head."""
    if choose:
        choosing.head_of_table(trace, now)
    found = drawing.table(cache.one_map(config, now.item, single, titled(single), None), "heads-table")
    choosing.picked(found, len(labels), row="query", column="key")


def linked() -> None:
    """Draw the links of one head, or of the mean: they show weights, whichever tensor is chosen."""
    wanted = now.wanted(config)
    name = next(name for name in reversed(trace.names) if trace.made(name).values == "probability")
    single = Wanted(name, one_of(wanted))
    title = titled(single)
    found = drawing.links(cache.one_map(config, now.item, single, title, now.query), "heads-links")
    choosing.picked(found, len(labels), query="query")
    walked(single)
    if len(wanted.heads) > 1 or now.minus or now.name != name:
        said(say(WORDS["links_said"], title=title))


opens = settings.opened_by_itself("heads")
show.say_what(settled, head_tables.joined([WORDS["heads"], *([WORDS["heads_opens"]] if opens else [])]))
st.html(f"{tables.STYLE}{head_tables.STYLE}")
browser.listen()
show.say_all([*now.sentences, *trace.notes, *show.wholly_hidden(config)])
choosing.controls(trace, now)
if config.weights == "planted":
    said(head_tables.joined(show.weights_said(config)))
if even := head_tables.nearly_even(cache.measures(config, now.item)):
    with st.container(horizontal=True, vertical_alignment="center", key="heads-even"):
        said(even)
        if config.weights != "planted":
            st.button(WORDS["plant"], key="heads-plant", on_click=strip.plant)
if now.links:
    linked()
else:
    drawn(now)
head_parts.measured(trace, now)
head_parts.closer(trace, now, labels)
proof.strip(config)

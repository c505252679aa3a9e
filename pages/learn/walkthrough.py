"""Walk one input through multi-head attention, stage by stage."""

import json

import streamlit as st

from pages.frame import cache, drawing, front, proof, settings, show
from pages.frame.words import WORDS

settled = settings.current()
show.say_what(settled, WORDS["walkthrough"])


@st.fragment
def walkthrough() -> None:
    """Draw the run; only this reruns when the drawing asks for something."""
    drawing.go_where_asked()
    config = settings.current().config
    view = front.checked_view(config, drawing.asked())
    notes = show.notes_of(cache.trace(config))
    data = cache.picture(config, view.item, view.stage, view.sheet, notes)
    followed = cache.followed(config, view.cell, view.item) if view.cell else "{}"
    sentence = json.loads(followed).get("sentence")
    show.say_all([*view.sentences, *([sentence] if sentence else [])])
    drawing.mount(data, followed)


walkthrough()
proof.strip(settled.config)

"""The weights of a run as blocks, and what each planted head was built to do."""

import json

import streamlit as st

from mha_core.words import say
from pages.frame import cache, drawing, front, proof, settings, show, strip
from pages.frame.words import WORDS

settled = settings.current()
show.say_what(settled, WORDS["weights"], preset=False)


@st.fragment
def weights() -> None:
    """Draw the weights; only this reruns when the drawing asks for something."""
    drawing.go_where_asked()
    config = settings.current().config
    shown = cache.weights(config)
    if shown is None:
        show.say_all([say(WORDS["weights_too_large"], count=cache.weights_count(config), most=cache.MOST)])
        return
    view = front.checked_view(config, drawing.asked(), shown.pipeline)
    data = cache.weights_picture(config, view.stage, view.sheet)
    followed = cache.weights_followed(config, view.cell) if view.cell else "{}"
    sentence = json.loads(followed).get("sentence")
    show.say_all([*view.sentences, *([sentence] if sentence else [])])
    drawing.mount(data, followed)


weights()
if settled.config.weights == "planted":
    st.subheader(WORDS["weights_built"])
    strip.heads_said(settled.config)
else:
    st.caption(WORDS["weights_drawn"])
proof.strip(settled.config)

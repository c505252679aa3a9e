"""The explorer's page without its drawing and without a run: settings, headings, code and formulas alone."""

import streamlit as st

from mha_core.listing import FILLED, filled
from mha_core.run import pipeline_for
from pages.frame import settings, show, strip
from pages.frame.words import WORDS

st.set_page_config(layout="wide")
settled = settings.settle()
with st.container(key="frame"):
    st.html(show.STYLE)
    strip.draw(lambda: None)  # nothing is taken away here
show.say_what(settled, WORDS["walkthrough"])
sizes = {name: getattr(settled.config, name) for name in FILLED if hasattr(settled.config, name)}
for stage in pipeline_for(settled.config):
    st.subheader(stage.title)
    st.markdown(stage.why)
    st.code(filled(stage, sizes))
    if stage.formula:
        st.latex(stage.formula)

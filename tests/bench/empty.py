"""The least a page can be: one slider and one line."""

import streamlit as st

st.set_page_config(layout="wide")
st.write(f"sequence_length {st.slider('sequence_length', 1, 128, 4, key='sequence_length')}")

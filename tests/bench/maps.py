"""A page with one head's links, its numbers as a table, a signed map, and a Plotly figure to be saved."""

import sys
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from mha_core import Config, run
from mha_core.figures.map_bytes import map_bytes
from pages.frame import drawing

WORDS = ("the", "<b>cat</b>", "</script>", "the", "שלום", "🦊", "a&b", "long" * 12)
TITLE = "weights of <i>head 1</i>"
TALL = 128
HOSTILE_ROW = 5
SCALE = ("#f5fbfe", "#063f5c")


def one_head(size: int) -> tuple[Tensor, Tensor]:
    """Weights of one head and its mask; of the short one a row is wholly hidden, as filling makes it."""
    config = Config(sequence_length=size, input_dim=12, d_model=12, num_heads=2, mask="causal", gain=3.0)
    trace = run(config)
    weights, hidden = trace["weights"][0, 1].clone(), trace["mask"][0, 0].clone()
    if size == len(WORDS):
        weights[HOSTILE_ROW], hidden[HOSTILE_ROW] = float("nan"), True
    return weights, hidden


def signed_map() -> Tensor:
    """Three rows of four numbers around zero, one of them infinite."""
    values = torch.linspace(-2, 2, 12).reshape(3, 4)
    values[2, 3] = -float("inf")
    return values


def page() -> None:
    """Draw everything; what is picked comes back into the links."""
    st.set_page_config(layout="wide")
    drawing.library()
    long = st.checkbox("long", key="long")
    words = () if long else WORDS
    weights, hidden = one_head(TALL if long else len(WORDS))
    facts = {"title": TITLE, "rows": words, "columns": words, "hidden": hidden, "head": 1}
    asked = st.query_params.get("query")
    picked = st.session_state.setdefault("picked", int(asked) if asked else None)
    found = drawing.links(map_bytes(weights, picked=picked, **facts), "links")
    if found:
        st.session_state["picked"] = found["query"]
        st.rerun()
    st.text(f"query {picked}")
    sums = {"row_sums": weights.double().sum(-1), "column_sums": weights.double().sum(-2)}
    cell = drawing.table(map_bytes(weights, **facts, **sums), "walk")
    st.text(f"cell {cell}")
    drawing.table(map_bytes(signed_map(), title="a signed map", kind="signed"), "signed")
    if "figure" in st.query_params:
        plotted(weights)


def plotted(weights: Tensor) -> None:
    """Draw the weights by Plotly, with a button that saves the figure."""
    scale = [[0, SCALE[0]], [1, SCALE[1]]]
    heat = go.Heatmap(z=weights.nan_to_num().numpy(), colorscale=scale, zmin=0, zmax=1)
    figure = go.Figure(heat)
    figure.update_layout(title="&lt;b&gt; is text", height=360, yaxis={"autorange": "reversed"})
    with st.container(key="figure"):
        st.plotly_chart(figure, theme=None, key="chart")
    drawing.save_picture(".st-key-figure .js-plotly-plot", "heads/of <this> run", "save")


if __name__ == "__main__":
    page()

"""The least that shows eight heads: one bare Plotly figure, of eight heatmaps or (`?combined`) of one."""

import sys
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from plotly.subplots import make_subplots

sys.path.insert(0, str(Path(__file__).parents[2]))

from mha_core import Config, run

torch.set_num_threads(1)
st.set_page_config(layout="wide")
asked = st.query_params
first = int(asked.get("sequence_length", 4))
tokens = st.number_input("sequence_length", 1, 128, first, key="sequence_length")
config = Config(sequence_length=tokens, seed=int(asked.get("seed", 0)), mask="causal", gain=3.0)
weights = run(config)["weights"][0].numpy()
if "combined" in asked:
    rows = [np.concatenate(list(weights[start : start + 4]), axis=1) for start in (0, 4)]
    figure = go.Figure(go.Heatmap(z=np.concatenate(rows), zmin=0, zmax=1))
else:
    figure = make_subplots(2, 4)
    for head, values in enumerate(weights):
        figure.add_trace(go.Heatmap(z=values, coloraxis="coloraxis"), head // 4 + 1, head % 4 + 1)
    figure.update_layout(coloraxis={"cmin": 0, "cmax": 1})
figure.update_layout(height=610)
st.plotly_chart(figure, key="chart")

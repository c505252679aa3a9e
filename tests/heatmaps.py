"""Plotly figures as the browser gets them: read back from their JSON, apart from all code that made them."""

import base64
import html
import json
from typing import Any

import numpy as np

KINDS = {"f4": "<f4", "f8": "<f8", "i1": "i1", "u1": "u1", "i2": "<i2", "i4": "<i4"}


def array(entry: Any) -> np.ndarray:
    """A typed array, or a list, of a spec."""
    if isinstance(entry, dict):
        flat = np.frombuffer(base64.b64decode(entry["bdata"]), KINDS[entry["dtype"]])
        shape = [int(size) for size in str(entry.get("shape", flat.size)).split(",")]
        return flat.reshape(shape)
    return np.array(entry, dtype=float)


class Spec:
    """One figure: its heatmaps in order, and what stands on their axes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.figure = json.loads(text)
        self.data, self.layout = self.figure["data"], self.figure["layout"]
        self.heatmaps = [trace for trace in self.data if trace["type"] == "heatmap"]

    def values(self, place: int) -> np.ndarray:
        return array(self.heatmaps[place]["z"])

    def beside(self, place: int, kind: str = "scatter") -> list[dict[str, Any]]:
        """The traces on the axes of a heatmap."""
        axes = self.heatmaps[place]["xaxis"]
        return [trace for trace in self.data if trace["type"] == kind and trace["xaxis"] == axes]

    def hatched(self, place: int) -> np.ndarray:
        """Which cells the hatch covers: those whose centre lies inside its polygons (even-odd)."""
        rows, columns = self.values(place).shape
        covered = np.zeros((rows, columns), bool)
        for trace in self.beside(place):
            if trace.get("fill") != "toself":
                continue
            x, y = array(trace["x"]), array(trace["y"])
            for row in range(rows):
                for column in range(columns):
                    covered[row, column] ^= inside(x, y, column, row)
        return covered

    def texts(self, place: int) -> dict[tuple[int, int], str]:
        """The texts in the cells, by row and column."""
        return {
            (int(y), int(x)): text
            for trace in self.beside(place)
            if trace.get("mode") == "text"
            for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True)
        }

    def axis(self, place: int, side: str) -> dict[str, Any]:
        """One axis of a heatmap, with what the template gives to all of them."""
        name = self.heatmaps[place][f"{side}axis"].replace(side, f"{side}axis")
        return {**self.layout["template"]["layout"][f"{side}axis"], **self.layout[name]}

    def words(self, place: int, side: str) -> list[str]:
        """What the hover says of every index of a side, entities decoded as Plotly does."""
        alias = self.axis(place, side)["labelalias"]
        return [html.unescape(alias[str(index)]) for index in range(len(alias))]

    def captions(self) -> list[str]:
        return [each["text"] for each in self.layout["annotations"]]


def inside(x: np.ndarray, y: np.ndarray, column: float, row: float) -> bool:
    """Whether a point lies inside polygons that are parted by NaN."""
    within = False
    for at in range(len(x) - 1):
        (x0, y0), (x1, y1) = (x[at], y[at]), (x[at + 1], y[at + 1])
        if np.isnan([x0, x1]).any() or (y0 > row) == (y1 > row):
            continue
        within ^= bool(column < x0 + (row - y0) * (x1 - x0) / (y1 - y0))
    return within

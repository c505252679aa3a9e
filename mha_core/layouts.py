"""The two fused layouts side by side: the same weights read rightly, converted, and read the other way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from mha_core.checks import Difference, first_difference
from mha_core.config import Config
from mha_core.differences import largest_difference
from mha_core.inputs import to_per_head, to_stacked
from mha_core.run import Trace, run


@dataclass(frozen=True)
class Readings:
    """Three runs on the same input.

    Attributes:
        right: the settings' own run.
        converted: the other layout's pipeline on the weights put in its order: the same answer.
        misread: the settings' own pipeline on the weights put in the other order, as if they had been stored
            by other code: every shape agrees, the answer does not.
        equal: the largest difference in out between `right` and `converted`.
        wrong: the largest difference in out between `right` and `misread`.
        differences: for each tensor that `misread` has differently, its first number that differs, in the
            order made. None where the two orders are the same (one head: there is then only one order).
    """

    right: Trace
    converted: Trace
    misread: Trace
    equal: float
    wrong: float
    differences: tuple[Difference, ...]

    def written(self, side: str) -> str:
        """Return the layout in which the rows of a reading's qkv_layer were written."""
        return (self.right if side == "right" else self.converted).config.layout


def read_both_ways(config: Config, parameters: Mapping[str, nn.Linear] | None = None) -> Readings:
    """Run the settings, the other layout on converted weights, and the settings on misread weights."""
    right = run(config, parameters=parameters)
    convert, other = (to_stacked, "stacked") if config.layout == "per_head" else (to_per_head, "per_head")
    layers = {**right.parameters, "qkv_layer": convert(right.parameters["qkv_layer"], config.num_heads)}
    x = right["x"]
    converted = run(right.config.but(layout=other), x, layers)
    misread = run(right.config, x, layers)
    found = (first_difference(right, {name: misread[name]}, explain=False) for name in misread.names)
    return Readings(
        right=right,
        converted=converted,
        misread=misread,
        equal=largest_difference(right["out"], converted["out"]),
        wrong=largest_difference(right["out"], misread["out"]),
        differences=tuple(difference for difference in found if difference is not None),
    )

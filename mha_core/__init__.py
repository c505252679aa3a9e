"""Multi-head attention, stage by stage: run it, keep every tensor, ask where any number comes from."""

from mha_core.attention import PER_HEAD, STACKED
from mha_core.config import Config
from mha_core.errors import ExplorerError
from mha_core.inputs import from_torch, fuse, to_per_head, to_stacked
from mha_core.run import PIPELINES, Trace, devices, run
from mha_core.stage import Made, Stage, swap

__all__ = [
    "PER_HEAD",
    "PIPELINES",
    "STACKED",
    "Config",
    "ExplorerError",
    "Made",
    "Stage",
    "Trace",
    "devices",
    "from_torch",
    "fuse",
    "run",
    "swap",
    "to_per_head",
    "to_stacked",
]

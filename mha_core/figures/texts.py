"""Everything constant that the drawing says and looks like: stages' texts, words, axes, colours."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from latex2mathml.converter import convert

from mha_core.axes import WORDS as AXIS_MEANINGS
from mha_core.axes import edges
from mha_core.figures.header import FORMAT
from mha_core.figures.theme import browser_theme
from mha_core.figures.words import WORDS
from mha_core.inputs import INPUT_STAGES
from mha_core.listing import code
from mha_core.masks import RULES, mask_stage
from mha_core.parameters import parameter_pipeline
from mha_core.run import PIPELINES
from mha_core.stage import Stage, unbiased

VIEW = ("stage", "cell", "batch", "paint", "lens")
"""What is on show, in an address: keys that the drawing writes and the pages hand on."""


@lru_cache(maxsize=1)
def known_stages() -> dict[Stage, str]:
    """Return every stage that ships, with the key of its text."""
    stages = [*INPUT_STAGES.values(), *map(mask_stage, RULES)]
    stages += [stage for pipeline in PIPELINES.values() for stage in pipeline]
    stages += map(unbiased, tuple(stages))
    stages += [stage for layout in PIPELINES for stage in parameter_pipeline(layout, bias=True)]
    keys: dict[Stage, str] = {}
    for stage in dict.fromkeys(stages):
        alike = sum(other.key == stage.key for other in keys)
        keys[stage] = f"{stage.key}-{alike + 1}" if alike else stage.key
    return keys


def text_key(stage: Stage) -> str:
    """Return under which key a stage's text is sent; nothing for a stage that does not ship."""
    return known_stages().get(stage, "")


def stage_text(stage: Stage) -> dict[str, Any]:
    """Return what is said of a stage, its formula as MathML."""
    return {
        "title": stage.title,
        "why": stage.why,
        "operation": stage.operation,
        "note": stage.note,
        "see": stage.see,
        "source": stage.source,
        "formula": convert(stage.formula, display="block") if stage.formula else "",
        "code": code(stage),
        "moves": stage.moves,
        "part": stage.part,
    }


def _edges(axes: str) -> list[dict[str, Any]]:
    return [{"label": edge.label, "colour": edge.colour, "words": list(edge.words)} for edge in edges(axes)]


@lru_cache(maxsize=1)
def constant_json() -> str:
    """Return everything constant as JSON; the drawing is given it once."""
    return json.dumps(
        {
            "format": FORMAT,
            "view": VIEW,
            "words": WORDS,
            "axes": AXIS_MEANINGS,
            "edges": {made.axes: _edges(made.axes) for stage in known_stages() for made in stage.makes},
            "theme": browser_theme(),
            "stages": {key: stage_text(stage) for stage, key in known_stages().items()},
        },
        ensure_ascii=False,
    )

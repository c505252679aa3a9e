"""What the browser has in front, read from the view keys, within what a page draws."""

import re
from dataclasses import dataclass
from typing import Any

from mha_core import Config
from mha_core.axes import shape_of
from mha_core.origins import ORIGINS
from mha_core.parameters import parameter_pipeline
from mha_core.run import pipeline_for
from mha_core.stage import Pipeline, made_names, maker_of
from mha_core.words import listed, say
from pages.frame import settings
from pages.frame.words import WORDS


@dataclass(frozen=True)
class View:
    """What the browser has in front: batch item, open tensor, its first sheet, followed cell."""

    item: int
    stage: str
    sheet: int
    cell: str
    sentences: tuple[str, ...]


def checked_view(config: Config, asked: Any, pipeline: Pipeline | None = None) -> View:
    """Read what is in front from the address, within what the run has.

    Args:
        config: the run's settings.
        asked: what the drawing asks for in this run: its view keys, which the address may not hold yet, and
            perhaps a sheet.
        pipeline: the stages that the page draws; None: those of the run.
    """
    found = {**settings.view(), **settings.kept(asked)}
    now = {key: str(value) for key, value in found.items() if value is not None}
    return view_of(config, now, asked.get("sheet") if isinstance(asked, dict) else None, pipeline)


def view_of(config: Config, now: dict[str, str], sheet: Any = None, pipeline: Pipeline | None = None) -> View:
    """Read what is in front from view keys, within what the page draws; other pages' keys are passed over."""
    pipeline = pipeline or pipeline_for(config)
    elsewhere = _drawn_elsewhere(config, pipeline)
    now = {key: value for key, value in now.items() if value.split(".")[0] not in elsewhere}
    last = config.batch_size - 1
    # a link to a cell need not say the batch item twice
    of_cell = re.match(r"\w+\.(\d{1,4})\.", now.get("cell", ""), re.ASCII)
    batch = now.get("batch", of_cell[1] if of_cell and int(of_cell[1]) <= last else "0")
    good = batch.isascii() and batch.isdigit() and len(batch) < 9 and int(batch) <= last
    framed = re.match(r"\d{1,4}(?=\.)", now.get("lens", ""), re.ASCII)  # the sheet that is looked at
    if sheet is None:
        sheet = int(framed[0]) if framed else 0
    stage = now.get("stage", "")
    return View(
        item=int(batch) if good else 0,
        stage=stage,
        sheet=sheet if isinstance(sheet, int) and 0 <= sheet < _sheets(config, stage, pipeline) else 0,
        cell=now.get("cell", ""),
        sentences=(
            *(() if good else (say(WORDS["no_batch"], value=batch, last=last),)),
            *_unknown_view(pipeline, now),
        ),
    )


def _drawn_elsewhere(config: Config, pipeline: Pipeline) -> set[str]:
    """Return the tensors that other pages draw under the same settings and this one does not."""
    every = (*pipeline_for(config), *parameter_pipeline(config.layout, config.bias))
    return {*made_names(every)} - {*made_names(pipeline)}


def _sheets(config: Config, stage: str, pipeline: Pipeline) -> int:
    """Count the sheets of a tensor; 1 where it has no depth, or is none."""
    if stage not in made_names(pipeline):
        return 1
    shape = shape_of(maker_of(pipeline, stage)[1].axes, config.sizes)
    return shape[1] if len(shape) > 3 else 1


def _unknown_view(pipeline: Pipeline, now: dict[str, str]) -> list[str]:
    """Say which of stage, paint and lens the drawing will not find."""
    choices = {"stage": made_names(pipeline), "paint": ("value", *ORIGINS)}
    sentences = [
        say(WORDS["no_view"], key=key, value=now[key], known=listed(known))
        for key, known in choices.items()
        if key in now and now[key] not in known
    ]
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}", now.get("lens", "0.0"), re.ASCII):
        sentences.append(say(WORDS["no_lens"], value=now["lens"]))
    return sentences

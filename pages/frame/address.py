"""Settings as the address writes them: a preset names a base, and every field that differs from it."""

import re
from dataclasses import fields
from typing import Any

from mha_core import Config
from mha_core.config import SETTINGS
from mha_core.errors import ConfigError
from mha_core.presets import FIRST, PRESETS
from pages.frame.words import WORDS

VERSION = "1"

OPENS = {"heads": "planted"}
"""Pages that open a visit with a preset of their own; in their addresses the preset is always written."""

FIELDS = tuple(each.name for each in fields(Config))
BY_TEXT = ("batch_size", "sequence_length")
"""Fields that typed words decide."""


def base_of(preset: str) -> Config:
    """Return the settings that a preset stands for; without one the tutorial's."""
    return PRESETS[preset].config if preset in PRESETS else Config()


def link(config: Config, preset: str, page: str = "") -> dict[str, str]:
    """Return the settings' part of a page's address: what differs from the base.

    Nothing for the first view, but on a page that opens with another one.
    """
    base = base_of(preset)
    left_out = BY_TEXT if config.input == "words" else ()
    changed = {
        name: written(getattr(config, name))
        for name in FIELDS
        if name not in left_out and getattr(config, name) != getattr(base, name)
    }
    if "text" in changed and config.input != "words":
        changed["input"] = config.input  # a link with a text alone would mean its words
    bare = preset == FIRST and not changed and page not in OPENS
    return {} if bare else {"preset": preset, **changed}


def written(value: Any) -> str:
    """Write a setting as the address does."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def parsed(name: str, text: str) -> Any:
    """Read a setting as the address writes it.

    Raises:
        ConfigError: the text is no such value.
    """
    kind, facts = type(getattr(Config(), name)), SETTINGS[name]
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(WORDS["not_a_switch"], name, value=text)
        return text.lower() == "true"
    if name == "jobs":
        return tuple(job.strip() for job in text.split(",") if job.strip())
    if kind is tuple:
        if not re.fullmatch(r"\s*(\d{1,4}\s*(,\s*\d{1,4}\s*)*)?", text):
            raise ConfigError(WORDS["not_lengths"], name, value=text)
        return tuple(int(length) for length in text.split(",") if length.strip())
    if kind in (int, float):
        # a float as Python writes it: 0.30000000000000004 and 1e-05 too
        pattern = r"-?\d{1,12}" if kind is int else r"-?\d{1,12}(\.\d{1,20})?(e[+-]?\d{1,3})?"
        if not re.fullmatch(pattern, text):
            raise ConfigError(WORDS["not_a_number"], name, value=text, low=facts.low, high=facts.high)
        return kind(text)
    return text

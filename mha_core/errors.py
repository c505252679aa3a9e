"""What can go wrong, each with a sentence that says what was given and what would work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mha_core.words import say


class ExplorerError(ValueError):
    """Any fault that the explorer explains: a template, and the facts that fill it."""

    def __init__(self, template: str, **facts: object) -> None:
        """Keep template and facts apart: a page may say the same in another language."""
        super().__init__(template, facts)
        self.template = template
        self.facts = facts

    def __str__(self) -> str:
        """Return the filled sentence."""
        return say(self.template, **self.facts)


class AxesError(ExplorerError):
    """A string of axes that cannot be read, or that names a word without a size."""


class ConfigError(ExplorerError):
    """A setting outside its limits, or two settings that do not go together.

    `setting` names the field, `nearest` a value for it that works (None where there is none).
    """

    def __init__(self, template: str, setting: str, nearest: object = None, **facts: object) -> None:
        """Name the field at fault and a value that would work."""
        super().__init__(template, setting=setting, nearest=nearest, **facts)
        self.setting = setting
        self.nearest = nearest


class PipelineError(ExplorerError):
    """A swap that does not fit, or a stage that asks for something nobody made."""


class ShapeError(ExplorerError):
    """A stage made another shape than its axes say. `tensors` holds what was made until then."""

    def __init__(self, template: str, tensors: Mapping[str, Any], **facts: object) -> None:
        """Keep the tensors made so far, the faulty one included, so that a page can still draw them."""
        super().__init__(template, **facts)
        self.tensors = tensors


class InputError(ExplorerError):
    """The caller's own x or parameters do not fit the config."""


class WindowError(ExplorerError):
    """A window that names an axis or a range that the tensor does not have."""

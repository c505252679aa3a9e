"""Writes the generated part of the README: `python -m tests.readme`."""

import re
from pathlib import Path

from mha_core import Config, run
from mha_core.listing import table

README = Path(__file__).resolve().parents[1] / "README.md"
PART = re.compile(r"(?s)(<!-- stages:[^\n]*-->\n).*(\n<!-- end of stages -->)")


def written(text: str) -> str:
    """Return the README with its table of stages as they run now."""
    return PART.sub(lambda found: found[1] + table(run(Config())) + found[2], text)


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")

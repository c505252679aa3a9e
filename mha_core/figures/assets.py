"""The drawing's plain files, joined in a fixed order: one script, one style sheet, wherever it is drawn."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "drawing"

SCRIPTS = (
    "data.js",
    "mapdata.js",
    "colours.js",
    "view.js",
    "faces.js",
    "block.js",
    "layout.js",
    "seats.js",
    "wide.js",
    "routes.js",
    "narrow.js",
    "mapkey.js",
    "paths.js",
    "overview.js",
    "strip.js",
    "grid.js",
    "cellpaint.js",
    "rings.js",
    "lettering.js",
    "labels.js",
    "scale.js",
    "sheets.js",
    "lens.js",
    "hover.js",
    "bar.js",
    "keymap.js",
    "panel.js",
    "follow.js",
    "equivalent.js",
    "offline.js",
    "stage.js",
    "beside.js",
    "keys.js",
    "record.js",
    "penink.js",
    "penpaint.js",
    "pens.js",
    "place.js",
    "links.js",
    "linkwords.js",
    "table.js",
    "picture.js",
    "mount.js",
)
STYLES = (
    "frame.css",
    "bar.css",
    "keymap.css",
    "overview.css",
    "grid.css",
    "stage.css",
    "follow.css",
    "demand.css",
    "beside.css",
    "links.css",
    "table.css",
    "picture.css",
)


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((FOLDER / name).read_text("utf-8") for name in names if (FOLDER / name).exists())


@lru_cache(maxsize=1)
def script() -> str:
    """Return the whole drawing as one script that publishes `attentionExplorer`, once a page."""
    once = "if (globalThis.attentionExplorer) return;\n"
    return f"(() => {{\n{once}const STYLE = {json.dumps(_joined(STYLES))};\n{_joined(SCRIPTS)}\n}})();\n"

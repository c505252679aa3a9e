"""One of the selected maps as packed bytes, for the links view and for the table that can be walked."""

from __future__ import annotations

import torch

from mha_core.compare import Selected
from mha_core.figures.map_bytes import map_bytes
from mha_core.figures.maps import Maps
from mha_core.run import Trace


def pack_map(
    trace: Trace, selected: Selected, described: Maps, title: str, picked: int | None = None
) -> bytes:
    """Pack the first of the selected maps with its words, its mask and its sums.

    Args:
        trace: the run.
        selected: the maps.
        described: their description.
        title: what the map is called.
        picked: the query that is picked in the links view.
    """
    one, head = described.maps[0], selected.wanted.heads[0]
    words = trace.config.words[selected.item] if trace.config.words else ()
    return map_bytes(
        torch.from_numpy(one.values),
        title=title,
        rows=words,
        columns=words,
        hidden=selected.hidden,
        kind=described.kind,
        head=head if head >= 0 else None,
        picked=picked,
        row_sums=torch.from_numpy(one.row_sums),
        column_sums=torch.from_numpy(one.column_sums),
    )

"""The same weights read in two layouts: every shape agrees, and the answer does not."""

import streamlit as st

from mha_core.figures.follow import number, written
from mha_core.figures.to_bytes import Beside
from mha_core.words import say
from pages.frame import cache, drawing, settings, show
from pages.frame.words import WORDS

OPENS = "qkv"

settled = settings.current()
config = settled.config
view = settings.checked_view(config, None)
both = cache.readings(config)
if both is None:
    show.say_what(settled, WORDS["layouts"], preset=False)
    show.say_all([WORDS["layouts_too_large"]])
    st.stop()
found = {difference.name: difference for difference in both.differences}

show.say_what(settled, WORDS["layouts"], preset=False)
show.say_all(view.sentences)
proof = say(WORDS["layouts_proof"], equal=number(both.equal), dtype=config.dtype, wrong=number(both.wrong))
st.markdown(proof if found else WORDS["layouts_same"])

show.say_all(both.right.notes)
said = {name: WORDS["layouts_equal"] for name in both.right.names}
for name, first in found.items():
    facts = {"mine": number(first.mine), "theirs": number(first.theirs), "largest": number(first.largest)}
    said[name] = say(WORDS["layouts_first"], cell=written(name, first.index), **facts)
ringed = tuple((name, first.index) for name, first in found.items() if first.index[0] == view.item)
sides = [
    cache.beside(
        config,
        side,
        view.item,
        view.stage or OPENS,
        Beside(
            title=WORDS[f"layouts_{side}"],
            text=say(WORDS[f"layouts_{side}_text"], layout=config.layout),
            opens=OPENS,
            ringed=ringed,
            said=tuple(said.items()),
        ),
    )
    for side in ("right", "misread")
]
drawing.mount_beside(*sides)

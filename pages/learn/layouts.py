"""The same weights read in two layouts: every shape agrees, and the answer does not."""

import streamlit as st

from mha_core.figures.follow import number, written
from mha_core.figures.to_bytes import Beside
from mha_core.words import say
from pages.frame import cache, drawing, front, proof, settings, show
from pages.frame.words import WORDS

OPENS = "qkv"

settled = settings.current()
config = settled.config
show.say_what(settled, WORDS["layouts"], preset=False)
both = cache.readings(config)
if both is None:
    show.say_all([WORDS["layouts_too_large"]])
    proof.strip(config)
    st.stop()
differs = say(WORDS["layouts_proof"], equal=number(both.equal), dtype=config.dtype, wrong=number(both.wrong))
st.markdown(differs if both.differences else WORDS["layouts_same"])
show.say_all(both.right.notes)


@st.fragment
def side_by_side() -> None:
    """Draw both runs; only this reruns when a drawing asks for something."""
    config = settings.current().config
    both = cache.readings(config)
    if both is None:  # the settings changed between two runs; the page says so in its next one
        return
    view = front.checked_view(config, drawing.asked(drawing.BESIDE))
    show.say_all(view.sentences)
    said = {name: WORDS["layouts_equal"] for name in both.right.names}
    for each in both.differences:
        facts = {"mine": number(each.mine), "theirs": number(each.theirs), "largest": number(each.largest)}
        said[each.name] = say(WORDS["layouts_first"], cell=written(each.name, each.index), **facts)
    here = (each for each in both.differences if each.index[0] == view.item)
    ringed = tuple((each.name, each.index) for each in here)
    sides = []
    for side in ("right", "misread"):
        text = say(WORDS[f"layouts_{side}_text"], layout=config.layout)
        shown = Beside(WORDS[f"layouts_{side}"], text, OPENS, ringed, tuple(said.items()))
        sides.append(cache.beside(config, side, view.item, view.stage or OPENS, view.sheet, shown))
    drawing.mount_beside(*sides)


side_by_side()
proof.strips(config, ("right", "misread"))

"""The page as a visitor opens it: by an address, in a session of its own; and what it then says and draws."""

import json
import re
import string
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from mha_core import Config
from mha_core.figures.to_bytes import run_id, unpack, unpacked
from tests.server import APP

JOINER = "\u2060"
FURTHER = "more"  # the key of the popover of further settings, whose state says whether it is open
FIELDS = tuple(each.name for each in fields(Config))
VIEW_KEYS = ("stage", "cell", "batch", "paint", "lens")
ALL_KEYS = (*FIELDS, *VIEW_KEYS, "preset", "v", "zzz")  # the last one is known to nobody


def opened(address: dict[str, Any] | None = None, page: str = "") -> AppTest:
    """A fresh session at an address; with `page`, the script of another page at the same address."""
    session = AppTest.from_file(str(APP), default_timeout=30)
    session.query_params.update(address or {})
    session.run()
    if page:
        session.query_params = dict(address or {})
        session.switch_page(page).run()
    assert_drawn(session)
    return session


def assert_drawn(session: AppTest) -> None:
    """No exception, and a run that can be taken apart: nothing that a visitor does may cost the picture."""
    __tracebackhide__ = True
    assert not session.exception, [each.value for each in session.exception]
    header, _ = packed(session)
    assert header["tensors"]


def box(session: AppTest, key: str) -> Any:
    """A field's widget; the further settings are opened where it is one of them."""
    kinds = ("number_input", "selectbox", "toggle", "text_area", "text_input", "multiselect")
    found = [each for kind in kinds for each in session.get(kind) if each.key == key]
    if not found:
        session.session_state[FURTHER] = True
        session.run()
        found = [each for kind in kinds for each in session.get(kind) if each.key == key]
    (widget,) = found
    return widget


def changed(session: AppTest, key: str, value: Any) -> None:
    """Set a field's widget as a visitor does, and let the page run."""
    box(session, key).set_value(value).run()
    assert_drawn(session)


def address(session: AppTest) -> dict[str, str]:
    """What the address bar holds after the run."""
    return dict(session.query_params)


def config_of(session: AppTest) -> Config:
    """The settings of the run that was drawn: the bytes carry their name."""
    config: Config = session.session_state["_settled"].config
    header, _ = packed(session)
    assert header["id"].startswith(run_id(config)), "the drawing shows another run than the settings"
    return config


def _component(session: AppTest, name: str) -> Any:
    (found,) = [each.proto for each in session.get("bidi_component") if each.proto.component_name == name][:1]
    return found


def data_of(session: AppTest) -> bytes:
    """The bytes that reach the browser."""
    data: bytes = _component(session, "attention_run").bytes
    return data


def packed(session: AppTest) -> tuple[dict[str, Any], bytes]:
    """The run that reaches the browser: header and buffers."""
    return unpack(data_of(session))


def followed(session: AppTest) -> dict[str, Any]:
    """What reaches the browser of the followed cell."""
    # the mount's data are a string of JSON, which travels as JSON
    facts: dict[str, Any] = json.loads(json.loads(_component(session, "attention_follow").json))
    return facts


def pieces(session: AppTest) -> Iterator[tuple[str, tuple[slice, ...], np.ndarray]]:
    """Each piece that was sent: the tensor's name, the cells it covers, their numbers."""
    header, buffers = packed(session)
    for tensor in header["tensors"]:
        for piece in tensor["pieces"]:
            spans = zip(piece["start"], piece["step"], piece["shape"], strict=True)
            cells = tuple(slice(start, start + step * size, step) for start, step, size in spans)
            yield tensor["name"], cells, unpacked(piece, buffers)


def number_at(session: AppTest, cell: str) -> tuple[float, float]:
    """The number of `weights.0.1.2.3` as it reaches the browser, and the largest size that was sent of it."""
    name, *places = cell.split(".")
    for other, cells, numbers in pieces(session):
        starts = zip(map(int, places), cells, strict=False)
        at = tuple((place - span.start) // span.step for place, span in starts)
        if other == name and all(0 <= place < size for place, size in zip(at, numbers.shape, strict=True)):
            assert len(places) == numbers.ndim, f"{cell} has too few or too many places"
            return float(numbers[at]), float(np.abs(numbers[np.isfinite(numbers)].astype("f8")).max())
    raise AssertionError(f"{cell} was not sent")


def sentences(session: AppTest) -> list[str]:
    """The sentences above the picture, as they are read once Markdown is done with them."""
    return [rendered(each.value) for each in session.warning]


def rendered(markdown: str) -> str:
    """Markdown of plain text, as it is read; anything that would become more than text is refused.

    An escape stands for its sign. Every other punctuation sign may mean something to Markdown, and so may a
    line's end; links, icons and arrows are made of plain text afterwards (seen in Streamlit 1.67: an escaped
    `https://` is a link all the same), so the text itself must not hold their patterns.
    """
    assert not re.search(r"[\n\r\t]", markdown), f"more than one line: {markdown!r}"
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", markdown)
    assert not set(unescaped) & set(string.punctuation), f"not escaped: {markdown!r}"
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)
    later = re.search(r"https?:/|www\.|\w@\w|:[\w+/-]+:|->|<-|--|>=|<=", text, re.IGNORECASE)
    assert later is None, f"becomes a link, an icon or an arrow: {later[0]!r}"
    assert "".join(text).replace(JOINER, "").isprintable(), f"signs that cannot be seen: {text!r}"
    return text.replace(JOINER, "")

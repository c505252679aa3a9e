"""What the browser tests share: open the explorer, wait, point at cells, read what is said and painted."""

import base64
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page

from mha_core import Config
from mha_core.figures.follow import number
from mha_core.figures.to_bytes import run_id
from mha_core.presets import PRESETS

SENTENCE, TUTORIAL = PRESETS["sentence"].config, PRESETS["tutorial"].config

SECONDS = 15
STEP = 20  # milliseconds between two looks

# Streamlit asks these two beside a deep link before it asks them at the root, where they are.
ASKED_BY_STREAMLIT = tuple(
    f"/{page}/_stcore/{file}"
    for page in ("layouts", "heads", "weights", "reference")
    for file in ("health", "host-config")
)

WALK_READY = "globalThis.attentionExplorer?.shown?.root.dataset.run"

Index = tuple[int, ...]
Colour = tuple[int, ...]


def wait_until(page: Page, condition: str, argument: Any = None, seconds: float = SECONDS) -> Any:
    """Return what a function in the page returns, once that is true (the policy forbids the usual way)."""
    __tracebackhide__ = True
    for _ in range(int(seconds * 1000 / STEP)):
        found = page.evaluate(condition, argument)
        if found:
            return found
        page.wait_for_timeout(STEP)
    raise AssertionError(f"it never came true: {condition} with {argument!r}")


@dataclass
class Visit:
    """One tab with the explorer in it, and every fault that it met."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("websocket", lambda socket: socket.on("framesent", self._sent))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)

    def _sent(self, data: str | bytes) -> None:
        self.sent.append(len(data))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        place = message.location.get("url", "")
        if place not in [self.base + path for path in ASKED_BY_STREAMLIT]:
            self.faults.append(f"console: {message.text} ({place})")

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    @property
    def main(self) -> Locator:
        return self.page.get_by_test_id("stMain")

    @property
    def address(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.page.url).query, keep_blank_values=True))

    def goto(self, path: str = "/", ready: str = WALK_READY, **asked: Any) -> "Visit":
        """Open an address and wait for the picture: until `ready`, an expression in the page, is true."""
        query = urlencode(asked, quote_via=quote)
        self.page.goto(f"{self.base}{path}{'?' if query else ''}{query}")
        wait_until(self.page, f"() => {ready}")
        return self

    def wait(self, expression: str, argument: Any = None) -> Any:
        """Wait for an expression of `shown` (the explorer) and `given`."""
        __tracebackhide__ = True
        script = f"(given) => {{ const shown = {SHOWN}; return shown && ({expression}); }}"
        return wait_until(self.page, script, argument)

    def ask(self, expression: str, argument: Any = None) -> Any:
        """Evaluate an expression of `shown` (the explorer) and `given`."""
        return self.page.evaluate(f"(given) => {{ const shown = {SHOWN}; return {expression}; }}", argument)

    def drawn(self, config: Config, item: int = 0) -> None:
        """Wait until exactly this run is painted and the page is at rest."""
        __tracebackhide__ = True
        self.wait("shown.root.dataset.run === given && shown.root.isConnected", f"{run_id(config)}-{item}")
        self.at_rest()

    def at_rest(self) -> None:
        """Wait until the server has nothing more to say."""
        self.page.locator(AT_REST).wait_for(state="attached")

    def choose(self, label: str, option: str) -> None:
        """Choose in one of the page's lists; a list closes by itself when the page scrolls under it."""
        self.main.evaluate(TO_THE_TOP)
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    # The drawing's parts.

    @property
    def root(self) -> Locator:
        return self.page.locator(".mha")

    def key(self, name: str) -> Locator:
        """An element of the drawing by its data-key."""
        return self.root.locator(f'[data-key="{name}"]')

    def paint(self, name: str) -> None:
        """Choose a paint as a visitor does."""
        self.root.locator("label", has=self.page.locator(f'[data-key="paint-{name}"]')).click()

    @property
    def heading(self) -> Locator:
        return self.key("heading")

    @property
    def tip(self) -> Locator:
        return self.root.locator(".mha-tip")

    # Cells.

    def place(self, name: str, index: Sequence[int]) -> dict[str, float]:
        """Where a cell of the open tensor is in the window, once it has been scrolled into it."""
        found = self.page.evaluate(PLACE, [name, list(index)])
        assert found, f"{name}{list(index)} is not drawn"
        return found

    def hover(self, name: str, index: Sequence[int]) -> str:
        """Point at a cell and return what is said of it."""
        place = self.place(name, index)
        self.page.mouse.move(1, 1)
        self.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        self.tip.wait_for()
        return self.tip.inner_text()

    def click_cell(self, name: str, index: Sequence[int]) -> None:
        place = self.place(name, index)
        self.page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)

    def follow(self, name: str, index: Sequence[int]) -> None:
        """Click a cell of the open tensor and wait for what the server knows of it."""
        self.click_cell(name, index)
        self.wait("shown.followed?.cell === given", cell_name(name, index))

    # What is painted.

    def colours(self, points: Sequence[tuple[float, float]]) -> list[Colour]:
        """The colours of the window's pixels at some points."""
        scale = self.page.evaluate("devicePixelRatio")
        picture = base64.b64encode(self.page.screenshot(animations="disabled", caret="hide")).decode()
        at = [[math.floor(x * scale), math.floor(y * scale)] for x, y in points]
        return [tuple(colour) for colour in self.page.evaluate(PIXELS, [picture, at])]


SHOWN = "globalThis.attentionExplorer?.shown"

AT_REST = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"

TO_THE_TOP = """(main) => new Promise((done) => {
  main.scrollTop = 0;
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""

PLACE = """([name, index]) => {
  const found = () => attentionExplorer.where(name, index);
  if (!found()) return null;
  const main = document.querySelector('[data-testid="stMain"]');
  const { y, height } = found();
  const sticky = attentionExplorer.shown.strip.getBoundingClientRect().bottom;
  if (y < sticky + 4 || y + height > innerHeight - 4) main.scrollTop += y - innerHeight * 0.6;
  return found();
}"""

PIXELS = """async ([picture, points]) => {
  const bytes = Uint8Array.from(atob(picture), (sign) => sign.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
  pen.drawImage(image, 0, 0);
  return points.map(([x, y]) => [...pen.getImageData(x, y, 1, 1).data].slice(0, 3));
}"""


def cell_name(name: str, index: Sequence[int]) -> str:
    """A cell as the address writes it."""
    return ".".join([name, *map(str, index)])


SAID = re.compile(r"(?P<name>\w+)\[(?P<index>[\d, ]+)\] = (?P<value>\S+)(?: ·|$)")


def said(text: str) -> tuple[str, Index, float]:
    """Name, index and number of a line that says what a cell is."""
    found = SAID.match(text)
    assert found, f"no cell is said in {text!r}"
    return found["name"], tuple(map(int, found["index"].split(", "))), read(found["value"])


def read(text: str) -> float:
    """Read a number, or a flag, as the drawing writes it."""
    if text in ("True", "False"):
        return float(text == "True")
    return float(text.replace("−", "-").replace("∞", "inf"))


def shown_value(tensor: Any, index: Sequence[int]) -> float:
    """The value that stands for a cell: nine digits name a float32, a float64 has all of its own."""
    value = float(tensor[tuple(index)])
    return value if tensor.element_size() == 8 else read(number(value))


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def channels(colour: str) -> Colour:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def near(one: Colour, other: Colour, most: int = 3) -> bool:
    """Colours are equal but for the steps of a scale and rounding."""
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def some_cells(shape: Sequence[int], count: int = 5) -> Iterator[Index]:
    """A few cells of batch item 0, spread over a tensor, first and last among them."""
    for step in range(count):
        places = [(step * (axis + 1)) % count / (count - 1) for axis in range(len(shape) - 1)]
        yield (0, *[round((size - 1) * place) for size, place in zip(shape[1:], places, strict=True)])
    yield (0, *[size - 1 for size in shape[1:]])

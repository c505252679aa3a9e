"""Measures the explorer: `python -m tests.benchmarks [part ...]`, parts: core, page, heads, glance, start, memory.

Every figure that matters is a ratio of medians, interleaved in one run: machines differ and are noisy.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page, sync_playwright
from torch import nn

from mha_core import from_torch, run
from mha_core.figures.cells import describe
from mha_core.figures.to_bytes import run_bytes
from mha_core.presets import PRESETS
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.server import APP, find_browser, start_server

CHANGES = 24
ROUNDS = 5
QUIET = 0.4  # seconds without a change after which a page counts as finished


def median_ms(times: list[float]) -> float:
    """Return the median in milliseconds."""
    return 1000 * statistics.median(times)


def interleaved(*functions: Callable[[], object], rounds: int = 300) -> list[list[float]]:
    """Time functions in turn, so that whatever disturbs the machine disturbs all."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for taken, function in zip(times, functions, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return times


def core() -> None:
    """Run at the tutorial's size against nn.MultiheadAttention, and what packing adds."""
    torch.set_num_threads(1)
    module = nn.MultiheadAttention(512, 8, batch_first=True).eval()
    config, parameters = from_torch(module, sequence_length=4)
    x = torch.randn(1, 4, 512)

    def theirs() -> None:
        with torch.inference_mode():
            module(x, x, x, need_weights=True, average_attn_weights=False)

    trace = run(config, x, parameters)
    mine, other = interleaved(lambda: run(config, x, parameters), theirs)
    (packing,) = interleaved(lambda: run_bytes(trace, describe(trace)))
    ratio = median_ms(mine) / median_ms(other)
    print(f"run / nn.MultiheadAttention with weights per head: {ratio:.2f} (reach 1)")
    print(
        f"    run {median_ms(mine):.2f} ms, module {median_ms(other):.2f} ms, packing {median_ms(packing):.2f} ms"
    )
    for name, preset in PRESETS.items():
        shown = run(preset.config)
        print(f"    packed, {name}: {len(run_bytes(shown, describe(shown))) / 1000:.1f} kB")


# Recorded inside the page: to hand every frame to another process would cost more than what is measured.
RECORD = """
const Plain = globalThis.WebSocket;
globalThis.wire = { sent: [], received: [] };
globalThis.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      globalThis.wire.received.push([performance.now(), data.byteLength ?? data.size ?? data.length]);
    });
  }
  send(data) { globalThis.wire.sent.push(performance.now()); super.send(data); }
};
"""

WATCH = """() => {
  const state = (globalThis.measured = { last: 0 });
  const touch = () => (state.last = performance.now());
  const main = document.querySelector('[data-testid="stMain"]');
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver(touch).observe(main, all);
  const root = globalThis.attentionExplorer?.shown?.root;
  if (root) new MutationObserver(touch).observe(root, { attributes: true, attributeFilter: ["data-painted"] });
}"""

START = """() => {
  globalThis.measured.last = 0;
  globalThis.wire.sent.length = globalThis.wire.received.length = 0;
  globalThis.measured.start = null;
  addEventListener("keydown", () => (globalThis.measured.start ??= performance.now()), { capture: true, once: true });
}"""

TAKEN = """() => {
  const { start, last } = globalThis.measured;
  const { sent, received } = globalThis.wire;
  const [first, end] = [received[0]?.[0] ?? start, received.at(-1)?.[0] ?? start];
  const kept = received.filter(([moment]) => moment <= last);
  const arrived = kept.at(-1)?.[0] ?? start;
  return { all: last - start, first: first - start, server: arrived - first, after: last - arrived,
    bytes: received.reduce((sum, [, size]) => sum + size, 0), messages: received.length };
}"""


PAINTED = "() => Boolean(globalThis.attentionExplorer?.shown?.root?.dataset.painted)"
PLOTTED = "() => Boolean(document.querySelector('.js-plotly-plot .subplot'))"


class Visit:
    """One page in Chromium whose changes are timed."""

    def __init__(self, browser: Browser, address: str, drawn: bool, ready: str = PAINTED) -> None:
        """Open the page and wait until it is drawn (where it draws) and quiet."""
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 800})
        self.page.add_init_script(RECORD)
        self.page.goto(address)
        if not drawn:
            self.page.get_by_label("sequence_length").first.wait_for()
        else:
            self._until(ready)
        self.drawn = time.perf_counter()
        self.page.wait_for_timeout(1500)
        self.page.evaluate(WATCH)

    def _until(self, script: str) -> None:
        deadline = time.monotonic() + 60
        while not self.page.evaluate(script):
            if time.monotonic() > deadline:
                raise RuntimeError(f"never true: {script}")
            self.page.wait_for_timeout(50)

    def change(self, key: str) -> dict[str, float]:
        """Step the sequence_length widget; return milliseconds from the key that counts to the last change."""
        slider = self.page.locator('.st-key-sequence_length [role="slider"]')
        (slider if slider.count() else self.page.locator(".st-key-sequence_length input")).first.focus()
        self.page.evaluate(START)
        self.page.keyboard.press(key)
        self._quiet()
        return dict(self.page.evaluate(TAKEN))

    def _quiet(self) -> None:
        before, deadline = -1.0, time.monotonic() + 30
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(1000 * QUIET)
            now = float(self.page.evaluate("() => globalThis.measured.last"))
            if now and now == before:
                return
            before = now
        state = self.page.evaluate("() => [globalThis.measured, globalThis.wire, document.title]")
        raise RuntimeError(f"the page at {self.page.url} did not change, or never came to rest: {state}")


@contextmanager
def chromium(count: int = 1) -> Iterator[list[Browser]]:
    """Start the system's browser, as many times as pages are compared: a page behind another one is throttled."""
    with sync_playwright() as playwright:
        launch = playwright.chromium.launch
        opened = [launch(executable_path=find_browser(), args=CHROMIUM_ARGUMENTS) for _ in range(count)]
        yield opened
        for browser in opened:
            browser.close()


def served(script: str) -> tuple[str, ...]:
    """Return how a page to compare with is started, with the explorer's own settings of the server."""
    options = ("--server.headless", "true", "--server.address", "127.0.0.1", "--server.port", "{port}")
    return ("-m", "streamlit", "run", f"tests/bench/{script}.py", *options)


def page() -> None:
    """From a changed setting to the last pixel, against the same page undrawn and an empty one."""
    taken: dict[str, list[dict[str, float]]] = {"explorer": [], "undrawn": [], "empty": []}
    with (
        start_server() as ours,
        start_server(command=served("plain")) as plain,
        start_server(command=served("empty")) as empty,
        chromium(3) as (first, second, third),
    ):
        for seed in range(ROUNDS):  # ever new seeds: nothing is in a cache
            query = f"?preset=tutorial&seed={seed + 1}"
            visits = {
                "explorer": Visit(first, f"{ours}/{query}", True),
                "undrawn": Visit(second, f"{plain}/{query}", False),
                "empty": Visit(third, empty, False),
            }
            for number in range(4):
                for name, visit in visits.items():
                    change = visit.change("ArrowUp")
                    if number:  # a page's first change also pays for what the browser compiles then
                        taken[name].append(change)
            for visit in visits.values():
                visit.page.close()
    middle = {
        name: {part: statistics.median(each[part] for each in rows) for part in rows[0]}
        for name, rows in taken.items()
    }
    for name, parts in middle.items():
        print(
            f"    {name}: {parts['all']:.0f} ms = {parts['first']:.0f} to the first answer + "
            f"{parts['server']:.0f} server and wire + {parts['after']:.0f} paint; "
            f"{parts['bytes'] / 1000:.1f} kB in {parts['messages']:.0f} messages"
        )
    print(f"explorer / undrawn page: {middle['explorer']['all'] / middle['undrawn']['all']:.2f} (reach 1.5)")
    print(f"explorer / empty page: {middle['explorer']['all'] / middle['empty']['all']:.2f} (reach 2.5)")


def heads() -> None:
    """The page of heads, 8 heads x 128 tokens to the last pixel, against a bare figure of eight heatmaps and of one."""
    taken: dict[str, list[dict[str, float]]] = {"heads": [], "eight heatmaps": [], "one combined": []}
    with (
        start_server() as ours,
        start_server(command=served("heatmaps")) as bare,
        chromium(3) as (first, second, third),
    ):
        for seed in range(ROUNDS):  # ever new seeds: nothing is in a cache
            query = f"seed={seed + 1}&sequence_length=125"
            visits = {
                "heads": Visit(first, f"{ours}/heads?{query}&mask=causal&gain=3.0", True, PLOTTED),
                "eight heatmaps": Visit(second, f"{bare}/?{query}", True, PLOTTED),
                "one combined": Visit(third, f"{bare}/?{query}&combined=1", True, PLOTTED),
            }
            for number in range(3):  # 126, 127, 128 tokens
                for name, visit in visits.items():
                    change = visit.change("ArrowUp")
                    if number:
                        taken[name].append(change)
            for visit in visits.values():
                visit.page.close()
    middle = {
        name: {part: statistics.median(each[part] for each in rows) for part in rows[0]}
        for name, rows in taken.items()
    }
    for name, parts in middle.items():
        print(
            f"    {name}: {parts['all']:.0f} ms = {parts['first']:.0f} to the first answer + "
            f"{parts['server']:.0f} server and wire + {parts['after']:.0f} paint; "
            f"{parts['bytes'] / 1000:.1f} kB in {parts['messages']:.0f} messages"
        )
    print(
        f"heads / eight bare heatmaps: {middle['heads']['all'] / middle['eight heatmaps']['all']:.2f} (reach 1.3)"
    )
    print(f"heads / one combined map: {middle['heads']['all'] / middle['one combined']['all']:.2f}")


GLANCE = """(changes) => new Promise((done) => {
  const explorer = globalThis.attentionExplorer.shown;
  const taken = [];
  const one = (left) => {
    if (!left.length) return done(taken);
    let frames = 0, painted = false;
    const before = explorer.paints;
    const tick = () => { if (!painted) { frames += 1; requestAnimationFrame(tick); } };
    requestAnimationFrame(tick);
    const start = performance.now();
    explorer.set(left[0]);
    const spent = performance.now() - start;
    painted = explorer.paints > before;
    requestAnimationFrame(() => requestAnimationFrame(() => { taken.push([spent, frames]); one(left.slice(1)); }));
  };
  one(changes);
})"""


def glance() -> None:
    """A changed stage, paint or lens: bytes and frames, no round trip."""
    names = ["qkv", "reshape", "permute", "q", "scores", "weights", "context", "out", None]
    changes: list[dict[str, object]] = [{"stage": name} for name in names]
    changes += [{"stage": "qkv", "paint": paint} for paint in ("value", "head", "token", "role", None)]
    changes += [{"lens": f"0.{column}"} for column in (0, 24, 48)]
    with start_server() as ours, chromium() as (browser,):
        visit = Visit(browser, f"{ours}/?preset=tutorial", True)
        visit.page.evaluate(GLANCE, changes)  # once to warm up
        visit.page.evaluate(START)
        taken = visit.page.evaluate(GLANCE, changes)
        visit.page.wait_for_timeout(500)
        sent, received = visit.page.evaluate(
            "() => [globalThis.wire.sent.length, globalThis.wire.received.length]"
        )
        print(f"a glance (stage, paint, lens): {sent} messages sent, {received} received (reach 0)")
    spent = [row[0] for row in taken]
    print(f"    painted before the next frame: {sum(row[1] == 0 for row in taken)} of {len(taken)}")
    print(f"    script per glance: median {statistics.median(spent):.1f} ms, largest {max(spent):.1f} ms")


def start() -> None:
    """Imports, a cold start, and the first picture."""
    for name in ("torch", "streamlit", "mha_core", "mha_core.figures.texts"):
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True, cwd=APP.parent)
            taken.append(time.perf_counter() - began)
        print(f"    python -c 'import {name}': {statistics.median(taken):.1f} s")
    with chromium() as (browser,):
        began = time.perf_counter()
        with start_server() as ours:
            healthy = time.perf_counter()
            visit = Visit(browser, ours, True)
            received = visit.page.evaluate(
                "() => globalThis.wire.received.reduce((sum, [, size]) => sum + size, 0)"
            )
    print(
        f"    cold start to healthy {healthy - began:.1f} s, then to the first picture {visit.drawn - healthy:.1f} s"
    )
    print(f"    first visit: {received / 1000:.0f} kB over the socket")


def cpu_and_memory(pid: int) -> tuple[float, float]:
    """Return a process's CPU seconds and resident megabytes (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return cpu, resident / 1e6


def memory() -> None:
    """CPU per change and memory per session of the server's process (Linux)."""
    sessions = 8
    with start_server() as ours, chromium() as (browser,):
        first = Visit(browser, f"{ours}/?preset=tutorial", True)
        for key in ("ArrowUp", "ArrowDown"):
            first.change(key)
        cpu, resident = cpu_and_memory(ours.pid)
        for number in range(CHANGES):
            first.change("ArrowUp" if number % 2 == 0 else "ArrowDown")
        spent = cpu_and_memory(ours.pid)[0] - cpu
        others = [
            Visit(browser, f"{ours}/?preset=tutorial&seed={seed + 1}", True) for seed in range(sessions)
        ]
        grown = cpu_and_memory(ours.pid)[1] - resident
        print(
            f"    CPU per change: {1000 * spent / CHANGES:.0f} ms; process with one session: {resident:.0f} MB"
        )
        print(f"    memory per further session, another seed each: {grown / len(others):.1f} MB")


PARTS = {"core": core, "page": page, "heads": heads, "glance": glance, "start": start, "memory": memory}


if __name__ == "__main__":
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    for part in sys.argv[1:] or PARTS:
        print(f"{part}: {PARTS[part].__doc__}")
        PARTS[part]()

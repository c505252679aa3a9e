// The open stage, from top to bottom: heading, two columns, block and sheets with the lens, then what is on demand.

const BLOCK = { width: 232, height: 160 };

// How the last change was made: after a key the focus follows the stage, after a click it stays.
let byKeyboard = false;
addEventListener("keydown", () => (byKeyboard = true), true);
addEventListener("pointerdown", () => (byKeyboard = false), true);

function drawStage(explorer, host) {
  const { tensor, run } = explorer;
  const stage = run.stageOf(tensor.name);
  // while it is rebuilt the section keeps its height: the page below and the scrolled place stay
  host.style.minHeight = `${host.offsetHeight}px`;
  const sheets = element("div", { class: "mha-sheets" });
  const lens = element("div", { class: "mha-lens" });
  const flat = element("div", { class: "mha-flat" }, sheets, lens);
  const board = element("div", { class: `mha-board${tensor.axes > 3 ? " has-block" : ""}` });
  if (tensor.axes > 3) board.append(blockOf(explorer, tensor));
  board.append(flat);
  const folds = element("div", { class: "mha-folds" });
  const scrolled = host.querySelector(".mha-sum-box")?.scrollTop ?? 0;
  host.replaceChildren(
    drawHeading(explorer, tensor, stage),
    drawPanel(explorer, tensor, stage),
    followLine(explorer),
    board,
    ...[followPanel(explorer, tensor)].filter(Boolean),
    folds,
  );
  drawSheets(explorer, sheets);
  drawLens(explorer, lens);
  folds.append(factsFold(explorer, tensor), equivalentFold(explorer, tensor)); // the second writes down what the lens frames
  if (scrolled) host.querySelector(".mha-sum-box")?.scrollTo(0, scrolled);
  host.style.minHeight = "";
  arrive(explorer, host);
}

function blockOf(explorer, tensor) {
  return element(
    "figure",
    { class: "mha-block-side" },
    drawBlock(explorer, tensor, BLOCK),
    element("figcaption", {}, explorer.say(explorer.width < 700 ? "laid_flat_below" : "laid_flat")),
  );
}

// A stage has just been opened: it is brought into the window, told, and focused if a key asked for it.
function arrive(explorer, host) {
  const { open } = explorer;
  if (explorer.arrived === open) return;
  explorer.arrived = open;
  const { title } = stageText(explorer, explorer.run.stageOf(open));
  const heading = host.querySelector('[data-key="heading"]');
  const scope = explorer.root.getRootNode();
  // after the redraw has put the focus back; someone who steps with the bar's buttons stays on them
  queueMicrotask(() => {
    bringIn(explorer, host);
    const staying = explorer.bar.contains(scope.activeElement) || !byKeyboard;
    if (staying) explorer.announce(explorer.say("opened", { name: open, title }));
    else heading.focus({ preventScroll: true });
  });
}

function bringIn(explorer, host) {
  const strip = explorer.strip.offsetHeight;
  const { top } = host.getBoundingClientRect();
  if (top >= strip && top < innerHeight - 220) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  host.style.scrollMarginTop = `${strip}px`;
  host.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

// Statistics and memory, on demand.

function factsFold(explorer, tensor) {
  return fold(explorer, "facts", explorer.say("facts"), () => [
    element(
      "div",
      { class: "mha-facts" },
      element("div", {}, element("h3", {}, explorer.say("facts_numbers", { item: explorer.run.item })), statisticsOf(explorer, tensor), histogramOf(explorer, tensor)),
      element("div", {}, element("h3", {}, explorer.say("facts_memory")), ...memoryFacts(explorer, tensor)),
    ),
  ]);
}

function factPairs(explorer, rows) {
  const made = element("dl", { class: "mha-pairs" });
  for (const [word, value] of rows) made.append(element("dt", {}, explorer.say(word)), element("dd", {}, value));
  return made;
}

function wholeNumber(number) {
  return number.toLocaleString("en");
}

function statisticsOf(explorer, tensor) {
  const { statistics: facts, double } = tensor;
  const rows = [["count_finite", wholeNumber(facts.finite)]];
  if (facts.finite) {
    for (const name of ["low", "high", "mean", "deviation"]) rows.push([name, exact(facts[name], double)]);
  }
  rows.push(["count_nan", wholeNumber(facts.nan)], ["count_infinite", wholeNumber(facts.infinite)]);
  return factPairs(explorer, rows);
}

const BARS = { width: 288, height: 72 };

function histogramOf(explorer, tensor) {
  const { counts, low, high, finite } = tensor.statistics;
  if (!counts.length) return null;
  const most = Math.max(...counts);
  const step = BARS.width / counts.length;
  const bars = counts.map((count, at) => {
    const height = (count / most) * BARS.height;
    return shape("rect", { x: at * step + 0.5, y: BARS.height - height, width: step - 1, height });
  });
  const label = explorer.say("histogram", { steps: counts.length, counts: listed(explorer, counts), finite: wholeNumber(finite) });
  const drawn = shape("svg", { viewBox: `0 0 ${BARS.width} ${BARS.height}`, role: "img", "aria-label": label, class: "mha-histogram" }, ...bars);
  const ends = element("figcaption", {}, element("span", {}, exact(low)), element("span", {}, exact(high)));
  return element("figure", { class: "mha-counts" }, drawn, ends);
}

function memoryFacts(explorer, tensor) {
  const { memory, shape: sizes } = tensor;
  const rows = [
    ["dtype", tensor.pieces[0].kind === "u1" ? "bool" : explorer.run.dtype],
    ["device", explorer.run.device],
    ["strides", coloured(tensor, memory.strides, ["(", ")"])],
    ["offset", wholeNumber(memory.offset)],
    ["contiguous", explorer.say(memory.contiguous ? "yes" : "no")],
    ["bytes", wholeNumber(memory.bytes)],
  ];
  const count = wholeNumber(sizes.reduce((product, size) => product * size, 1));
  // an axis of stride 0: stepping along it stays at the same place in memory
  const still = tensor.edges.filter((_, axis) => memory.strides[axis] === 0 && sizes[axis] > 1).map((edge) => edge.label);
  const facts = { name: tensor.name, other: memory.view_of, count, bytes: wholeNumber(memory.bytes), axes: listed(explorer, still) };
  const word = memory.view_of ? "shares_memory" : still.length ? "repeats_memory" : "own_memory";
  return [factPairs(explorer, rows), element("p", {}, explorer.say(word, facts)), element("p", { class: "mha-muted" }, explorer.say("moves_explained"))];
}

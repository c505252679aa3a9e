// The flat sheets of the open tensor: cells on one canvas, rings and the cursor on another above it, text as SVG.

const grids = new WeakMap(); // by explorer: what is drawn now, the cursor, the lens
let gridCount = 0;

function gridOf(explorer) {
  const { tensor, run } = explorer;
  let grid = grids.get(explorer);
  if (!grid) {
    gridCount += 1;
    grids.set(explorer, (grid = { hint: `mha-grid-keys-${gridCount}`, asked: new Map() }));
  }
  if (grid.name !== tensor.name || grid.item !== run.item) {
    const opened = Boolean(grid.name) && grid.name !== tensor.name;
    Object.assign(grid, { name: tensor.name, item: run.item, cursor: null, lensRow: null, opened, asked: new Map() });
    hideTip(explorer);
  }
  const edges = tensor.edges;
  const depthEdge = tensor.axes === 4 ? edges[1] : null;
  return Object.assign(grid, {
    tensor,
    depthEdge,
    rowEdge: edges.at(-2),
    columnEdge: edges.at(-1),
    sheets: depthEdge ? tensor.shape[1] : 1,
    rows: tensor.shape.at(-2),
    columns: tensor.shape.at(-1),
  });
}

// A cell of the grid as a full index, and back.
function fullIndex(grid, { depth, row, column }) {
  return grid.depthEdge ? [grid.item, depth, row, column] : [grid.item, row, column];
}

function gridCell(grid, index) {
  return { depth: grid.depthEdge ? index[1] : 0, row: index.at(-2), column: index.at(-1) };
}

// What the geometry needs to know of the words: how much room they take at the left and the right.
function askedOf(explorer, grid, width) {
  const { look } = explorer;
  const { depthEdge, rowEdge, columnEdge, sheets, rows, columns } = grid;
  const phone = explorer.width < 600;
  const wide = (text) => Math.ceil(textWidth(look, text, LABEL.size));
  const rowNames = Array.from({ length: rows }, (_, row) => placeName(explorer, rowEdge, row, rows > 16 ? 2 : 1));
  const longest = Math.max(...rowNames.map((name) => Math.ceil(textWidth(look, name, LABEL.small))));
  grid.words = Math.min(phone ? 44 : 92, longest);
  const beside = grid.words + 12;
  const size = explorer.say("grid_size", { axis: rowEdge.label, size: rows });
  const corner = wide(explorer.say("grid_down", { size }));
  grid.most = phone ? 62 : 124;
  const named = depthEdge && depthEdge.words[0] !== "1";
  const depths = named ? Array.from({ length: sheets }, (_, depth) => axisPlace(explorer, depthEdge, depth)) : [];
  const short = rows * (phone ? 9 : 12) + GRID.gap < 28;
  const broken = (text) => (wide(text) > grid.most && !short ? halved(look, text, LABEL.size) : [text]);
  const room = (texts) => {
    const needs = Math.max(0, ...texts.flatMap(broken).map(wide));
    return needs ? beside + 4 + 8 + Math.min(needs, grid.most) : beside;
  };
  const lines = (line) => {
    const inner = columnEdge.sizes.at(-1); // a line that begins there is named in full
    const starts = [line, inner].map((step) => Math.floor((columns - 1) / step) * step);
    const names = starts.map((from) => lineName(explorer, columnEdge, { line }, from, from + line));
    const widest = Math.max(...names.flatMap((name) => halved(look, name, LABEL.size)).map(wide));
    return Math.max(room(depths), beside + 14 + widest);
  };
  return {
    width,
    phone,
    sheets,
    rows,
    columns,
    short,
    parts: columnEdge.sizes,
    square: isTokens(rowEdge) && isTokens(columnEdge),
    gutter: {
      stack: room(depths),
      above: beside + 8,
      lines,
      flow: Math.max(beside, corner + 10),
    },
    right: phone ? 0 : 12 + Math.max(...halved(look, size, LABEL.size).map(wide)),
    corner,
  };
}

function planOf(explorer, grid, width) {
  const size = sizeGrid(askedOf(explorer, grid, width));
  const lens = lensPlace(explorer, grid, size);
  const page = pageOf(size, lens.depth, lens.column);
  const plan = placeGrid(size, page, headHeight(explorer, grid, size));
  return { ...plan, corner: plan.flows || !plan.right ? plan.corner : 0 };
}

function layer(width, height, name) {
  const scale = Math.max(1, devicePixelRatio || 1);
  const canvas = element("canvas", { class: name, width: Math.round(width * scale), height: Math.round(height * scale) });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = penOf(canvas);
  return { canvas, pen, scale, tiles: {} };
}

function drawSheets(explorer, host) {
  const grid = gridOf(explorer);
  const { tensor } = explorer;
  const width = Math.floor(host.clientWidth || explorer.width);
  const plan = (grid.plan = planOf(explorer, grid, width));
  const height = Math.ceil(plan.height);
  grid.cells = layer(width, height, "mha-cells");
  grid.above = layer(width, height, "mha-above");
  grid.seen = new Set();
  const paint = explorer.paintOf(tensor);
  for (const band of plan.bands) {
    const marks = paintCells(grid.cells, explorer, tensor, paint, { ...band, item: grid.item });
    for (const mark of marks) grid.seen.add(mark);
  }
  const labels = shape("svg", { class: "mha-labels", width, height, "aria-hidden": "true" });
  drawHead(explorer, labels, grid, plan);
  drawRows(explorer, labels, grid, plan);
  drawNames(explorer, labels, grid, plan);
  grid.frame = element("div", { class: "mha-frame", hidden: true });
  grid.host = element(
    "div",
    {
      class: "mha-grid",
      tabindex: "0",
      role: "application",
      "data-key": "grid",
      "aria-label": gridName(explorer, grid),
      "aria-describedby": grid.hint,
    },
    grid.cells.canvas,
    labels,
    grid.above.canvas,
    grid.frame,
  );
  grid.host.style.height = `${height}px`;
  const hint = element("p", { id: grid.hint, class: "mha-grid-keys" }, explorer.say("grid_keys"));
  host.replaceChildren(...pagersOf(explorer, grid, plan), grid.host, hint, scaleOf(explorer, grid));
  bindPointer(explorer, tensor, grid.host, (event) => indexUnder(grid, event));
  bindGridKeys(explorer, grid);
  drawAbove(explorer, grid);
  askForMore(explorer, grid);
}

function gridName(explorer, grid) {
  const { tensor, depthEdge, rowEdge, columnEdge, sheets, rows, columns } = grid;
  const facts = { name: tensor.name, row: rowEdge.label, rows, column: columnEdge.label, columns };
  if (!depthEdge || depthEdge.words[0] === "1") return explorer.say("grid_label", facts);
  return explorer.say("grid_label_sheets", { ...facts, depth: depthEdge.label, sheets });
}

function indexUnder(grid, event) {
  const box = grid.host.getBoundingClientRect();
  const cell = cellAt(grid.plan, event.clientX - box.left, event.clientY - box.top);
  return cell && fullIndex(grid, cell);
}

// Cells that are not here are asked for, once a run and page; a server that never sends them is not asked for ever.
function askForMore(explorer, grid) {
  const { run } = explorer;
  const { first } = grid.plan;
  if (!grid.seen.has(MARK.absent)) {
    grid.asked.delete(first);
    return;
  }
  const asked = grid.asked.get(first) ?? { times: 0, run: null };
  if (asked.run === run || asked.times >= 3) return;
  grid.asked.set(first, { times: asked.times + 1, run });
  const here = () => explorer.run === run && explorer.open === grid.name && grid.plan.first === first;
  // opening a stage asks for its first page by itself: this is only in case nothing comes of it
  if (grid.opened && first === 0 && !asked.run) setTimeout(() => here() && explorer.ask({ sheet: first }), 4000);
  else explorer.ask({ sheet: first });
}

// Where a cell of the open tensor is in the window; null: it is not drawn now.
function cellPlace(explorer, name, index) {
  const grid = grids.get(explorer);
  if (!grid?.host?.isConnected || explorer.open !== name || grid.name !== name || index[0] !== grid.item) return null;
  const place = placeOf(grid.plan, gridCell(grid, index));
  if (!place) return null;
  const box = grid.host.getBoundingClientRect();
  return { ...place, x: box.left + place.x, y: box.top + place.y };
}

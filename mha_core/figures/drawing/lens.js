// The lens: a frame on the sheets, and below them the framed cells large enough for two decimals.

const LENS = { cell: 40, row: 20, rows: 12, top: 18 };

// Where the lens begins: as the address says, else around the followed cell, else where cells that belong to it begin.
function lensPlace(explorer, grid, { sheets, columns }) {
  const within = (place, size) => Math.max(0, Math.min(place, size - 1));
  const [depth, column] = (explorer.view.lens ?? "").split(".").map(Number);
  if (explorer.view.lens && Number.isInteger(depth) && Number.isInteger(column)) {
    grid.lens = { depth: within(depth, sheets), column: within(column, columns), row: grid.lensRow ?? 0, around: false };
  } else {
    const { one, boxes } = marksOf(explorer, grid);
    const starts = boxes[0]?.slice(1).map(([[start]]) => start); // of each axis's first range
    const first = starts ? gridCell(grid, [grid.item, ...starts]) : { depth: 0, column: 0, row: 0 };
    grid.lens = { ...(one ?? first), around: Boolean(one) };
  }
  return grid.lens;
}

// The lens's size on this page, and its place moved so that it does not leave its line.
function lensPart(explorer, grid, width) {
  const { plan, lens } = grid;
  const band = bandOf(plan, lens.depth, lens.column) ?? plan.bands[0];
  const left = lensLeft(explorer, grid);
  const wide = Math.max(1, Math.min(band.to - band.from, Math.floor((width - left - 2) / LENS.cell)));
  const high = Math.min(grid.rows, LENS.rows);
  const start = lens.around ? lens.column - Math.floor(wide / 2) : lens.column;
  const top = lens.around ? lens.row - Math.floor(high / 2) : lens.row;
  const from = Math.max(band.from, Math.min(start, band.to - wide));
  const row = Math.max(0, Math.min(top, grid.rows - high));
  Object.assign(lens, { depth: band.depth, column: from, row, around: false });
  grid.lensRow = row;
  return { depth: band.depth, from, to: from + wide, rows: [row, row + high], left, band, item: grid.item };
}

// `query 2 “saw”`; where there is little room, `saw 2`.
function lensName(explorer, edge, place) {
  const narrow = explorer.width < 600 && isTokens(edge) && explorer.run.tokens;
  return narrow ? placeName(explorer, edge, place, 2) : axisPlace(explorer, edge, place);
}

function lensLeft(explorer, grid) {
  const { look } = explorer;
  const names = Array.from({ length: grid.rows }, (_, row) => lensName(explorer, grid.rowEdge, row));
  const sheet = grid.depthEdge ? textWidth(look, lensName(explorer, grid.depthEdge, grid.lens.depth), LABEL.size, true) : 0;
  const widest = Math.max(sheet, ...names.map((name) => textWidth(look, name, LABEL.size)));
  return Math.min(explorer.width < 600 ? 74 : 150, Math.ceil(widest)) + 8;
}

// Draws nothing where every cell on the sheets already holds its number.
function drawLens(explorer, host) {
  const grid = grids.get(explorer);
  if (!grid?.plan || grid.plan.digits) {
    if (grid) grid.part = null;
    host.replaceChildren();
    return;
  }
  grid.lensHost = host;
  const { tensor } = grid;
  const width = Math.floor(host.clientWidth || explorer.width);
  const part = (grid.part = { ...lensPart(explorer, grid, width), x: 0, y: LENS.top, cell: LENS.cell, row: LENS.row });
  part.x = part.left;
  const wide = part.left + (part.to - part.from) * LENS.cell + 2;
  const high = LENS.top + (part.rows[1] - part.rows[0]) * LENS.row + 2;
  grid.lensCells = layer(wide, high, "mha-cells");
  grid.lensAbove = layer(wide, high, "mha-above");
  paintCells(grid.lensCells, explorer, tensor, explorer.paintOf(tensor), part);
  const labels = shape("svg", { class: "mha-labels", width: wide, height: high, "aria-hidden": "true" });
  drawLensLabels(explorer, labels, grid, part);
  const box = element("div", { class: "mha-lens-cells" }, grid.lensCells.canvas, labels, grid.lensAbove.canvas);
  Object.assign(box.style, { width: `${wide}px`, height: `${high}px` });
  bindPointer(explorer, tensor, box, (event) => indexInLens(grid, box, event));
  host.replaceChildren(box, element("p", { class: "mha-caption" }, explorer.say("grid_lens")));
  drawLensMarks(explorer, grid);
  placeFrame(explorer, grid);
}

function drawLensLabels(explorer, svg, grid, part) {
  const { look } = explorer;
  const { depthEdge, rowEdge, columnEdge } = grid;
  const room = part.left - 8;
  if (depthEdge && depthEdge.words[0] !== "1") {
    const name = lensName(explorer, depthEdge, part.depth);
    const colour = axisColour(explorer, depthEdge.colour);
    put(svg, room, 13, fitted(look, name, LABEL.size, room, true), { colour, anchor: "end", bold: true, whole: name });
  }
  const colour = axisColour(explorer, columnEdge.colour);
  for (let column = part.from; column < part.to; column += 1) {
    const x = part.left + (column - part.from + 0.5) * LENS.cell;
    put(svg, x, 13, String(column), { colour, size: LABEL.small, anchor: "middle" });
  }
  for (let row = part.rows[0]; row < part.rows[1]; row += 1) {
    const name = lensName(explorer, rowEdge, row);
    const y = LENS.top + (row - part.rows[0] + 0.5) * LENS.row + 4;
    const shown = fitted(look, name, LABEL.size, room);
    put(svg, room, y, shown, { colour: axisColour(explorer, rowEdge.colour), anchor: "end", whole: name });
  }
}

function indexInLens({ part, ...grid }, box, event) {
  const place = box.getBoundingClientRect();
  const column = part.from + Math.floor((event.clientX - place.left - part.left) / LENS.cell);
  const row = part.rows[0] + Math.floor((event.clientY - place.top - LENS.top) / LENS.row);
  if (column < part.from || column >= part.to || row < part.rows[0] || row >= part.rows[1]) return null;
  return fullIndex(grid, { depth: part.depth, row, column });
}

// The ring and the cursor are in the lens too.
function drawLensMarks(explorer, grid) {
  const { part, lensAbove, cursor, focused } = grid;
  if (!part) return;
  const { pen, scale, canvas } = lensAbove;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const place = (cell) =>
    inLens(grid, cell) && {
      x: part.left + (cell.column - part.from) * LENS.cell,
      y: LENS.top + (cell.row - part.rows[0]) * LENS.row,
      width: LENS.cell,
      height: LENS.row,
    };
  const { one, boxes } = marksOf(explorer, grid);
  for (const box of boxes) frameBox(explorer, pen, grid, [part], box);
  if (one) ringCell(explorer, pen, place(one));
  if (cursor && focused) cursorCell(explorer, pen, place(cursor));
}

function inLens({ part }, { depth, row, column }) {
  if (!part || depth !== part.depth) return false;
  return part.from <= column && column < part.to && part.rows[0] <= row && row < part.rows[1];
}

// The frame is an element of its own, so that moving it repaints no cell.
function placeFrame(explorer, grid) {
  const { plan, part, frame } = grid;
  const { band } = part;
  frame.hidden = false;
  Object.assign(frame.style, {
    left: `${band.x + (part.from - band.from) * plan.cell}px`,
    top: `${band.y + part.rows[0] * plan.row}px`,
    width: `${(part.to - part.from) * plan.cell}px`,
    height: `${(part.rows[1] - part.rows[0]) * plan.row}px`,
  });
  if (frame.dataset.bound) return;
  frame.dataset.bound = "";
  frame.addEventListener("pointerdown", (event) => dragFrame(explorer, grid, event));
}

function lensAt({ lens }) {
  return `${lens.depth}.${lens.column}`;
}

// Dragged: drawn at once, and kept in the address at the end.
function dragFrame(explorer, grid, event) {
  if (event.button !== 0) return;
  const { frame, plan } = grid;
  const box = grid.host.getBoundingClientRect();
  const grab = { x: event.clientX - box.left - frame.offsetLeft, y: event.clientY - box.top - frame.offsetTop };
  const start = lensAt(grid);
  let moved = false;
  frame.setPointerCapture(event.pointerId);
  const move = (now) => {
    if (!moved && Math.hypot(now.clientX - event.clientX, now.clientY - event.clientY) < 4) return;
    moved = true;
    hideTip(explorer);
    const here = grid.host.getBoundingClientRect();
    const [x, y] = [now.clientX - here.left - grab.x, now.clientY - here.top - grab.y];
    const high = frame.offsetHeight / 2;
    const aside = (band) => Math.max(0, band.x - x - plan.cell, x - band.x - band.width);
    const away = (band) => Math.abs(y + high - band.y - band.height / 2) + aside(band);
    const band = plan.bands.reduce((best, each) => (away(each) < away(best) ? each : best));
    grid.lens = {
      depth: band.depth,
      column: Math.max(band.from, Math.min(band.from + Math.round((x - band.x) / plan.cell), band.to - 1)),
      row: Math.max(0, Math.round((y - band.y) / plan.row)),
      around: false,
    };
    drawLens(explorer, grid.lensHost);
  };
  const end = () => {
    frame.removeEventListener("pointermove", move);
    if (!moved) return;
    // the click that ends a drag follows nothing
    grid.host.addEventListener("click", (click) => click.stopImmediatePropagation(), { capture: true, once: true });
    setTimeout(() => lensAt(grid) !== start && explorer.set({ lens: lensAt(grid) }));
  };
  frame.addEventListener("pointermove", move);
  frame.addEventListener("pointerup", end, { once: true });
  frame.addEventListener("pointercancel", end, { once: true });
}

// Bring a cell into the lens, if it is on this page; the address keeps the new place.
function lensTo(explorer, grid, cell) {
  if (!grid.part || inLens(grid, cell)) return;
  const { part } = grid;
  const wide = part.to - part.from;
  const beside = cell.depth === part.depth && part.band.from <= cell.column && cell.column < part.band.to;
  let { column } = grid.lens;
  if (!beside) column = cell.column - Math.floor(wide / 2);
  else if (cell.column < part.from) column = cell.column - wide + 1;
  else if (cell.column >= part.to) column = cell.column;
  const [top, bottom] = part.rows;
  let row = top;
  if (cell.row < top) row = cell.row;
  else if (cell.row >= bottom) row = cell.row - (bottom - top) + 1;
  const band = bandOf(grid.plan, cell.depth, cell.column);
  grid.lens = { depth: cell.depth, column: Math.max(band.from, Math.min(column, band.to - 1)), row, around: false };
  drawLens(explorer, grid.lensHost);
  explorer.view.lens = lensAt(grid);
  writeView(explorer.view);
}

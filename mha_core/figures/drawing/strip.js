// The overview folded to one row, which stays on top while a stage is open; and one block for the open stage.

const STRIP = { height: 26, factor: 3.2 };

function drawStrip(explorer, host) {
  keepPictures(explorer);
  const before = host.querySelector(".mha-strip-row")?.scrollLeft ?? 0;
  const items = [stripItem(explorer, null)];
  for (const name of explorer.run.order) items.push(stripItem(explorer, name));
  const row = element("ol", { class: "mha-strip-row" }, ...items);
  host.replaceChildren(row);
  row.scrollLeft = before;
  const current = row.querySelector("[aria-current]");
  if (!current) return;
  // only the strip scrolls: scrollIntoView would move the page
  const [low, high] = [current.offsetLeft, current.offsetLeft + current.offsetWidth];
  if (low < row.scrollLeft + 24 || high > row.scrollLeft + row.clientWidth - 24) {
    row.scrollLeft = (low + high - row.clientWidth) / 2;
  }
}

// A tensor's item, or, without one, the way back to the overview.
function stripItem(explorer, name) {
  const key = { "data-key": `strip.${name ?? ""}`, class: name ? "mha-strip-link" : "mha-strip-link is-overview" };
  if (!name) return element("li", {}, openLink(explorer, null, key, explorer.say("to_overview")));
  const tensor = explorer.run.tensors.get(name);
  const open = name === explorer.open;
  const label = element("span", { class: "mha-strip-name" }, name);
  if (tensor.role) label.style.color = explorer.look.role(tensor.role);
  const more = { "aria-label": blockTitle(explorer, tensor), "aria-current": open ? "step" : null };
  return element("li", {}, openLink(explorer, name, { ...key, ...more }, stripPicture(explorer, tensor), label));
}

// The strip is drawn with every glance and seldom changes: its pictures are kept while they are true.
function keepPictures(explorer) {
  const { run, look, view, options, followed } = explorer;
  const front = followed?.cell ?? "";
  const key = [run.id, look.dark, view.paint, options.own, options.spread, front, globalThis.devicePixelRatio].join("|");
  if (explorer.stripKey === key && explorer.stripBytes === explorer.bytes) return;
  Object.assign(explorer, { stripKey: key, stripBytes: explorer.bytes, stripPictures: new Map() });
}

function stripPicture(explorer, tensor) {
  const kept = explorer.stripPictures;
  if (!kept.has(tensor.name)) kept.set(tensor.name, paintStripPicture(explorer, tensor));
  return kept.get(tensor.name);
}

// A tiny block: faces alone.
function paintStripPicture(explorer, tensor) {
  const square = tensor.edges.at(-2).colour === "query" && tensor.edges.at(-1).colour === "key";
  const full = blockLengths(tensor.shape, square, tensor.column === null, 9);
  const part = Math.min(STRIP.height / (full.h + full.dy), 0.5);
  const box = Object.fromEntries(Object.entries(full).map(([side, length]) => [side, Math.round(length * part)]));
  const [width, height] = [box.w + box.dx + 2, STRIP.height + 2];
  const place = { ...box, x: 1, y: 1 + box.dy + Math.floor((STRIP.height - box.h - box.dy) / 2) };
  const { canvas, pen, scale } = sharpCanvas(width, height);
  paintFaces(pen, explorer, tensor, place, frontOf(explorer, tensor).place, scale);
  return canvas;
}

function sharpCanvas(width, height) {
  const scale = globalThis.devicePixelRatio || 1;
  const canvas = element("canvas", {
    width: Math.round(width * scale),
    height: Math.round(height * scale),
    "aria-hidden": "true",
  });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = penOf(canvas);
  pen.scale(scale, scale);
  return { canvas, pen, scale };
}

// One labelled block, as large as fits.
function drawBlock(explorer, tensor, { width, height }) {
  const block = describeBlock(explorer, tensor, 9.5);
  const labels = Math.max(block.rowsWidth, block.depthWidth - 14) + 10;
  const note = block.note ? TEXT_LINE.note : 0;
  const part = Math.min((width - labels - 8) / (block.w + block.dx), (height - 28 - note) / (block.h + block.dy), 2.4);
  for (const side of ["w", "h", "dx", "dy"]) block[side] = Math.round(block[side] * part);
  const free = width - labels - block.w - block.dx - 8;
  block.x = Math.round(labels + Math.max(0, free / 2));
  block.columnsAt = within(block.columnsWidth / 2, block.x + block.w / 2, width - block.columnsWidth / 2);
  block.y = 6 + block.dy;
  if (block.note)
    block.texts = [{ kind: "note", at: [Math.min(block.x, width - block.noteWidth), block.y + block.h + 30] }];
  const { canvas, pen, scale } = sharpCanvas(width, height);
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const faces = paintFaces(pen, explorer, tensor, block, block.front.place, scale);
  svg.append(drawBlockText(explorer, block), drawMarks(explorer, block, faces));
  const picture = element(
    "div",
    { class: "mha-one-block", role: "img", "aria-label": blockTitle(explorer, tensor) },
    canvas,
    svg,
  );
  Object.assign(picture.style, { width: `${width}px`, height: `${height}px` });
  return picture;
}

// One block: what is written on and around it, and how it is drawn. Positions are the layouts' business.

const BLOCK_FONT = { label: 11.5, name: 14.5, shape: 11.5, range: 11, chip: 11 };
let textRuler = null;
const textWidths = new Map();

function blockTextWidth(text, size, family, weight = 400) {
  const font = `${weight} ${size}px ${family}`;
  const key = `${font} ${text}`;
  if (!textWidths.has(key)) {
    if (textWidths.size > 2000) textWidths.clear();
    textRuler ??= document.createElement("canvas").getContext("2d");
    textRuler.font = font;
    textWidths.set(key, textRuler.measureText(text).width);
  }
  return textWidths.get(key);
}

// Widths measured before a font has arrived are wrong afterwards.
document.fonts?.addEventListener("loadingdone", () => textWidths.clear());

// An axis of size one that exists only to be broadcast has no colour of its own.
function edgeColour(explorer, word) {
  return explorer.constant.theme.axes[word] ? explorer.look.axis(word) : explorer.look.muted;
}

// A tensor's range, as its colours show it: only where it is painted by signed value.
function rangeText(explorer, tensor) {
  if (tensor.values !== "signed" || !tensor.statistics.finite || explorer.paintOf(tensor) !== "value") return "";
  const limit = explorer.options.own ? tensor.limit : tensor.shared;
  return explorer.say("range", { limit: Number(limit.toPrecision(3)) });
}

// The label of an axis: its name and its size.
function edgeLabel(explorer, tensor, axis, family) {
  const edge = tensor.edges[axis];
  const text = explorer.say("axis_size", { axis: edge.label, size: tensor.shape[axis] });
  const width = blockTextWidth(text, BLOCK_FONT.label, family);
  return { text, width, colour: edgeColour(explorer, edge.colour), ticks: ticksOf(edge) };
}

// Where the parts of an edge that several words share meet: 8 heads in 3·d_model are 7 ticks.
function ticksOf(edge) {
  const parts = edge.sizes[0];
  return edge.words.length > 1 && parts > 1 && parts <= 32 ? parts : 0;
}

// Everything that the layouts need to know of a tensor's block, in numbers, and that drawing needs, in words.
function describeBlock(explorer, tensor, factor) {
  const { look } = explorer;
  const [rows, columns] = [tensor.axes - 2, tensor.axes - 1];
  const square = tensor.edges[rows].colour === "query" && tensor.edges[columns].colour === "key";
  const front = frontOf(explorer, tensor);
  const label = (axis) => edgeLabel(explorer, tensor, axis, look.font);
  const depth = tensor.axes === 4 && tensor.shape[1] > 1 ? label(1) : null;
  const range = rangeText(explorer, tensor);
  const note = front.chosen ? explorer.say("in_front", { axis: tensor.edges[1].label, place: front.place }) : "";
  const block = {
    tensor,
    name: tensor.name,
    role: tensor.role,
    row: tensor.row,
    column: tensor.column,
    place: tensor.place,
    aside: tensor.column === null,
    square,
    ...blockLengths(tensor.shape, square, tensor.column === null, factor),
    front,
    edges: { rows: label(rows), columns: label(columns), depth },
    range,
    note,
    shapeText: `(${tensor.shape.join(", ")})`,
    texts: [],
  };
  block.rowsWidth = block.edges.rows.width;
  block.columnsWidth = block.edges.columns.width;
  block.depthWidth = depth ? depth.width : 0;
  block.nameWidth = blockTextWidth(block.name, BLOCK_FONT.name, look.font, 600);
  block.shapeWidth = blockTextWidth(block.shapeText, BLOCK_FONT.shape, look.mono);
  block.rangeWidth = range ? blockTextWidth(range, BLOCK_FONT.range, look.font) + 7 : 0;
  block.noteWidth = note ? blockTextWidth(note, BLOCK_FONT.range, look.font) : 0;
  return block;
}

// What a block is called where it cannot be seen.
function blockTitle(explorer, tensor) {
  const named = tensor.edges
    .map((edge, axis) => [edge, tensor.shape[axis]])
    .filter(([edge]) => edge.label !== "1")
    .map(([edge, size]) => explorer.say("axis_named", { axis: edge.label, size }));
  return explorer.say("block_title", { name: tensor.name, shape: tensor.shape.join(" × "), axes: listed(explorer, named) });
}

// Edges, their labels and the texts that the layout has placed.
function drawBlockText(explorer, block) {
  const { look } = explorer;
  const { x, y, w, h, dx, dy } = block;
  const { rows, columns, depth } = block.edges;
  const group = shape("g", { class: "mha-block-text" });
  const line = (points, colour) =>
    group.append(shape("path", { d: `M${points.join("L")}`, stroke: colour, "stroke-width": 2.5, fill: "none" }));
  line(
    [
      [x - 2.25, y - 0.5],
      [x - 2.25, y + h + 3.5],
    ],
    rows.colour,
  );
  line(
    [
      [x - 1, y + h + 2.25],
      [x + w, y + h + 2.25],
    ],
    columns.colour,
  );
  if (depth)
    line(
      [
        [x - 2, y - 2],
        [x + dx - 2, y - dy - 2],
      ],
      depth.colour,
    );
  drawTicks(group, block);
  const label = (text, at, anchor, colour) =>
    group.append(svgText(text, at, { anchor, colour, size: BLOCK_FONT.label }));
  const middle = y + h / 2;
  label(columns.text, [block.columnsAt ?? x + w / 2, y + h + (columns.ticks ? 17 : 14.5)], "middle", columns.colour);
  label(rows.text, [x - 7, middle + 4], "end", rows.colour);
  if (depth) label(depth.text, [x + dx / 2 - 11, Math.min(y - dy / 2 - 1, middle - 11)], "end", depth.colour);
  for (const { kind, at } of block.texts) group.append(blockLine(explorer, block, kind, at, look));
  return group;
}

function drawTicks(group, block) {
  const { x, y, w, h } = block;
  const mark = (from, to, colour) =>
    group.append(shape("path", { d: `M${from.join(" ")}L${to.join(" ")}`, stroke: colour, "stroke-width": 1.25 }));
  const { rows, columns } = block.edges;
  for (let i = 1; i < columns.ticks && w / columns.ticks >= 4; i += 1) {
    const at = x + (w * i) / columns.ticks;
    mark([at, y + h + 1], [at, y + h + 6], columns.colour);
  }
  for (let i = 1; i < rows.ticks && h / rows.ticks >= 4; i += 1) {
    const at = y + (h * i) / rows.ticks;
    mark([x - 1, at], [x - 6.5, at], rows.colour);
  }
}

// One of a block's lines: its name, its shape with every digit in its axis's colour, its range, what is in front.
function blockLine(explorer, block, kind, at, look) {
  if (kind === "name") {
    const colour = block.role ? look.role(block.role) : look.text;
    return svgText(block.name, at, { colour, size: BLOCK_FONT.name, weight: 600, class: "mha-block-name" });
  }
  if (kind === "range") return svgText(block.range, at, { colour: look.muted, size: BLOCK_FONT.range });
  if (kind === "note") {
    return svgText(block.note, at, {
      colour: edgeColour(explorer, block.tensor.edges[1].colour),
      size: BLOCK_FONT.range,
    });
  }
  const line = svgText("(", at, { colour: look.muted, size: BLOCK_FONT.shape, class: "mha-shape" });
  block.tensor.shape.forEach((size, axis) => {
    if (axis) line.append(", ");
    const digits = shape("tspan", { fill: edgeColour(explorer, block.tensor.edges[axis].colour) });
    digits.textContent = String(size);
    line.append(digits);
  });
  line.append(")");
  return line;
}

function svgText(text, [x, y], { colour, size, anchor = "start", weight = 400, ...more }) {
  const made = shape("text", {
    x,
    y,
    fill: colour,
    "font-size": size,
    "font-weight": weight,
    "text-anchor": anchor,
    ...more,
  });
  made.textContent = text;
  return made;
}

// Frames of the followed number on the visible faces: a ring where one cell is meant, thin frames around regions.
function drawMarks(explorer, block, faces) {
  const marks = explorer.followed?.marks?.[block.name];
  const group = shape("g", { class: "mha-marks" });
  if (!marks) return group;
  const boxes = marks.one ? [marks.one.map((place) => [[place, place + 1]])] : marks.boxes;
  for (const face of marks.one ? faces.slice(0, 1) : faces) {
    for (const box of boxes) {
      for (const corners of framesOn(face, box, Boolean(marks.one))) {
        const d = `M${corners.map((corner) => corner.join(" ")).join("L")}Z`;
        const frame = (colour, width) =>
          group.append(shape("path", { d, fill: "none", stroke: colour, "stroke-width": width }));
        frame(explorer.look.page, marks.one ? 5.5 : 3.5);
        frame(explorer.look.text, marks.one ? 2.5 : 1.5);
        if (marks.one) block.ring = [0, 1].map((i) => (corners[0][i] + corners[2][i]) / 2);
      }
    }
  }
  return group;
}

// The parts of a face that a box covers, as corners. A ring is never smaller than it can be seen.
function framesOn(face, box, ring) {
  const fixed = box.every(
    (ranges, axis) =>
      axis === face.rowAxis ||
      axis === face.columnAxis ||
      ranges.some(([start, stop]) => face.index[axis] >= start && face.index[axis] < stop),
  );
  if (!fixed) return [];
  const spans = (axis, places, length) =>
    box[axis].map(([start, stop]) => {
      const covered = places
        .map((place, i) => [place, i])
        .filter(([place]) => place < stop && place + stepBetween(places) > start);
      if (!covered.length) return null;
      const [low, high] = [covered[0][1] / places.length, (covered.at(-1)[1] + 1) / places.length];
      const more = ring ? Math.max(0, 7 / length - (high - low)) / 2 : 0;
      return [low - more, high + more];
    });
  const found = [];
  for (const down of spans(face.rowAxis, face.rows, Math.hypot(...face.down))) {
    for (const across of spans(face.columnAxis, face.columns, Math.hypot(...face.across))) {
      if (down && across) found.push(cornersOn(face, across[0], down[0], across[1], down[1]));
    }
  }
  return found;
}

// How many cells a place on a face stands for; depth places in another order stand for themselves.
function stepBetween(places) {
  return places.length > 1 && places[0] === 0 ? Math.max(1, places[1] - places[0]) : 1;
}

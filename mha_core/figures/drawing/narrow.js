// The narrow layout: one row a stage from top to bottom, nothing to scroll sideways. Tensors of one stage share a
// row, and square tensors that follow each other stand two by two.

const NARROW = { most: 480, centre: 0.64, edge: 12, zone: 34, heading: 22, chip: 20 };

// Rows of blocks in pipeline order; what stands aside is kept for its reader's row.
function narrowRows(blocks, stages) {
  const byName = new Map(blocks.map((block) => [block.name, block]));
  const rows = [];
  for (const stage of stages) {
    const made = stage.makes.map((name) => byName.get(name)).filter((block) => block && !block.aside);
    if (!made.length) continue;
    const before = rows.at(-1);
    const [one] = made;
    if (made.length === 1 && one.square && before?.open && before.blocks[0].row === one.row) {
      before.blocks.push(one);
      before.open = false;
    } else rows.push({ blocks: made, part: made[0].row, open: made.length === 1 && one.square, pair: one.square });
  }
  for (const row of rows) row.single = row.blocks.length === 1;
  return rows;
}

// As layoutWide: places blocks, routes arrows, and returns {height, headings, paths, chips, legend}.
function layoutNarrow(width, blocks, stages, chips, headingWidths, spare) {
  const rows = narrowRows(blocks, stages);
  const links = linksOf(new Map(blocks.map((block) => [block.name, block])), stages);
  const plan = { width, rows, links, chips, headingWidths, headings: [], paths: [], found: new Map() };
  plan.between = betweenPairs(rows, links, chips);
  for (const row of rows) for (const block of row.blocks) block.line = row;
  let bottom = 0;
  rows.forEach((row, i) => {
    const heads = !i || rows[i - 1].part !== row.part;
    if (!i) plan.headings.push({ row: row.part, at: [4, 14] });
    row.zone = { top: bottom, heads: heads && i > 0, before: rows[i - 1] };
    fitRow(row, plan);
    const zone = i ? zoneHeight(row, plan) : 24 + spare;
    placeRow(row, bottom + zone, plan);
    bottom = row.bottom;
  });
  for (const row of rows.slice(1)) routeZone(row, plan);
  for (const row of rows) routeInside(row, plan);
  routeLanes(plan);
  const drawn = [...plan.found].map(([stage, at]) => ({ stage, at }));
  return { height: bottom + 8, headings: plan.headings, paths: plan.paths, chips: drawn, legend: null };
}

// Widths: a row's blocks share the width; what does not fit is drawn smaller.
function fitRow(row, plan) {
  const { width } = plan;
  row.slot = row.single ? width : (width - NARROW.edge) / Math.max(2, row.blocks.length);
  row.blocks.forEach((block) => {
    const labels = (block.x0 = Math.max(block.rowsWidth, block.depthWidth - block.dx / 2) + 9);
    if (row.single) {
      block.left = Math.max(block.shapeWidth, block.nameWidth) + 14;
      shrink(block, (width - 16 - labels - block.left) / (block.w + block.dx));
      return;
    }
    shrink(block, (row.slot - labels - 2) / (block.w + block.dx));
  });
  // squares keep one size over all their rows, and leave room for the longest chip between two
  if (row.pair) for (const block of row.blocks) shrink(block, (row.slot - plan.between) / block.w);
}

// The widest chip between the two blocks of a pair, with a stump of arrow on each side.
function betweenPairs(rows, links, chips) {
  const inside = links.filter(({ from, to }) =>
    rows.some((row) => row.blocks.includes(from) && row.blocks.includes(to)),
  );
  return Math.max(0, ...inside.map((link) => chips.get(link.stage))) + 34;
}

// Heights, names and shapes of a row, whose content starts at `top`.
function placeRow(row, top, { width }) {
  const up = Math.max(...row.blocks.map((block) => block.dy));
  const tall = Math.max(...row.blocks.map((block) => block.h));
  let third = false;
  if (row.single) {
    const [block] = row.blocks;
    const centre = width * NARROW.centre - (block.w + block.dx) / 2;
    block.x = Math.round(within(block.left + block.x0, centre, width - 14 - block.w - block.dx));
    block.y = Math.round(top + Math.max(up + 3, 26 - tall / 2));
    const middle = block.y + block.h / 2;
    block.texts = [
      { kind: "name", at: [4, middle - 2] },
      { kind: "shape", at: [4, middle + 14] },
    ];
    if (block.range) block.texts.push({ kind: "range", at: [4, middle + 29] });
    if (block.note) block.texts.push({ kind: "note", at: [4, middle + (block.range ? 43 : 29)] });
    const foot = 20 + (block.range ? 14 : 0) + (block.note ? 14 : 0);
    row.top = top;
    row.bottom = Math.max(block.y + tall + TEXT_LINE.label, middle + foot);
    return;
  }
  row.top = top;
  const y = Math.round(top + TEXT_LINE.name + 2 + up + (up ? 7 : 3));
  row.blocks.forEach((block, i) => {
    block.x = Math.round(i * row.slot + block.x0);
    block.y = y + tall - block.h;
    block.columnsAt = Math.max(block.x + block.w / 2, i * row.slot + 2 + block.columnsWidth / 2);
    const left = i * row.slot + 4;
    const base = y + tall + TEXT_LINE.label;
    block.texts = [
      { kind: "name", at: [left, top + 15] },
      { kind: "shape", at: [left, base + 12] },
    ];
    const wrapped = block.range && block.shapeWidth + block.rangeWidth + 6 >= row.slot;
    if (block.range && !wrapped) block.texts.push({ kind: "range", at: [left + block.shapeWidth + 7, base + 12] });
    if (wrapped) block.texts.push({ kind: "range", at: [left, base + 26] });
    if (block.note) block.texts.push({ kind: "note", at: [left + (wrapped ? block.rangeWidth + 4 : 0), base + 26] });
    third ||= wrapped || Boolean(block.note);
  });
  row.bottom = y + tall + TEXT_LINE.label + TEXT_LINE.shape + (third ? 14 : 0);
}

// The height between two rows: arrows, a heading, what stands aside.
function zoneHeight(row, plan) {
  const { zone } = row;
  const asides = plan.links.filter((link) => link.from.aside && link.to.line === row);
  const turning = plan.links.filter((link) => link.to.line === row && link.from.line === zone.before);
  let at = zone.top + 4;
  if (zone.heads) {
    const lanes = turning.length > 1 ? turning.length * 8 + 4 : 4;
    plan.headings.push({ row: row.part, at: [4, at + lanes + 14] });
    zone.lanesTop = at + 4;
    at += lanes + NARROW.heading;
  }
  for (const link of asides) {
    const block = link.from;
    block.x = Math.round(Math.max(block.shapeWidth, block.nameWidth) + 14 + block.rowsWidth + 9);
    block.y = Math.round(at + 4);
    const middle = block.y + block.h / 2;
    block.texts = [
      { kind: "name", at: [4, middle - 2] },
      { kind: "shape", at: [4, middle + 14] },
    ];
    zone.asideFoot = block.y + block.h + TEXT_LINE.label + 2;
    at = zone.asideFoot + 14;
  }
  const fan = turning.some((link, i) => turning.findIndex((other) => other.from === link.from) !== i);
  zone.turn = at + (asides.length ? 0 : fan ? 24 : 13);
  return zone.turn + (asides.length ? 16 : NARROW.zone - 14) - zone.top;
}

// Where arrows leave a row and enter the next.
const leavesAt = (block) =>
  block.line.single ? Math.round(block.x + (block.w + block.dx) / 2) : block.x + block.w / 2;

function entersAt(block, i, count) {
  if (block.line.single) return leavesAt(block);
  const middle = block.x + block.dx / 2 + block.w / 2 + (block.line.pair ? block.dx / 4 : 0);
  return Math.round(middle + (i - (count - 1) / 2) * 16);
}

// Arrows from the row above: straight down, or with one turn; beside a heading when there is one.
function routeZone(row, plan) {
  const { zone } = row;
  const links = plan.links.filter((link) => link.to.line === row && link.from.line === zone.before);
  const clear = 4 + (plan.headingWidths.get(row.part) ?? 0) + 14;
  links.forEach((link, i) => {
    const { from, to, stage } = link;
    const entries = links.filter((other) => other.to === to);
    const end = entersAt(to, entries.indexOf(link), entries.length);
    const near = Math.abs(leavesAt(from) - end) <= 12;
    const start = near && entries.length === 1 ? end : leavesAt(from);
    const top = zone.before.bottom + 4;
    const tip = to.line.single ? Math.min(row.top, topOf(to)) - 2 : topOf(to) - 5;
    const turn = zone.turn + (links.length > 1 && entries.length > 1 ? (entries.length - 1 - i) * -7 : 0);
    const points = [[start, top]];
    const lane = zone.heads && start < clear ? clear + 8 * i : start;
    const upper = zone.heads ? zone.lanesTop + 8 * i : top;
    if (lane !== start) points.push([start, upper], [lane, upper]);
    if (Math.abs(end - lane) > 0.5) points.push([lane, turn], [end, turn]);
    points.push([end, tip]);
    plan.paths.push({ link, role: to.role || from.role, points });
    chipInZone(plan, { row, link, links, start, end, lane, top, tip });
  });
  for (const link of plan.links.filter((other) => other.from.aside && other.to.line === row)) {
    const x = Math.round(link.from.x + link.from.w / 2);
    plan.paths.push({
      link,
      role: "",
      points: [
        [x, zone.asideFoot],
        [x, zone.turn - 3],
      ],
    });
    plan.found.set(link.stage, [x + 16 + plan.chips.get(link.stage) / 2, zone.turn]);
  }
}

// Where a stage's chip stands: right of all lanes that enter together, beside the stem of a fan, else beside the arrow.
function chipInZone(plan, { row, link, links, start, end, lane, top, tip }) {
  const { zone } = row;
  const fan = links.filter((other) => other.from === link.from).length > 1;
  const together = links.filter((other) => other.to === link.to).length > 1;
  const middle = Math.abs(end - lane) > 0.5 ? zone.turn + 2 : (top + Math.min(tip, row.top)) / 2;
  const y = zone.heads ? zone.turn - 1 : fan ? zone.turn - 15 : middle;
  const sources = links.filter((other) => other.stage === link.stage).map((other) => leavesAt(other.from));
  const x = together ? Math.max(...sources, lane) : fan ? start : end;
  placeChip(plan, link.stage, x, y, row, !fan && links.length === 1 && start > end + 1);
}

// Beside an arrow: at its right where it fits, else at its left.
function placeChip(plan, stage, x, y, row, leftward = false) {
  if (plan.found.has(stage)) return;
  const half = plan.chips.get(stage) / 2;
  const fits = !leftward && x + 10 + 2 * half <= plan.width - NARROW.edge;
  const at = row.zone.heads && plan.links.filter((link) => link.stage === stage && link.to.line === row).length > 1;
  plan.found.set(stage, [fits ? x + 10 + half : x - 10 - half, at ? row.zone.turn - 16 : y]);
}

// Between the two blocks of a pair: along their feet, the chip on the line.
function routeInside(row, plan) {
  for (const link of plan.links.filter((other) => other.from.line === row && other.to.line === row)) {
    const { from, to } = link;
    const y = from.y + from.h - 2;
    const [start, end] = [from.x + from.w + 9, to.x - 9];
    plan.paths.push({
      link,
      role: to.role || from.role,
      points: [
        [start, y],
        [end, y],
      ],
    });
    plan.found.set(link.stage, [(start + end) / 2 - 2, y]);
  }
}

// What skips rows goes down the right edge and in from the right.
function routeLanes(plan) {
  const lanes = [];
  for (const link of plan.links) {
    const [from, to] = [link.from.line, link.to.line];
    if (!from || !to || from === to || to.zone.before === from) continue;
    const [start, end] = [middleOf(link.from), middleOf(link.to)];
    const x = plan.width - 3 - 6 * freeLane(lanes, start, end);
    const points = [
      [rightOf(link.from) + 4, start],
      [x, start],
      [x, end],
      [rightOf(link.to) + 7, end],
    ];
    plan.paths.push({ link, role: link.to.role || link.from.role, points });
    if (!plan.found.has(link.stage)) placeChip(plan, link.stage, rightOf(link.to), end - 16, to);
  }
}

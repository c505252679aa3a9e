// Where blocks stand from left to right in the wide layout: a column for each depth of reading.

const WIDE = { columns: 5, margin: 34, indent: 80, edge: 34, least: 24, lane: 8, chip: 24 };

// Places every block that does not stand aside. Returns the plan, or null where the blocks have no room.
function seatWide(width, blocks, stages) {
  const seated = blocks.filter((block) => !block.aside);
  const columns = Math.max(WIDE.columns, ...seated.map((block) => block.column + 1));
  if (width < 940 || (width - WIDE.margin) / columns < 178) return null;
  const links = linksOf(new Map(blocks.map((block) => [block.name, block])), stages);
  // the left edge stays free for what comes back along it
  const first = Math.max(
    WIDE.indent,
    ...seated.filter((block) => !block.column).map((block) => block.rowsWidth + 8 + WIDE.edge + 2),
  );
  const plan = { width, pitch: (width - WIDE.margin) / columns, first, edge: WIDE.edge, links, seated };
  for (const block of seated)
    block.stacked = seated.some((other) => other !== block && other.row === block.row && other.column === block.column);
  plan.rows = [...new Set(seated.map((block) => block.row))].sort((a, b) => a - b);
  const fit = plan.rows.map((row) =>
    placeAcross(
      seated.filter((block) => block.row === row),
      plan,
    ),
  );
  classify(links, seated);
  return fit.every(Boolean) ? plan : null;
}

// All lengths of all blocks by one factor: the same size keeps the same length everywhere.
function scaleBlocks(blocks, part) {
  for (const block of blocks) {
    block.full ??= { w: block.w, h: block.h, dx: block.dx, dy: block.dy };
    const { w, h, dx, dy } = block.full;
    const length = (side, least) => Math.max(Math.min(side, least), Math.round(side * part));
    Object.assign(block, { w: length(w, 14), h: length(h, 12), dx: length(dx, 8), dy: length(dy, 6) });
  }
}

// Front faces start 80 px into their column; a long block gives way to the left, then its neighbour to the right.
function placeAcross(blocks, plan) {
  const columns = [...new Set(blocks.map((block) => block.column))].sort((a, b) => a - b);
  const inColumn = (column) => blocks.filter((block) => block.column === column);
  for (const block of blocks) block.x = Math.round(block.column ? block.column * plan.pitch + WIDE.indent : plan.first);
  for (let i = 0; i + 1 < columns.length; i += 1) {
    const [here, next] = [inColumn(columns[i]), inColumn(columns[i + 1])];
    const gap = () => Math.min(...next.map(labelsLeft)) - Math.max(...here.map(rightOf)) - 14;
    if (gap() >= WIDE.least) continue;
    const before = i ? Math.max(...inColumn(columns[i - 1]).map(rightOf)) + 14 + WIDE.least : plan.edge;
    const slack = Math.max(0, Math.min(...here.map(labelsLeft)) - before);
    const shift = Math.min(slack, WIDE.least - gap());
    for (const block of here) block.x -= Math.floor(shift);
    const more = Math.max(0, Math.ceil(WIDE.least - gap()));
    for (const block of next) block.x += more;
  }
  // what is pushed out at the right edge pushes back
  let room = plan.width - 28;
  for (const column of columns.toReversed()) {
    const over = Math.max(0, Math.ceil(Math.max(...inColumn(column).map(rightOf)) - room));
    for (const block of inColumn(column)) block.x -= over;
    room = Math.min(...inColumn(column).map(labelsLeft)) - 14 - WIDE.least;
  }
  return room + 14 + WIDE.least >= plan.edge;
}

// What kind of way an arrow takes.
function classify(links, seated) {
  for (const link of links) {
    const { from, to, stage } = link;
    const crossing = links.filter(
      (other) => other.stage === stage && !other.from.aside && other.from.row !== other.to.row,
    );
    const behind = seated.some((block) => block.row === to.row && block.column > to.column);
    if (from.aside) link.kind = "aside";
    else if (from.row === to.row && to.column === from.column + 1) link.kind = "next";
    else if (from.row === to.row) link.kind = "above";
    else if (to.column === 0 && crossing.length === 1) link.kind = "return";
    else link.kind = behind || to.stacked ? "above" : "right";
  }
}

// The wide layout, 940 px and more: a row for each part, a column for each depth of reading, tensors of one depth
// stacked. Computed from what reads what, so another pipeline needs no new drawing.

// Places blocks from top to bottom and routes every arrow. `plan`: as seated. `chips`: the width of each stage's
// chip. Changes the blocks' y and texts; returns {height, headings, paths, chips, legend}.
function layoutWide(plan, blocks, chips) {
  const { width, rows, links, seated } = plan;
  for (const block of seated) {
    block.wrapped = wraps(block, plan);
    block.oneLine = block.stacked && !reachesOver(block, plan);
  }
  const headings = [];
  let bottom = 0;
  for (const row of rows) {
    const inRow = seated.filter((block) => block.row === row);
    const into = links.filter((link) => link.to.row === row);
    const room = roomAbove(inRow, into, chips);
    const lanes = into.filter((link) => link.kind === "above" || link.kind === "return");
    headings.push({ row, at: [8, bottom + (row === rows[0] ? 16 : 22)] });
    plan[row] = { channel: bottom + 40 };
    const channels = lanes.length ? 28 + WIDE.lane * (lanes.length - 1) : 0;
    const centre = bottom + 24 + channels + room.up;
    for (const block of inRow) block.y = Math.round(centre + block.offset - block.h / 2);
    plan[row].centre = centre;
    placeAsides(into);
    bottom = centre + room.down;
  }
  for (const block of blocks.toSorted((one, other) => other.column - one.column)) placeTexts(block, plan);
  const drawn = routeWide(links, plan, chips);
  const last = seated.filter((block) => block.row === rows.at(-1));
  const left = Math.max(...last.map((block) => Math.max(rightOf(block), block.x + block.textWidth))) + 50;
  return {
    height: bottom + 8,
    headings,
    ...drawn,
    legend: { left, top: plan[rows.at(-1)].channel + 20, width: width - left - 8 },
  };
}

// At the right edge there are lanes instead of a neighbour: a range that finds no room there takes its own line.
function wraps(block, plan) {
  if (!block.stacked || !block.range) return false;
  if (plan.seated.some((other) => other.row === block.row && other.column > block.column)) return false;
  return block.nameWidth + 7 + block.shapeWidth + block.rangeWidth > plan.width - 28 - labelsLeft(block);
}

// In a stack name and shape share a line, unless that would run into the labels or the arrows of the next column.
function reachesOver(block, plan) {
  const inColumn = (column) => plan.seated.filter((other) => other.row === block.row && other.column === column);
  const [mine, next] = [inColumn(block.column), inColumn(block.column + 1)];
  const arrows = next.length > mine.length ? 36 : 4;
  return block.x + block.nameWidth + 7 + block.shapeWidth > Math.min(...next.map(labelsLeft)) - arrows;
}

// How far a block and its texts reach below its middle.
function textFoot(block) {
  const lines = block.oneLine ? TEXT_LINE.shape + 3 : TEXT_LINE.name + TEXT_LINE.shape;
  return block.h / 2 + TEXT_LINE.label + lines + (block.note || block.wrapped ? TEXT_LINE.note : 0);
}

// How much height a row needs above and below the line through its middle; sets each block's offset from it.
function roomAbove(blocks, into, chips) {
  const stacks = Map.groupBy(blocks, (block) => block.column);
  for (const stack of stacks.values()) {
    // stacks of one height share their places, so that arrows between them run straight
    const alike = [...stacks.values()].filter((other) => other.length === stack.length);
    let at = 0;
    stack.forEach((block, i) => {
      const beside = alike.map((other) => other[i]);
      at += Math.max(...beside.map((other) => other.dy + 8 + other.h / 2));
      block.offset = at;
      block.foot = at + textFoot(block);
      at += Math.max(...beside.map(textFoot)) + 6;
    });
    const middle = (stack[0].offset + stack.at(-1).offset) / 2;
    for (const block of stack) [block.offset, block.foot] = [block.offset - middle, block.foot - middle];
  }
  const topAt = (block) => block.offset - block.h / 2 - block.dy;
  let up = -Math.min(...blocks.map(topAt)) + 4;
  const steps = into.filter((link) => link.kind === "next");
  const reach = (link) => Math.max(-topAt(link.from), -topAt(link.to));
  const above = (link) => (labelsLeft(link.to) - rightOf(link.from) - 8 < chips.get(link.stage) ? WIDE.chip : 0);
  const parallel = (link) => steps.some((other) => other !== link && other.stage === link.stage);
  for (const link of steps) {
    const fan = steps.some((other) => other !== link && other.from === link.from);
    const only = parallel(link) && !fan ? link.from.place === 0 : true;
    if (only) up = Math.max(up, (fan ? -topAt(link.from) : reach(link)) + above(link));
  }
  let entering = 0;
  for (const link of into) {
    if (link.kind === "above") entering = Math.max(entering, -topAt(link.to) + 2 * WIDE.chip + 4);
  }
  const aside = (link) => {
    const step = steps.find((other) => other.to === link.to);
    const tops = step ? reach(step) : -topAt(link.to);
    // the chip lies on the way down: beside the blocks where it fits, else above their tops
    link.base = -(step && !above(step) ? Math.max(tops + 8, 48) : tops + WIDE.chip + 16);
    link.chip = step && !above(step) ? Math.max(-link.base - 26, 14) : 16;
    return -link.base + TEXT_LINE.label + link.from.h + 6;
  };
  up = Math.max(up, entering, ...into.filter((link) => link.kind === "aside").map(aside));
  return { up, down: Math.max(...blocks.map((block) => block.foot)) };
}

// A tensor that stands aside stands above the arrow that leads into its reader.
function placeAsides(into) {
  for (const link of into.filter((other) => other.kind === "aside")) {
    const step = into.find((other) => other.kind === "next" && other.to === link.to);
    const { from, to } = link;
    link.x = step ? Math.round((rightOf(step.from) + 8 + labelsLeft(to) - 6) / 2) : Math.round(to.x + to.dx + to.w / 2);
    const lane = middleOf(to) - to.offset;
    from.x = Math.round(link.x - from.w / 2);
    from.y = Math.round(lane + link.base - TEXT_LINE.label - from.h);
    link.end = step ? middleOf(to) : topOf(to) - 5;
  }
}

// Names and shapes: under the front; on one line in a stack; at the right of what stands aside.
function placeTexts(block, plan) {
  const { x, y, w, h } = block;
  block.texts = [];
  const put = (kind, left, base) => block.texts.push({ kind, at: [left, base] });
  if (block.aside) {
    put("name", x + w + 8, y + h / 2 - 2);
    put("shape", x + w + 8, y + h / 2 + 13);
    return;
  }
  const base = y + h + TEXT_LINE.label;
  const limit = textLimit(block, plan);
  const oneLine = block.nameWidth + 7 + block.shapeWidth;
  const whole = !block.wrapped && oneLine + block.rangeWidth <= Math.min(limit - labelsLeft(block), plan.pitch - 10);
  block.textWidth = block.oneLine
    ? oneLine + (whole ? block.rangeWidth : 0)
    : Math.max(block.nameWidth + block.rangeWidth, block.shapeWidth, block.noteWidth);
  const left = (block.textLeft = Math.min(x, limit - block.textWidth));
  if (block.oneLine) {
    put("name", left, base + 14);
    put("shape", left + block.nameWidth + 7, base + 14);
    if (block.range && whole) put("range", left + oneLine + 7, base + 14);
    else if (block.wrapped) put("range", left, base + 28);
    else if (block.range) put("range", rightOf(block) + 5, y + h);
    if (block.note) put("note", left + (block.wrapped ? block.rangeWidth + 4 : 0), base + 28);
    return;
  }
  put("name", left, base + 15);
  if (block.range) put("range", left + block.nameWidth + 7, base + 15);
  put("shape", left, base + 30);
  if (block.note) put("note", left, base + 44);
}

// How far to the right a block's texts may reach: to the next block's, and not into a fan of arrows.
function textLimit(block, plan) {
  const later = plan.seated.filter((other) => other.row === block.row && other.column > block.column);
  if (!later.length) return plan.width - 28;
  const column = Math.min(...later.map((other) => other.column));
  const next = later.filter((other) => other.column === column);
  if (next[0].stacked && !block.stacked) return Math.min(...next.map(labelsLeft)) - 36;
  return Math.min(...next.map((other) => other.textLeft)) - 12;
}

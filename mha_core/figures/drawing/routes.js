// Arrows of the wide layout. None crosses a label or a block that it does not belong to: arrows run between
// neighbours, in the channel above a row, and in lanes along the right edge.

// Returns the paths (points, role, link) and the chips (stage, centre).
function routeWide(links, plan, chips) {
  const lanes = [];
  const paths = [];
  const found = new Map();
  const chip = (stage, x, y) => found.has(stage) || found.set(stage, [x, y]);
  const drawn = { next: routeNext, aside: routeAside, above: routeAbove, right: routeRight, return: routeReturn };
  const context = { links, plan, chips, chip, lanes, paths };
  for (const kind of Object.keys(drawn)) {
    for (const link of links.filter((other) => other.kind === kind)) {
      const points = drawn[kind](link, context);
      paths.push({ link, role: link.to.role || link.from.role, points, over: kind === "above" || kind === "right" });
    }
  }
  return { paths, chips: [...found].map(([stage, at]) => ({ stage, at })) };
}

const startOf = (block) => [rightOf(block) + 6, middleOf(block)];

// To the neighbour at the right: straight, or with a step to a block of a stack.
function routeNext(link, { links, chips, chip, paths }) {
  const { from, to, stage } = link;
  const [start, y] = startOf(from);
  const end = labelsLeft(to) - 6;
  const others = links.filter((other) => other.kind === "next" && other.stage === stage);
  const fan = others.filter((other) => other.from === from).length > 1;
  const wide = chips.get(stage);
  const ends = Math.min(...others.map((other) => labelsLeft(other.to) - 6));
  const turn = Math.max(start + 6, ends - 20);
  const aside = links.find((other) => other.kind === "aside" && other.to === to);
  const fits = wide + 6 <= (fan ? turn - start : end - start + 10);
  if (!aside && fits) chip(stage, (start + (fan ? turn : end)) / 2, y - 14);
  else if (fan) chip(stage, turn - 10 - wide / 2, topOf(from) - 15);
  else if (!aside) {
    const entered = links.filter((other) => other.kind === "above" && other.to === from).length;
    const clear = entered ? entryOf(from, entered - 1, entered) + 9 + wide / 2 : 0;
    chip(stage, Math.max(clear, (start + end) / 2), Math.min(topOf(from), topOf(to)) - 15);
  }
  if (fan && !paths.some((path) => path.stem === stage))
    paths.push({
      link,
      role: "",
      points: [
        [start, y],
        [turn, y],
      ],
      stem: stage,
    });
  const over = middleOf(to);
  if (Math.abs(over - y) <= 1)
    return [
      [fan ? turn : start, y],
      [end, y],
    ];
  return fan
    ? [
        [turn, y],
        [turn, over],
        [end, over],
      ]
    : [
        [start, y],
        [turn, y],
        [turn, over],
        [end, over],
      ];
}

// Down from what stands aside to the arrow that leads into its reader.
function routeAside(link, { chip }) {
  const { from, stage } = link;
  const top = from.y + from.h + TEXT_LINE.label + 1;
  chip(stage, link.x, top + link.chip);
  return [
    [link.x, top],
    [link.x, link.end - 2],
  ];
}

// The way out of a block: to a lane at the right edge, or, where blocks stand in the way, down the gutter.
function wayOut(from, to, { links, plan, lanes }, end) {
  const [start, y] = startOf(from);
  const blocks = links.flatMap((link) => [link.from, link.to]);
  const beside = blocks.filter((other) => !other.aside && other.row === from.row && other.column > from.column);
  const free = !beside.length;
  const x = free ? plan.width - 4 - WIDE.lane * freeLane(lanes, y, end) : Math.min(...beside.map(labelsLeft)) - 10;
  return [
    [start, y],
    [x, y],
  ];
}

// Where the i-th of several arrows enters a block from above.
function entryOf(to, i, count) {
  const step = Math.min(20, to.w / count);
  return to.x + to.dx + to.w / 2 - Math.min(to.dx, 12) + (i - (count - 1) / 2) * step;
}

// Along the channel above a row, and into the reader from above.
function routeAbove(link, context) {
  const { to, stage } = link;
  const { links, plan, chips, chip } = context;
  const entries = links.filter((other) => other.kind === "above" && other.to === to);
  const inRow = links.filter((other) => other.kind === "above" && other.to.row === to.row);
  const channel = plan[to.row].channel + WIDE.lane * inRow.indexOf(link);
  const x = entryOf(to, entries.indexOf(link), entries.length);
  const below = plan[to.row].channel + WIDE.lane * (inRow.length - 1);
  chip(
    stage,
    entryOf(to, entries.length - 1, entries.length) + 12 + chips.get(stage) / 2,
    Math.min(below + 18, topOf(to) - 14),
  );
  const out = wayOut(link.from, to, context, channel);
  return [...out, [out[1][0], channel], [x, channel], [x, topOf(to) - 5]];
}

// Down a lane at the right edge, and in from the right.
function routeRight(link, context) {
  const { from, to, stage } = link;
  const y = middleOf(to) - 6;
  const out = wayOut(from, to, context, y);
  context.chip(stage, rightOf(to) + 30, y - 16);
  return [...out, [out[1][0], y], [rightOf(to) + 8, y]];
}

// Back to the first column: under the row, down the left edge, and in from the left. The chip lies on the line.
function routeReturn(link, context) {
  const { from, to, stage } = link;
  const { links, plan, lanes, chip } = context;
  const lower = links.some((other) => other.kind === "right" && other.to === from) ? 6 : 0;
  const inRow = links.filter((other) => other.kind === "return" && other.to.row === to.row);
  const channel = plan[to.row].channel + WIDE.lane * inRow.indexOf(link);
  const y = middleOf(from) + lower;
  const x = plan.width - 4 - WIDE.lane * freeLane(lanes, y, channel);
  chip(stage, plan.width / 2, channel);
  const end = labelsLeft(to) - 6;
  return [
    [rightOf(from) + 6, y],
    [x, y],
    [x, channel],
    [6, channel],
    [6, middleOf(to)],
    [Math.max(end, 14), middleOf(to)],
  ];
}

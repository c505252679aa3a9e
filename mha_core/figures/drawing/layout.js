// Lengths of blocks and the grid's geometry: numbers in, numbers out. No drawing, no text measured here.
//
// True proportions are impossible (4 rows beside 1536 columns), so lengths follow a power of the size: the same
// length for the same size, everywhere, and the legend says so.

const within = (low, value, high) => Math.min(Math.max(value, low), high);
const columnPixels = (size, factor) => Math.max(14, Math.round(factor * size ** 0.37));
const rowPixels = (size) => within(12, Math.round(17 * size ** 0.5), 96);
const depthPixels = (size) => (size === 1 ? 0 : within(10, Math.round(9 * size ** 0.5), 44));
const squarePixels = (size) => within(44, Math.round(1.4 * rowPixels(size)), 96);

const SLANT = 0.8; // the depth edge rises 0.8 px for each px to the right
const TEXT_LINE = { label: 19, name: 18, shape: 15, note: 14 }; // heights of the lines of text under a block
const ASIDE = 56; // a tensor that stands aside is at most this long: it serves the arrow below it

// Columns grow with the window between 940 and 1060 px.
function factorFor(width) {
  if (width < 940) return width < 420 ? 8 : 9;
  if (width < 980) return 7 + (0.5 * (width - 940)) / 40;
  return Math.min(9.5, 7.5 + (2 * (width - 980)) / 80);
}

// A block's front and depth. `square`: its last two axes are query and key.
function blockLengths(shape, square, aside, factor) {
  const [rows, columns] = shape.slice(-2);
  const depth = shape.length === 4 ? depthPixels(shape[1]) : 0;
  const most = aside ? ASIDE : Infinity;
  const w = Math.min(most, square ? squarePixels(columns) : columnPixels(columns, factor));
  const h = Math.min(most, square ? squarePixels(rows) : rowPixels(rows));
  return { w, h, dx: depth, dy: Math.round(depth * SLANT) };
}

// Which tensor leads to which: every input of a stage to everything it makes. Where both ends have a role (q, k
// or v), only like meets like: three parallel steps are one stage.
function linksOf(blocks, stages) {
  const links = [];
  for (const stage of stages) {
    for (const made of stage.makes) {
      for (const read of stage.reads) {
        const [from, to] = [blocks.get(read), blocks.get(made)];
        if (from && to && !(from.role && to.role && from.role !== to.role)) links.push({ stage, from, to });
      }
    }
  }
  return links;
}

// Where things around a block end.
const rightOf = (block) => block.x + block.w + block.dx;
const topOf = (block) => block.y - block.dy;
const middleOf = (block) => block.y + block.h / 2;
const labelsLeft = (block) =>
  block.x - 8 - Math.max(block.rowsWidth, block.dx ? block.depthWidth - block.dx / 2 + 4 : 0);

// A polyline with rounded corners, as the `d` of a path.
function roundedPath(points, radius = 7) {
  const kept = points.filter(([x, y], i) => !i || Math.hypot(x - points[i - 1][0], y - points[i - 1][1]) > 0.5);
  let path = `M${kept[0].join(" ")}`;
  for (let i = 1; i < kept.length - 1; i += 1) {
    const [before, at, after] = [kept[i - 1], kept[i], kept[i + 1]];
    const [into, out] = [
      Math.hypot(at[0] - before[0], at[1] - before[1]),
      Math.hypot(after[0] - at[0], after[1] - at[1]),
    ];
    const bend = Math.min(radius, into / 2, out / 2);
    const toward = (to, length) => [
      at[0] + ((to[0] - at[0]) * bend) / length,
      at[1] + ((to[1] - at[1]) * bend) / length,
    ];
    path += `L${toward(before, into).join(" ")}Q${at.join(" ")} ${toward(after, out).join(" ")}`;
  }
  return `${path}L${kept.at(-1).join(" ")}`;
}

// The lowest free lane of a bundle of parallel lines: lines in one lane must not overlap.
function freeLane(lanes, start, stop) {
  const [low, high] = [Math.min(start, stop), Math.max(start, stop)];
  let lane = 0;
  while (lanes.some((other) => other.lane === lane && other.low < high && low < other.high)) lane += 1;
  lanes.push({ lane, low, high });
  return lane;
}

// Shrink blocks that share a place with too little room.
function shrink(block, part) {
  if (part >= 1) return;
  for (const side of ["w", "h", "dx", "dy"]) block[side] = Math.round(block[side] * part);
}

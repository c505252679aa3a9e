// Arrows: a margin in the page's colour lets one line pass over another; heads are in the line's own colour.
function drawPaths(explorer, svg, plan) {
  const { look } = explorer;
  for (const { points, role, over, stem } of plan.paths) {
    const colour = role ? look.role(role) : look.outline;
    const d = roundedPath(points);
    if (over) svg.append(shape("path", { d, stroke: look.page, "stroke-width": 5, fill: "none" }));
    svg.append(shape("path", { d, stroke: colour, "stroke-width": 1.6, fill: "none" }));
    if (stem) continue;
    const [[fromX, fromY], [x, y]] = points.slice(-2);
    const length = Math.hypot(x - fromX, y - fromY) || 1;
    const [ux, uy] = [(x - fromX) / length, (y - fromY) / length];
    const corner = (back, side) => `${x - ux * back - uy * side} ${y - uy * back + ux * side}`;
    svg.append(shape("path", { d: `M${x + ux} ${y + uy}L${corner(6.5, 4)}L${corner(6.5, -4)}Z`, fill: colour }));
  }
}

// The dotted way of one number: from its ring over its own sheet, along the arrow, to the next ring.
function followedPath(explorer, plan) {
  const dots = [];
  const dotted = (points) => {
    const style = { fill: "none", "stroke-width": 2, "stroke-linecap": "round", "stroke-dasharray": "0.1 4.5" };
    const d = roundedPath(points);
    dots.push(shape("path", { d, fill: "none", stroke: explorer.look.page, "stroke-width": 4.5 }));
    dots.push(shape("path", { d, stroke: explorer.look.text, ...style, class: "mha-followed-path" }));
  };
  for (const { link, points, stem } of plan.paths) {
    const { from, to, stage } = link;
    if (stem || !from.ring || !to.ring || from === to) continue;
    const before = plan.paths.find((other) => other.stem === stage)?.points.slice(0, 1) ?? [];
    dotted([...before, ...points.slice(0, -1), beforeTip(points)]);
    for (const piece of [leaving(from, before[0] ?? points[0]), entering(to, points.at(-1))]) if (piece) dotted(piece);
  }
  return dots;
}

// The arrow's head stays to be seen.
function beforeTip(points) {
  const [[fromX, fromY], [x, y]] = points.slice(-2);
  const length = Math.hypot(x - fromX, y - fromY);
  const part = Math.max(0, length - 9) / (length || 1);
  return [fromX + (x - fromX) * part, fromY + (y - fromY) * part];
}

// On the block's own sheet: from the ring to where the arrow leaves. Labels lie outside and stay free.
function leaving(block, [x, y]) {
  const [ringX, ringY] = block.ring;
  if (x < rightOf(block))
    return ringY + 9 < block.y + block.h
      ? [
          [ringX, ringY + 9],
          [ringX, block.y + block.h],
        ]
      : null;
  const edge = rightOf(block) + 3;
  return [
    [ringX + 9, ringY],
    [edge, ringY],
    [edge, y],
  ];
}

function entering(block, [, y]) {
  const [ringX, ringY] = block.ring;
  if (y < block.y)
    return ringY - 9 > block.y
      ? [
          [ringX, block.y],
          [ringX, ringY - 9],
        ]
      : null;
  return ringX - 9 > block.x
    ? [
        [block.x, ringY],
        [ringX - 9, ringY],
      ]
    : null;
}

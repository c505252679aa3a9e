// On top of the cells: the ring around the followed number, frames around what belongs to it, the keyboard's cursor.

// Rings, frames and the cursor: redrawn alone when they move.
function drawAbove(explorer, grid) {
  const { pen, scale, canvas } = grid.above;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const { one, boxes } = marksOf(explorer, grid);
  for (const box of boxes) frameBox(explorer, pen, grid, grid.plan.bands, box);
  if (one) ringCell(explorer, pen, placeOf(grid.plan, one));
  if (grid.cursor && grid.focused) cursorCell(explorer, pen, placeOf(grid.plan, grid.cursor));
}

// What of the followed number is in the open tensor: one cell, or boxes of cells.
function marksOf(explorer, grid) {
  const { followed, run, view } = explorer;
  const asked = readCell(run, view.cell);
  const mine = asked?.name === grid.name && asked.index[0] === grid.item ? gridCell(grid, asked.index) : null;
  // what is followed may be of an earlier cell, until the server has answered; two runs side by side name no cell
  const stale = !followed || (followed.run && followed.run !== run.id) || (followed.cell && followed.cell !== view.cell);
  const marks = stale ? null : followed.marks[grid.name];
  if (!marks) return { one: mine, boxes: [] };
  if (marks.one) return { one: marks.one[0] === grid.item ? gridCell(grid, marks.one) : null, boxes: [] };
  const here = marks.boxes.filter((box) => box[0].some(([start, stop]) => start <= grid.item && grid.item < stop));
  return { one: mine, boxes: here };
}

function strokes(explorer, pen, rect, [outer, inner], dash = []) {
  pen.setLineDash([]);
  pen.strokeStyle = explorer.look.page;
  pen.lineWidth = outer;
  pen.strokeRect(rect.x, rect.y, rect.width, rect.height);
  pen.setLineDash(dash);
  pen.strokeStyle = explorer.look.text;
  pen.lineWidth = inner;
  pen.strokeRect(rect.x, rect.y, rect.width, rect.height);
  pen.setLineDash([]);
}

// Around a cell, and never smaller than can be seen.
function around(place, out) {
  const grow = (size) => Math.max(out, (9 - size) / 2);
  const [x, y] = [grow(place.width), grow(place.height)];
  return { x: place.x - x, y: place.y - y, width: place.width + 2 * x, height: place.height + 2 * y };
}

function ringCell(explorer, pen, place) {
  if (place) strokes(explorer, pen, around(place, 1), [6.5, 2.5]);
}

function cursorCell(explorer, pen, place) {
  if (place) strokes(explorer, pen, around(place, 2), [4, 2], [3, 2]);
}

// bands: what is drawn, each {depth, from, to, rows, x, y, cell, row}. A box is cut to what they show.
function frameBox(explorer, pen, grid, bands, box) {
  const [depths, rows, columns] = grid.depthEdge ? box.slice(1) : [[[0, 1]], ...box.slice(1)];
  for (const band of bands) {
    if (!depths.some(([start, stop]) => start <= band.depth && band.depth < stop)) continue;
    for (const [first, last] of rows) {
      for (const [left, right] of columns) {
        const [from, to] = [Math.max(left, band.from), Math.min(right, band.to)];
        const [top, bottom] = [Math.max(first, band.rows[0]), Math.min(last, band.rows[1])];
        if (from >= to || top >= bottom) continue;
        const rect = {
          x: band.x + (from - band.from) * band.cell,
          y: band.y + (top - band.rows[0]) * band.row,
          width: (to - from) * band.cell,
          height: (bottom - top) * band.row,
        };
        strokes(explorer, pen, rect, [3.5, 1.5]);
      }
    }
  }
}

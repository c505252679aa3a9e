// Geometry of the flat sheets: which cells are shown, how large they are, and where. Numbers only: no colours, no words.
//
// Words used here: a *sheet* is one depth index; a *line* is a piece of a sheet's columns (a long axis wraps, it is never
// pooled); a *band* is what is drawn as one rectangle: one line of one sheet.

const GRID = {
  budget: 900, // height that all sheets together may take; beyond it they are paged
  roomy: 420, // up to this height rows may grow
  widest: 40,
  least: 3,
  readable: 6, // rows are made this low before sheets are paged
  digits: [34, 16], // from this size on a cell holds its number
  gap: 9,
  caption: 16, // a band's label, where it stands above the band
  flow: { gap: 22, below: 28 }, // sheets side by side: their label stands below
};

// asked: {width, phone, sheets, rows, columns, parts, square, short, gutter: {stack, lines, flow}, right}
//   parts: sizes of the words that share the column edge; square: both axes are tokens; short: bands too low for a label
//   of two lines beside them; gutter.lines tells the room that the names of lines of a length take.
function sizeGrid(asked) {
  const facts = { ...asked, ...cutLines(asked) };
  const size = (facts.square && facts.lines === 1 && squareSize(facts)) || digitSize(facts) || stackSize(facts);
  const [cell, row] = GRID.digits;
  return { ...facts, ...size, digits: size.cell >= cell && size.row >= row };
}

// A fused axis is cut where its own words are cut; any other into the fewest equal lines.
function cutLines({ width, columns, parts, phone, short, gutter, right }) {
  const most = (left) => Math.max(1, Math.floor((width - left - right) / GRID.least));
  if (columns <= most(gutter.stack)) return { line: columns, lines: 1, left: gutter.stack, above: false };
  const above = phone || short;
  const leftOf = (length) => (above ? gutter.above : gutter.lines(length));
  const room = most(leftOf(parts.at(-1))); // the shortest lines have the longest names
  let line = columns;
  for (const part of parts.slice(0, -1)) {
    if (line <= room) break;
    line /= part;
  }
  if (line > room) {
    const fewest = Math.ceil(line / room);
    let pieces = fewest;
    while (pieces < 2 * fewest && line % pieces) pieces += 1;
    line = Math.ceil(line / (line % pieces ? fewest : pieces));
  }
  return { line, lines: Math.ceil(columns / line), left: leftOf(line), above };
}

// How wide a cell can be with so many sheets side by side.
function flowCell({ width, gutter, line }, across) {
  const room = width - gutter.flow - 2 - (across - 1) * GRID.flow.gap;
  return Math.min(GRID.widest, Math.floor(room / across / line));
}

// Tokens by tokens: square cells, sheets side by side, as large as all of them allow.
function squareSize(facts) {
  const { sheets, rows } = facts;
  let best = null;
  let most = null;
  for (let across = 1; across <= sheets; across += 1) {
    const wide = flowCell(facts, across);
    const down = Math.ceil(sheets / across);
    const size = Math.min(wide, Math.floor((GRID.budget / down - GRID.flow.below) / rows));
    // where cells hold their numbers, fewer rows of sheets are worth more than larger cells
    const enough = Math.min(size, GRID.digits[0]);
    const before = best && Math.min(best.cell, GRID.digits[0]);
    const fewer = best && (down < best.down || (down === best.down && size > best.cell));
    if (!best || enough > before || (enough === before && fewer)) {
      best = { across, cell: size, row: size, down, perPage: sheets, perWindow: 1 };
    }
    for (let cell = wide; cell >= GRID.least; cell -= 1) {
      const fit = Math.max(1, Math.floor(GRID.budget / (rows * cell + GRID.flow.below)));
      const count = Math.min(sheets, across * fit);
      // many small sheets or few large ones: beyond 8 px a larger cell shows no more
      const worth = count * Math.min(cell, 8);
      if (!most || worth > most.worth) most = { worth, across, cell, row: cell, perPage: count, perWindow: 1 };
    }
  }
  return best.cell > GRID.least || !most ? best : { ...most, perPage: even(sheets, most.perPage) };
}

// Cells that can hold their numbers, if all sheets can have them.
function digitSize(facts) {
  const { sheets, rows, lines, line, width, left, right } = facts;
  if (lines > 1) return null;
  const [least, low] = GRID.digits;
  let best = null;
  for (let across = 1; across <= sheets; across += 1) {
    const flows = across > 1;
    const cell = flows ? flowCell(facts, across) : Math.min(GRID.widest, Math.floor((width - left - right) / line));
    if (cell < least) break;
    const down = Math.ceil(sheets / across);
    const row = Math.min(20, Math.floor((GRID.budget / down - (flows ? GRID.flow.below : GRID.gap)) / rows));
    if (row >= low && (!best || down < best.down)) best = { across, cell, row, down, perPage: sheets, perWindow: 1 };
  }
  return best;
}

// Sheets below each other; side by side only where that keeps their rows higher.
function stackSize(facts) {
  const { sheets, rows, lines, line, width, left, right, phone, above, parts } = facts;
  const wanted = phone ? 9 : 12;
  const cell = Math.max(1, Math.min(GRID.widest, Math.floor((width - left - right) / line)));
  const gap = GRID.gap + (above ? GRID.caption : 0);
  const high = (budget, bands, between = gap) => Math.floor((budget / bands - between) / rows);
  const whole = { across: 1, cell, perPage: sheets, perWindow: lines };
  const loose = lines > 8 && parts.length === 1; // lines that no word asks for: eight, then a window
  if (!loose && high(GRID.budget, sheets * lines) >= wanted) {
    return { ...whole, row: Math.max(wanted, Math.min(cell, 20, high(GRID.roomy, sheets * lines))) };
  }
  let best = { ...whole, row: loose ? 0 : high(GRID.budget, sheets * lines) };
  for (let across = 2; lines === 1 && across <= sheets && flowCell(facts, across) >= 8; across += 1) {
    const row = Math.min(wanted, high(GRID.budget, Math.ceil(sheets / across), GRID.flow.below));
    if (row > best.row) best = { ...whole, across, cell: flowCell(facts, across), row };
  }
  if (best.row >= Math.min(GRID.readable, wanted)) return best;
  return { ...whole, ...pageSize(facts, wanted, gap, high, loose) };
}

// Not all at once: some sheets of all, or, where one sheet is too high, some lines of one.
function pageSize({ sheets, rows, lines }, wanted, gap, high, loose) {
  const one = Math.min(wanted, high(GRID.budget, lines));
  if (!loose && sheets > 1 && one >= GRID.least) {
    const fit = Math.max(1, Math.floor(GRID.budget / (lines * (rows * one + gap))));
    return { row: one, perPage: even(sheets, fit) };
  }
  const row = Math.max(GRID.least, Math.min(wanted, high(GRID.budget, 1)));
  const fit = Math.max(1, Math.floor(GRID.budget / (rows * row + gap)));
  return { row, perPage: 1, perWindow: even(lines, Math.min(fit, loose ? 8 : lines)) };
}

// The same number on every page, or nearly.
function even(all, fit) {
  return Math.ceil(all / Math.ceil(all / fit));
}

// Which page is in front: the one that holds a depth and a column.
function pageOf(size, depth, column) {
  const first = Math.floor(depth / size.perPage) * size.perPage;
  const window = Math.floor(Math.floor(column / size.line) / size.perWindow) * size.perWindow;
  return {
    first,
    stop: Math.min(size.sheets, first + size.perPage),
    firstLine: window,
    stopLine: Math.min(size.lines, window + size.perWindow),
  };
}

// Bands with their places. top: height of what stands above the first sheet.
function placeGrid(size, page, top) {
  const { line, columns, rows, cell, row, across, gutter, above } = size;
  const flows = across > 1 || (size.square && size.lines === 1);
  const left = flows ? gutter.flow : size.left;
  const bands = [];
  let y = top;
  for (let depth = page.first; depth < page.stop; depth += 1) {
    for (let each = page.firstLine; each < page.stopLine; each += 1) {
      const from = each * line;
      const to = Math.min(columns, from + line);
      const place = (depth - page.first) % across;
      if (above && size.lines > 1) y += GRID.caption;
      bands.push({
        depth,
        line: each,
        from,
        to,
        x: left + place * (line * cell + GRID.flow.gap),
        y,
        width: (to - from) * cell,
        height: rows * row,
        rows: [0, rows],
        cell,
        row,
      });
      if (!flows) y += rows * row + GRID.gap;
      else if (place === across - 1 || depth === page.stop - 1) y += rows * row + GRID.flow.below;
    }
  }
  return { ...size, ...page, flows, left, top, bands, height: y - (flows ? 4 : GRID.gap - 2) };
}

// Depth, row and column of the cell at a point; null between the cells.
function cellAt(plan, x, y) {
  for (const band of plan.bands) {
    const [right, down] = [x - band.x, y - band.y];
    if (right >= 0 && down >= 0 && right < band.width && down < band.height) {
      return { depth: band.depth, row: Math.floor(down / plan.row), column: band.from + Math.floor(right / plan.cell) };
    }
  }
  return null;
}

function bandOf(plan, depth, column) {
  return plan.bands.find((band) => band.depth === depth && band.from <= column && column < band.to);
}

// Where a cell is drawn; null: not on this page.
function placeOf(plan, { depth, row, column }) {
  const band = bandOf(plan, depth, column);
  if (!band) return null;
  return { x: band.x + (column - band.from) * plan.cell, y: band.y + row * plan.row, width: plan.cell, height: plan.row };
}

// The next cell in a direction. Lines follow each other, and so do sheets.
function nextCell(size, { depth, row, column }, key) {
  const { sheets, rows, columns, line, lines } = size;
  const at = Math.floor(column / line);
  switch (key) {
    case "ArrowLeft":
      return { depth, row, column: Math.max(0, column - 1) };
    case "ArrowRight":
      return { depth, row, column: Math.min(columns - 1, column + 1) };
    case "Home":
      return { depth, row, column: 0 };
    case "End":
      return { depth, row, column: columns - 1 };
    case "ArrowDown":
      if (row + 1 < rows) return { depth, row: row + 1, column };
      if (at + 1 < lines) return { depth, row: 0, column: Math.min(columns - 1, column + line) };
      if (depth + 1 < sheets) return { depth: depth + 1, row: 0, column: column - at * line };
      return { depth, row, column };
    case "ArrowUp":
      if (row > 0) return { depth, row: row - 1, column };
      if (at > 0) return { depth, row: rows - 1, column: column - line };
      if (depth > 0) return { depth: depth - 1, row: rows - 1, column: Math.min(columns - 1, column + (lines - 1) * line) };
      return { depth, row, column };
    default:
      return null;
  }
}

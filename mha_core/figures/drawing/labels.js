// What stands around the sheets: brackets, indices, words. All of it is text, in the colour of its axis.

// The words that are fixed along a line, and the word that is cut up inside it.
function lineWords(edge, plan) {
  const parts = partsOf(edge, 0);
  return {
    outer: parts.filter((part) => part.step >= plan.line && part.size > 1),
    inner: parts.find((part) => part.step < plan.line && part.step > 1 && part.size > 1) ?? null,
  };
}

// `head 1`; a role is its own name.
function partTitle(explorer, { word, place }) {
  return word === "qkv" ? partName(word, place) : explorer.say("grid_place", { axis: word, index: place });
}

// `head 1, columns 192 to 383`
function lineName(explorer, edge, plan, from, to) {
  const facts = { first: from, last: to - 1 };
  const { outer } = edge.words.length > 1 ? lineWords(edge, plan) : { outer: [] };
  if (!outer.length || partsOf(edge, from).some((part) => part.step < plan.line && part.place)) {
    return explorer.say("grid_columns", facts);
  }
  const steps = new Set(outer.map((part) => part.step));
  const names = partsOf(edge, from)
    .filter((part) => steps.has(part.step) && part.size > 1)
    .map((part) => partTitle(explorer, part));
  return explorer.say("grid_line_columns", { ...facts, outer: listed(explorer, names) });
}

// Height of what stands above the first sheet.
function headHeight(explorer, grid, size) {
  const { columnEdge } = grid;
  const segments = columnEdge.words.length > 1 && lineWords(columnEdge, size).inner;
  return 24 + (segments ? 17 : 0) + columnNames(explorer, grid, size).high;
}

// Names above the columns: every one where there is room, else every second, fourth ...; words lean where they are long.
function columnNames(explorer, { columnEdge, columns }, { cell, line, lines }) {
  const { look } = explorer;
  const words = isTokens(columnEdge) && explorer.run.tokens && lines === 1;
  if (!words) {
    const widest = textWidth(look, String(line - 1), LABEL.small) + 8;
    const step = stepOf(cell, Math.max(widest, cell >= 16 ? 0 : 30));
    return { step, high: 15, lean: false, room: Infinity };
  }
  const longest = (step) => {
    let width = 0;
    for (let at = 0; at < columns; at += step) {
      width = Math.max(width, textWidth(look, placeName(explorer, columnEdge, at, step), LABEL.small));
    }
    return width;
  };
  if (longest(1) <= cell - 2) return { step: 1, high: 15, lean: false, room: Infinity };
  const step = stepOf(cell, 14);
  const room = Math.min(longest(step), 72);
  return { step, high: Math.ceil(room * 0.71) + 12, lean: true, room };
}

function drawHead(explorer, svg, grid, plan) {
  const { look } = explorer;
  const { columnEdge } = grid;
  const colour = axisColour(explorer, columnEdge.colour);
  const first = plan.bands[0];
  const facts = { axis: columnEdge.label, size: grid.columns, lines: plan.lines, length: plan.line };
  const text = explorer.say(plan.lines > 1 ? "grid_size_lines" : "grid_size", facts);
  const wide = textWidth(look, text, LABEL.size);
  // a label that is wider than its sheet begins where the sheet begins
  const least = plan.corner && !plan.flows ? plan.corner + 12 : 0;
  const middle = Math.max(first.x + (first.width - wide) / 2, first.x);
  put(svg, Math.max(least, Math.min(middle, plan.width - wide)), 12, text, { colour });
  bar(svg, first.x, 17.5, first.width, 2.5, colour);
  drawSegments(explorer, svg, grid, plan);
  const names = columnNames(explorer, grid, plan);
  const tops = plan.flows ? plan.bands.filter((band) => band.y === first.y) : [first];
  for (const band of tops) {
    for (let at = 0; at < band.to - band.from; at += names.step) {
      const x = band.x + (at + 0.5) * plan.cell;
      const whole = placeName(explorer, columnEdge, plan.lines > 1 ? at : band.from + at, names.step);
      const shown = names.lean ? fittedName(explorer, columnEdge, band.from + at, names.step, names.room) : whole;
      const options = { colour, size: LABEL.small, whole };
      if (names.lean) put(svg, x + 2, plan.top - 5, shown, { ...options, turn: -45 });
      else put(svg, x, plan.top - 5, shown, { ...options, anchor: "middle" });
    }
  }
}

// Inside a fused axis: one bar for each index of the word that is cut up (`q`, `k`, `v`, or `head 0` ...).
function drawSegments(explorer, svg, { columnEdge }, plan) {
  const inner = columnEdge.words.length > 1 ? lineWords(columnEdge, plan).inner : null;
  if (!inner) return;
  const y = 36;
  for (const band of plan.flows ? plan.bands.filter((each) => each.y === plan.bands[0].y) : [plan.bands[0]]) {
    for (let from = band.from; from < band.to; from += inner.step) {
      const place = partsOf(columnEdge, from).find((part) => part.word === inner.word).place;
      const name = partName(inner.word, place);
      const colour = inner.word === "qkv" ? explorer.look.role(name) : axisColour(explorer, inner.word);
      const x = band.x + (from - band.from) * plan.cell;
      const width = inner.step * plan.cell;
      const titles = [partTitle(explorer, { word: inner.word, place }), String(name)];
      const text = titles.find((title) => textWidth(explorer.look, title, LABEL.small) < width - 4);
      bar(svg, x + 1, y + 2, width - 3, 1.5, colour);
      if (text) put(svg, x + width / 2 - 1, y - 1, text, { colour, size: LABEL.small, anchor: "middle" });
    }
  }
}

function drawRows(explorer, svg, { rowEdge, rows, words }, plan) {
  const colour = axisColour(explorer, rowEdge.colour);
  const first = plan.bands[0];
  const text = explorer.say("grid_size", { axis: rowEdge.label, size: rows });
  const step = stepOf(plan.row, LABEL.least);
  for (const band of plan.flows ? plan.bands.filter((each) => each.x === first.x) : plan.bands) {
    for (let row = 0; row < rows; row += step) {
      const whole = placeName(explorer, rowEdge, row, step);
      const y = band.y + (row + 0.5) * plan.row + 3.8;
      const shown = fittedName(explorer, rowEdge, row, step, words);
      put(svg, band.x - 8, y, shown, { colour, size: LABEL.small, anchor: "end", whole });
    }
  }
  if (!plan.corner) {
    const x = first.x + plan.line * plan.cell + 6;
    bar(svg, x, first.y, 2.5, first.height, colour);
    const lines = first.height >= 26 ? halved(explorer.look, text, LABEL.size) : [text];
    putLines(svg, x + 7, first.y + first.height / 2, lines, { colour });
  } else {
    const down = explorer.say("grid_down", { size: text });
    bar(svg, first.x - 5, first.y, 2.5, first.height, colour);
    if (plan.flows) put(svg, first.x - 8, first.y - 5, down, { colour, anchor: "end" });
    else put(svg, 0, 12, down, { colour });
  }
}

// The name of every sheet (and line), with an edge in the colour of the depth.
function drawNames(explorer, svg, grid, plan) {
  const { look } = explorer;
  const { depthEdge, columnEdge } = grid;
  for (const band of plan.bands) {
    const named = depthEdge && depthEdge.words[0] !== "1";
    const outer = named ? depthEdge : null;
    if (plan.lines === 1 && !outer) continue;
    const colour = nameColour(explorer, outer, columnEdge, plan, band);
    const names = [];
    if (outer && (plan.lines === 1 || band.line === plan.firstLine)) names.push(axisPlace(explorer, outer, band.depth));
    if (plan.lines > 1) names.push(lineName(explorer, columnEdge, plan, band.from, band.to));
    const text = listed(explorer, names);
    if (plan.flows) {
      bar(svg, band.x, band.y + band.height + 3, band.width, 2.5, colour);
      const room = band.width + GRID.flow.gap - 6;
      put(svg, band.x, band.y + band.height + 17, fitted(look, text, LABEL.size, room), { colour, whole: text });
      continue;
    }
    const edge = band.x - grid.words - 16;
    bar(svg, edge, band.y, 2.5, band.height, colour);
    if (plan.above) put(svg, edge, band.y - 4, text, { colour });
    else {
      const lines = gutterLines(explorer, text, edge - 6, band.height);
      putLines(svg, edge - 6, band.y + band.height / 2, lines, { colour, anchor: "end" });
    }
  }
}

// The colour of the word that a band's name begins with.
function nameColour(explorer, outer, columnEdge, plan, band) {
  const fixed = outer ? null : lineWords(columnEdge, plan).outer[0];
  if (fixed?.word === "qkv") return explorer.look.role(partName("qkv", Math.floor(band.from / fixed.step) % fixed.size));
  return axisColour(explorer, outer?.colour ?? fixed?.word ?? columnEdge.colour);
}

// A name beside its band: in one line where that fits, else in two, else cut.
function gutterLines(explorer, text, room, height) {
  const { look } = explorer;
  if (textWidth(look, text, LABEL.size) <= room) return [text];
  if (height + GRID.gap >= 28) return halved(look, text, LABEL.size).map((line) => fitted(look, line, LABEL.size, room));
  return [fitted(look, text, LABEL.size, room)];
}

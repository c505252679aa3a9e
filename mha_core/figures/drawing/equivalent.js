// What is drawn, in words and as a table, on demand: for readers who cannot see it and for those who copy numbers.

const TABLE = { columns: 24, rows: 12 };
const RANGES = 16;

function equivalentFold(explorer, tensor) {
  return fold(explorer, "equivalent", explorer.say("equivalent"), () => [
    element("p", {}, drawingSentence(explorer, tensor)),
    element("p", {}, paintSentence(explorer, tensor)),
    ...lensTable(explorer, tensor),
  ]);
}

function drawingSentence(explorer, tensor) {
  const { low, high, finite } = tensor.statistics;
  const sizes = tensor.edges.map((edge, axis) => explorer.say("size", { label: edge.label, size: tensor.shape[axis] }));
  const facts = { name: tensor.name, shape: listed(explorer, tensor.shape), axes: listed(explorer, sizes), item: explorer.run.item };
  const range = { low: exact(low, tensor.double), high: exact(high, tensor.double) };
  return explorer.say(finite ? "drawing" : "drawing_none", { ...facts, ...range });
}

function paintSentence(explorer, tensor) {
  const paint = explorer.paintOf(tensor);
  if (paint === "value") {
    const limit = explorer.options.own ? tensor.limit : tensor.shared;
    return explorer.say(`by_value_${tensor.values}`, { limit: exact(limit) });
  }
  const last = tensor.axes - 1;
  const other = { head: "role", role: "head" }[paint];
  const alongLast = (each) => tensor.origins[each] && changing(tensor, each).join() === String(last);
  const nested = other && alongLast(paint) && alongLast(other);
  const { found, more } = nested ? nestedRanges(explorer, tensor, last) : plainRanges(explorer, tensor, paint);
  if (!found.length) {
    const index = tensor.shape.map((_, axis) => (axis ? 0 : explorer.run.item));
    return explorer.say("by_one", { paint: explorer.say(`paint_${paint}`), origin: originName(explorer, paint, tensor.origin(paint, index)) });
  }
  const ranges = listed(explorer, found, "parts");
  return explorer.say(more ? "by_ranges_more" : "by_ranges", { paint: explorer.say(`paint_${paint}`), ranges, more });
}

// The axes along which an origin changes.
function changing(tensor, paint) {
  const { strides } = tensor.origins[paint];
  return tensor.shape.map((_, axis) => axis).filter((axis) => axis > 0 && strides[axis] !== 0 && tensor.shape[axis] > 1);
}

function originName(explorer, paint, label) {
  if (paint === "role") return explorer.say(["role_q", "role_k", "role_v"][label]);
  const word = paint === "token" ? wordAt(explorer.run, label) : null;
  return word === null ? explorer.say(`origin_${paint}`, { label }) : explorer.say("origin_word", { label, word });
}

// Runs of the same label along an axis: [[start, stop, label]], stop included.
function runsAlong(tensor, paint, index, axis, from = 0, to = tensor.shape[axis] - 1) {
  const runs = [];
  const cell = [...index];
  for (let place = from; place <= to; place += 1) {
    cell[axis] = place;
    const label = tensor.origin(paint, cell);
    const lately = runs.at(-1);
    if (lately && lately[2] === label) lately[1] = place;
    else runs.push([place, place, label]);
  }
  return runs;
}

const AXIS_WORDS = ["column", "row", "sheet"]; // counted from the last axis

function spanText(explorer, tensor, axis, [start, stop], origin) {
  const word = AXIS_WORDS[tensor.axes - 1 - axis];
  return explorer.say(start === stop ? `one_${word}` : `many_${word}s`, { start, stop, origin });
}

function plainRanges(explorer, tensor, paint) {
  const axes = changing(tensor, paint);
  if (!axes.length) return { found: [], more: 0 };
  const along = axes.pop();
  const found = [];
  let more = 0;
  const walk = (index, depth) => {
    if (depth < axes.length) {
      for (let place = 0; place < tensor.shape[axes[depth]]; place += 1) {
        index[axes[depth]] = place;
        walk(index, depth + 1);
      }
      return;
    }
    for (const each of runsAlong(tensor, paint, index, along)) {
      if (found.length >= RANGES) more += 1;
      else {
        const range = spanText(explorer, tensor, along, each, originName(explorer, paint, each[2]));
        const places = axes.map((axis) => explorer.say("place", { label: tensor.edges[axis].label, place: index[axis] }));
        found.push(places.length ? explorer.say("range_where", { where: listed(explorer, places), range }) : range);
      }
    }
  };
  walk(tensor.shape.map((_, axis) => (axis ? 0 : explorer.run.item)), 0);
  return { found, more };
}

// Heads and roles along the same axis: the longer runs outside, the shorter named inside them.
function nestedRanges(explorer, tensor, axis) {
  const index = tensor.shape.map((_, place) => (place ? 0 : explorer.run.item));
  const [heads, roles] = ["head", "role"].map((paint) => runsAlong(tensor, paint, index, axis));
  const [outer, outerPaint, innerPaint] = heads.length <= roles.length ? [heads, "head", "role"] : [roles, "role", "head"];
  const found = [];
  let [count, more] = [0, 0];
  for (const [start, stop, label] of outer) {
    const inner = runsAlong(tensor, innerPaint, index, axis, start, stop);
    if (count && count + inner.length > RANGES) {
      more += inner.length;
      continue;
    }
    count += inner.length;
    const shown = inner.slice(0, RANGES);
    more += inner.length - shown.length;
    const parts = shown.map(([from, to, name]) =>
      explorer.say(from === to ? "inner_one" : "inner_many", { origin: originName(explorer, innerPaint, name), start: from, stop: to }),
    );
    const range = spanText(explorer, tensor, axis, [start, stop], originName(explorer, outerPaint, label));
    found.push(explorer.say("range_inside", { range, parts: listed(explorer, parts) }));
  }
  return { found, more };
}

// The framed cells as a table, every digit.
function lensTable(explorer, tensor) {
  const frame = tableLens(explorer, tensor);
  const row = tensor.axes - 2;
  const edges = [tensor.edges[row], tensor.edges[row + 1]];
  const index = [explorer.run.item, ...(tensor.axes > 3 ? [frame.depth] : []), 0, 0];
  const columns = Math.min(TABLE.columns, frame.stop - frame.column);
  const rows = Math.min(TABLE.rows, tensor.shape[row] - frame.row);
  const heads = Array.from({ length: columns }, (_, at) => tablePlace(explorer, edges[1], frame.column + at));
  const head = element("tr", {}, element("td", {}), ...heads.map((name) => element("th", { scope: "col" }, name)));
  const body = Array.from({ length: rows }, (_, place) => {
    const down = frame.row + place;
    const cells = heads.map((_, at) => {
      const cell = [...index.slice(0, row), down, frame.column + at];
      return element("td", {}, exactAt(explorer, tensor, cell));
    });
    return element("tr", {}, element("th", { scope: "row" }, tablePlace(explorer, edges[0], down)), ...cells);
  });
  const facts = { name: tensor.name, depth: tensor.axes > 3 ? tablePlace(explorer, tensor.edges[1], frame.depth) : "", start: frame.column, stop: frame.column + columns - 1 };
  const title = explorer.say(tensor.axes > 3 ? "lens_table_in" : "lens_table", facts);
  const table = element("table", { class: "mha-cell-table" }, element("caption", {}, title), element("thead", {}, head), element("tbody", {}, ...body));
  const box = element("div", { class: "mha-table-box", tabindex: 0, role: "region", "aria-label": title, "data-key": "cells-box" }, table);
  const left = tensor.shape[row] - rows;
  return left ? [box, element("p", { class: "mha-muted" }, explorer.say("lens_rows_left", { rows: left }))] : [box];
}

// The framed part; where every cell already holds its digits there is no frame, and the address says where to begin.
function tableLens(explorer, tensor) {
  const part = grids.get(explorer)?.part;
  const columns = tensor.shape[tensor.axes - 1];
  if (part) return { depth: part.depth, column: part.from, stop: part.to, row: part.rows[0] };
  const [depth, column] = (explorer.view.lens || "0.0").split(".").map(Number);
  const within = (place, size) => (Number.isInteger(place) && place >= 0 ? Math.min(place, size - 1) : 0);
  return { depth: tensor.axes > 3 ? within(depth, tensor.shape[1]) : 0, column: within(column, columns), stop: columns, row: 0 };
}

function tablePlace(explorer, edge, place) {
  const word = isTokens(edge) ? wordAt(explorer.run, place) : null;
  return explorer.say(word === null ? "place" : "place_word", { label: edge.label, place, word });
}

function exactAt(explorer, tensor, cell) {
  const value = tensor.at(cell);
  if (value === undefined) return explorer.say("not_sent");
  if (tensor.values === "flag") return explorer.say(value ? "flag_yes" : "flag_no");
  return exact(value, tensor.double);
}

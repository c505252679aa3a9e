// One number followed: a line above the sheets, and below them its way, its arithmetic and both in words.

function followedName(explorer) {
  const { name, index } = explorer.followed;
  return explorer.say("index", { name, index: listed(explorer, index) });
}

// What stands in a cell: a number with every digit, or True or False.
function cellValue(explorer, tensor, value) {
  if (tensor.values === "flag") return explorer.say(value ? "grid_true" : "grid_false");
  return exact(value, tensor.double);
}

// Always there and always as high, so that picking a cell moves nothing.
function followLine(explorer) {
  const { view, followed } = explorer;
  const line = element("div", { class: "mha-follow-line" });
  if (!view.cell) {
    const hint = element("span", { class: "mha-muted" }, explorer.say("follow_hint"));
    line.append(...(explorer.constant.offline ? offlineHint(explorer) : [hint]));
    return line;
  }
  const ring = element("span", { class: "mha-ring-sign", "aria-hidden": "true" });
  if (followed?.cell !== view.cell && explorer.constant.offline) {
    line.append(ring, ...offlineMissing(explorer));
    return line;
  }
  if (followed?.cell !== view.cell) {
    line.append(ring, element("span", { class: "mha-muted" }, explorer.say("looking_up", { cell: view.cell })));
    line.append(stopButton(explorer, "stop-line"));
    return line;
  }
  const tensor = explorer.run.tensors.get(followed.name);
  const name = element("strong", {}, followed.name, coloured(tensor, followed.index, ["[", "]"]));
  const value = element("span", { class: "mha-mono" }, cellValue(explorer, tensor, followed.value));
  const down = () => {
    const panel = explorer.stage.querySelector(".mha-follow");
    panel?.scrollIntoView({ block: "nearest", behavior: "auto" });
    panel?.querySelector("h3")?.focus({ preventScroll: true });
  };
  line.append(ring, element("span", {}, explorer.say("following_short"), " ", name, " = ", value));
  line.append(button(explorer, "see-follow", "follow_see", down, { class: "mha-button is-quiet" }));
  line.append(stopButton(explorer, "stop-line"));
  return line;
}

function stopButton(explorer, key) {
  return button(explorer, key, "follow_stop", () => explorer.set({ cell: null }), { class: "mha-button is-quiet" });
}

function followPanel(explorer, tensor) {
  const { followed, view, run } = explorer;
  const known = followed && run.tensors.get(followed.name);
  if (!view.cell || !known) return null;
  const stale = followed.cell !== view.cell; // another cell has been picked, and its way is on its way
  const title = explorer.say("following", { cell: followedName(explorer), value: cellValue(explorer, known, followed.value) });
  const heading = element("h3", { tabindex: -1, "data-key": "follow-heading" }, title);
  const buttons = element("div", { class: "mha-buttons" }, copyButton(explorer, "copy-cell", "copy_cell"), stopButton(explorer, "stop"));
  const made = element("section", { class: `mha-follow${stale ? " is-stale" : ""}`, "aria-label": title }, element("div", { class: "mha-follow-head" }, heading, buttons));
  if (followed.moves.length) made.append(chain(explorer));
  const sum = sumShown(followed, tensor);
  const columns = element("div", { class: "mha-follow-columns" });
  columns.append(sum ? arithmetic(explorer, run.tensors.get(sum.name), sum) : elsewhere(explorer));
  const words = fold(explorer, "list", explorer.say("follow_words"), () => [orderedList(followed.list)], explorer.width >= 700);
  columns.append(element("div", { class: "mha-follow-words" }, words));
  made.append(columns);
  return made;
}

// The open stage's own arithmetic; where it only moved the number, the arithmetic of where it was made.
function sumShown({ sums, moves }, tensor) {
  const moved = moves.some(({ name }) => name === tensor.name);
  const name = sums[tensor.name] ? tensor.name : moved && moves.map((move) => move.name).find((other) => sums[other]);
  return name ? { name, ...sums[name] } : null;
}

function orderedList(sentences) {
  return element("ol", { class: "mha-list" }, ...sentences.map((sentence) => element("li", {}, sentence)));
}

// The same number through the moves: index and place in memory, step by step.
function chain(explorer) {
  const { moves, name: followedTensor } = explorer.followed;
  const made = element("ol", { class: "mha-chain", "aria-label": explorer.say("chain_label") });
  moves.forEach(({ name, index, flat }, at) => {
    const tensor = explorer.run.tensors.get(name);
    if (!tensor) return;
    const here = name === explorer.open;
    const link = stageLink(explorer, name, `move-${name}`, { "aria-current": here ? "true" : null });
    const item = element("li", { class: name === followedTensor ? "is-picked" : "" });
    if (at) item.append(element("span", { class: "mha-arrow", "aria-hidden": "true" }, "→"));
    const first = element("span", {}, link, coloured(tensor, index, ["[", "]"]));
    const second = element("span", { class: "mha-flat-offset" }, explorer.say("flat_offset", { flat }));
    item.append(element("span", { class: "mha-move" }, first, second));
    made.append(item);
  });
  return made;
}

// The open stage computes nothing of it: say where it is computed.
function elsewhere(explorer) {
  const { sums } = explorer.followed;
  const names = explorer.run.order.filter((name) => sums[name]);
  const made = element("div", { class: "mha-sum" });
  if (!names.length) {
    made.append(element("p", { class: "mha-muted" }, explorer.say("sums_nowhere")));
    return made;
  }
  const line = element("p", { class: "mha-sum-links" }, explorer.say("sums_elsewhere", { name: explorer.open }), " ");
  for (const name of names) line.append(stageLink(explorer, name, `sum-${name}`), " ");
  made.append(line);
  return made;
}

const ROWS = 600; // rows of arithmetic that are written at once

function arithmetic(explorer, tensor, sum) {
  const made = element("div", { class: "mha-sum" });
  made.append(element("h4", {}, explorer.say(`how_${sum.joined_by}`, { cell: cellText(explorer, tensor.name, sum.index) })));
  made.append(sumTable(explorer, tensor, sum));
  made.append(element("p", { class: "mha-sentence" }, sum.sentence));
  // the parameters of this stage alone: their cells stand among the terms
  const mine = (strip) => sum.rows.some(([label]) => label.includes(`${strip.name}[`));
  made.append(...explorer.followed.strips.filter(mine).map((strip) => heatStrip(explorer, strip)));
  return made;
}

// The table is kept between redraws: a row of 512 products is 2000 nodes. Where nothing was compared there is none.
function sumTable(explorer, tensor, sum) {
  const { rows } = sum;
  if (!rows.length) return "";
  if (explorer.sumTable?.rows !== rows) explorer.sumTable = { rows, node: buildSum(explorer, tensor, sum) };
  return explorer.sumTable.node;
}

function buildSum(explorer, tensor, sum) {
  const headings = sum.columns.filter(Boolean); // a heading that is left out has no numbers under it
  const factors = headings.length - 2;
  const written = (value, double) => (typeof value === "string" ? value : exact(value, double));
  const head = element("tr", {}, ...headings.map((heading) => element("th", { scope: "col" }, heading)));
  const rowOf = ([label, ...numbers], at) => {
    const cells = numbers.slice(0, factors).map((factor) => (factor === null ? "" : written(factor, tensor.double)));
    cells.push(written(numbers.at(-1), true));
    const row = element("tr", { class: at === sum.chosen ? "is-chosen" : null, role: "row" });
    row.append(element("th", { scope: "row", role: "rowheader" }, label), ...cells.map((text) => element("td", { role: "cell" }, text)));
    return row;
  };
  const body = element("tbody", {}, ...sum.rows.slice(0, ROWS).map(rowOf));
  if (sum.rows.length > ROWS) body.append(moreRows(explorer, sum, rowOf, headings.length));
  const end = (word, value) =>
    element("tr", {}, element("th", { scope: "row", colspan: headings.length - 1 }, explorer.say(word)), element("td", {}, value));
  const foot = element("tfoot", {});
  if (sum.joined_by === "share") foot.append(end("sum_exponentials", exact(sum.divisor, true)));
  if (sum.joined_by === "quotient") foot.append(end("sum_divisor", exact(sum.divisor, true)));
  const total = tensor.values === "flag" ? cellValue(explorer, tensor, sum.total) : exact(sum.total, true);
  foot.append(end(`total_${sum.joined_by}`, total), end("sum_shown", cellValue(explorer, tensor, sum.shown)));
  const table = element("table", { class: "mha-sum-table" }, element("thead", {}, head), body, foot);
  const label = explorer.say("sum_label");
  return element("div", { class: "mha-sum-box", tabindex: 0, role: "region", "aria-label": label, "data-key": "sum-box" }, table);
}

function moreRows(explorer, sum, rowOf, columns) {
  const row = element("tr", {});
  const more = button(explorer, "sum-more", "", () => row.replaceWith(...sum.rows.slice(ROWS).map((each, at) => rowOf(each, at + ROWS))), {},
    explorer.say("sum_more", { count: sum.rows.length - ROWS }));
  row.append(element("td", { colspan: columns }, more));
  return row;
}

// One row of a weight, or its bias, as colours.
function heatStrip(explorer, strip) {
  const { values, limit, label } = strip;
  const colours = explorer.look.ladders.signed;
  const half = (colours.length - 1) / 2;
  const pixels = Uint32Array.from(values, (value) => colours[Math.round(half + Math.min(Math.max(value / (limit || 1), -1), 1) * half) || 0]);
  const picture = element("canvas", { width: values.length, height: 1, class: "mha-heat" });
  picture.getContext("2d").drawImage(pictureOf({ width: values.length, height: 1, pixels }), 0, 0);
  picture.style.maxWidth = `${values.length * 18}px`;
  const range = explorer.say(values.length === 1 ? "strip_one" : "strip_range", { limit: exact(limit), value: exact(values[0]), count: wholeNumber(values.length) });
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", explorer.say("strip_picture", { label, range }));
  return element("figure", { class: "mha-heat-row" }, element("figcaption", {}, element("span", {}, label), " ", element("span", { class: "mha-muted" }, range)), picture);
}

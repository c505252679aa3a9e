// The numbers of one map as a table that can be walked: it opens on a button, the arrows move from cell to cell, and
// every cell that is reached is told. Of a large map a window is built, which moves with the cursor.

const WALK = { rows: 12, columns: 16, cell: 124, double: 184, head: 96 };

class MapTable extends Place {
  constructor(parent, constant) {
    super(parent, constant, "mha-walk");
    this.opened = false;
    this.cursor = { row: 0, column: 0 };
    this.first = { row: 0, column: 0 }; // where the window begins
    this.toggle = button(this, "walk-open", "walk_open", () => this.turn(!this.opened), { class: "mha-button" });
    this.body = element("div", { class: "mha-walk-body" });
    // told at every step, and there to be seen
    this.line = element("p", { class: "mha-walk-line", role: "status" });
    this.root.append(this.toggle, this.body, this.line);
  }

  announce(text) {
    this.line.textContent = text;
  }

  paint(component) {
    this.component = component;
    if (this.bytes !== component.data) {
      this.bytes = component.data;
      this.map = new MapData(component.data);
      this.line.textContent = "";
    }
    this.redraw();
  }

  turn(opened) {
    this.opened = opened;
    this.line.textContent = "";
    this.redraw();
  }

  // Rows and columns that can be walked: those of the map, and the sums.
  get size() {
    const { map } = this;
    return { rows: map.high + (map.columnSums ? 1 : 0), columns: map.wide + (map.rowSums ? 1 : 0) };
  }

  redraw() {
    this.dress();
    this.toggle.setAttribute("aria-expanded", String(this.opened));
    this.toggle.textContent = this.say(this.opened ? "walk_close" : "walk_open");
    this.keepFocus(() => this.body.replaceChildren(...(this.opened ? walkParts(this) : [])));
  }
}

// How many rows and columns are built at once.
function walkWindow(table) {
  const { size, map, width } = table;
  const cell = map.double ? WALK.double : WALK.cell;
  const fit = Math.max(1, Math.floor((width - WALK.head - 16) / cell));
  return { rows: Math.min(size.rows, WALK.rows), columns: Math.min(size.columns, WALK.columns, fit) };
}

// Move the window as little as shows the cursor.
function walkInto(table) {
  const { size, cursor, first } = table;
  const window = walkWindow(table);
  const limit = { row: size.rows - window.rows, column: size.columns - window.columns };
  const count = { row: window.rows, column: window.columns };
  for (const axis of ["row", "column"]) {
    cursor[axis] = within(0, cursor[axis], size[`${axis}s`] - 1);
    const least = cursor[axis] - count[axis] + 1;
    first[axis] = within(0, within(least, first[axis], cursor[axis]), Math.max(0, limit[axis]));
  }
  return window;
}

function walkParts(table) {
  const { map, size } = table;
  const window = walkInto(table);
  const { row: top, column: left } = table.first;
  const rows = Array.from({ length: window.rows }, (_, at) => top + at);
  const columns = Array.from({ length: window.columns }, (_, at) => left + at);
  const sides = { rows: map.rows.axis, columns: map.columns.axis };
  const head = element("tr", { "aria-rowindex": 1 }, element("td", { "aria-colindex": 1, class: "mha-walk-corner" }, table.say("walk_corner", sides)));
  head.append(...columns.map((column) => element("th", { scope: "col", "aria-colindex": column + 2, title: columnHead(table, column) }, columnHead(table, column))));
  const body = rows.map((row) => {
    const made = element("tr", { "aria-rowindex": row + 2 }, element("th", { scope: "row", "aria-colindex": 1, title: rowHead(table, row) }, rowHead(table, row)));
    made.append(...columns.map((column) => walkCell(table, row, column)));
    return made;
  });
  const facts = { role: "grid", "aria-rowcount": size.rows + 1, "aria-colcount": size.columns + 1, "aria-describedby": null };
  const grid = element("table", { class: "mha-cell-table mha-walk-table", ...facts, "aria-label": map.title }, element("thead", {}, head), element("tbody", {}, ...body));
  grid.addEventListener("keydown", (event) => walkKey(table, event));
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest?.("[data-cell]");
    if (cell) walkTo(table, ...cell.dataset.cell.split(".").map(Number), true);
  });
  grid.addEventListener("focusin", (event) => {
    const cell = event.target.closest?.("[data-cell]");
    if (cell) table.announce(cellSentence(table, ...cell.dataset.cell.split(".").map(Number)));
  });
  const part = window.rows < size.rows || window.columns < size.columns;
  return [
    element("p", { class: "mha-walk-title" }, map.title),
    element("p", { class: "mha-caption" }, table.say("walk_keys")),
    ...(part ? [walkPagers(table, window)] : []),
    element("div", { class: "mha-table-box" }, grid),
  ];
}

function columnHead(table, column) {
  const { map } = table;
  return column < map.wide ? sideShort(table, map.columns, column) : table.say("walk_sum");
}

function rowHead(table, row) {
  const { map } = table;
  return row < map.high ? sideShort(table, map.rows, row) : table.say("walk_sum");
}

function walkCell(table, row, column) {
  const { map, cursor } = table;
  const here = row === cursor.row && column === cursor.column;
  const facts = { "data-cell": `${row}.${column}`, "data-key": `walk.${row}.${column}`, "aria-colindex": column + 2 };
  const made = element("td", { ...facts, role: "gridcell", tabindex: here ? 0 : -1 });
  if (row >= map.high || column >= map.wide) {
    made.classList.add("is-sum");
    made.append(sumText(table, row, column));
    return made;
  }
  if (map.hides(row, column)) {
    made.append(element("span", { class: "mha-grid-swatch mha-hatch", role: "img", "aria-label": table.say("hidden") }), " ");
  }
  made.append(mapValue(table, map, row, column));
  return made;
}

// A sum that was given; nothing where sums of both kinds meet.
function sumText({ map }, row, column) {
  if (row >= map.high && column >= map.wide) return "";
  return exact(row >= map.high ? map.columnSums[column] : map.rowSums[row], true);
}

function cellSentence(table, row, column) {
  const { map } = table;
  if (row < map.high && column < map.wide) return mapSentence(table, map, row, column);
  const value = sumText(table, row, column);
  if (row < map.high) return table.say("walk_row_sum", { row: sidePlace(table, map.rows, row), value });
  if (column < map.wide) return table.say("walk_column_sum", { column: sidePlace(table, map.columns, column), value });
  return table.say("walk_no_sum");
}

// Where a key leads; null: it is no key of the table.
function walkStep({ cursor, size }, window, event) {
  const { row, column } = cursor;
  const last = { row: size.rows - 1, column: size.columns - 1 };
  const whole = event.ctrlKey || event.metaKey;
  const steps = {
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    PageUp: [row - window.rows, column],
    PageDown: [row + window.rows, column],
    Home: [whole ? 0 : row, 0],
    End: [whole ? last.row : row, last.column],
  };
  const step = steps[event.key];
  if (!step || event.altKey || (whole && event.key !== "Home" && event.key !== "End")) return null;
  return [within(0, step[0], last.row), within(0, step[1], last.column)];
}

function walkKey(table, event) {
  const step = walkStep(table, walkWindow(table), event);
  if (step) walkTo(table, ...step);
  else if (event.key === "Escape") table.toggle.focus();
  else if (event.key === "Enter" || event.key === " ") pickCell(table);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function pickCell({ cursor, map, component }) {
  if (cursor.row < map.high && cursor.column < map.wide) component.setTriggerValue("ask", { ...cursor });
}

// Go to a cell: the window follows, the cell is focused, and the focus tells it.
function walkTo(table, row, column, pick = false) {
  const { cursor } = table;
  const before = { ...table.first };
  const cell = (at) => table.body.querySelector(`[data-cell="${at.row}.${at.column}"]`);
  cell(cursor)?.setAttribute("tabindex", "-1");
  Object.assign(cursor, { row, column });
  walkInto(table);
  if (before.row !== table.first.row || before.column !== table.first.column) table.redraw();
  cell(cursor).setAttribute("tabindex", "0");
  cell(cursor).focus();
  if (pick) pickCell(table);
}

// For the pointer: the window's place, and buttons that move it.
function walkPagers(table, window) {
  const made = element("div", { class: "mha-walk-pagers" });
  for (const [axis, count, name] of [["row", window.rows, "rows"], ["column", window.columns, "columns"]]) {
    const size = table.size[name];
    if (count >= size) continue;
    const first = table.first[axis];
    const move = (way, by, sign) => {
      const word = table.say(`walk_${name}_${way}`);
      const end = by < 0 ? first === 0 : first + count >= size;
      const go = () => {
        if (end) return;
        table.first[axis] = within(0, first + by, size - count);
        table.cursor[axis] = table.first[axis];
        table.redraw();
      };
      return button(table, `walk-${name}-${way}`, "", go, { "aria-label": word, title: word, "aria-disabled": end ? "true" : null, class: "" }, sign);
    };
    const own = axis === "row" ? table.map.high : table.map.wide; // without the sums
    const facts = { axis: table.map[name].axis, first, last: Math.min(first + count, own) - 1, size: own };
    const text = first < own ? table.say("walk_window", facts) : table.say("walk_sum");
    made.append(element("span", { class: "mha-pager" }, move("previous", -count, "‹"), element("span", {}, text), move("next", count, "›")));
  }
  return made;
}

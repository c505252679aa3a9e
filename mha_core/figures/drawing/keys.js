// The keyboard. Arrows move between cells only while the grid has the focus; Page Up and Page Down change the stage.

// Follow a cell. The lens is held where it is, or brought to the cell, so that a click does not move what was clicked.
function followCell(explorer, tensor, index) {
  const grid = grids.get(explorer);
  const cell = gridCell(grid, index);
  grid.cursor = cell;
  const changes = { cell: cellName(tensor.name, index) };
  if (grid.part) {
    lensTo(explorer, grid, cell);
    grid.lensRow = grid.lens.row;
    changes.lens = lensAt(grid);
  } else if (grid.plan.perPage < grid.plan.sheets) changes.lens = `${cell.depth}.${cell.column}`;
  explorer.set(changes);
}

function bindGridKeys(explorer, grid) {
  const { host } = grid;
  host.addEventListener("focus", () => {
    grid.focused = host.matches(":focus-visible"); // the cursor is the keyboard's: a click has its ring
    grid.cursor ??= firstCursor(explorer, grid);
    showCursor(explorer, grid);
  });
  host.addEventListener("blur", () => {
    grid.focused = false;
    showCursor(explorer, grid);
    hideTip(explorer);
  });
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter") followCell(explorer, grid.tensor, fullIndex(grid, grid.cursor));
    else if (event.key === "Escape") leaveGrid(explorer, grid);
    else if (!moveCursor(explorer, grid, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  });
}

// The first cell that the keyboard meets: the followed one if it is here, else the lens's first.
function firstCursor(explorer, grid) {
  const { one } = marksOf(explorer, grid);
  if (one && placeOf(grid.plan, one)) return one;
  if (grid.part) return { depth: grid.part.depth, row: grid.part.rows[0], column: grid.part.from };
  const [band] = grid.plan.bands;
  return { depth: band.depth, row: 0, column: band.from };
}

function showCursor(explorer, grid) {
  drawAbove(explorer, grid);
  drawLensMarks(explorer, grid);
}

function moveCursor(explorer, grid, key) {
  const next = nextCell(grid.plan, grid.cursor, key);
  if (!next) return false;
  grid.cursor = next;
  grid.focused = true;
  const index = fullIndex(grid, next);
  const line = hoverLine(explorer, grid.tensor, index);
  if (!placeOf(grid.plan, next)) {
    grid.lensRow = next.row;
    explorer.set({ lens: `${next.depth}.${next.column}` }); // another page
  } else {
    lensTo(explorer, grid, next);
    showCursor(explorer, grid);
  }
  explorer.announce(line);
  tipAtCursor(explorer, grid, index, line);
  return true;
}

function tipAtCursor(explorer, grid, index, line) {
  const place = cellPlace(explorer, grid.name, index);
  if (!place) return;
  if (place.y < 0 || place.y + place.height > innerHeight) {
    // the browser scrolls to what has the focus, which is the whole grid: the cursor has to be looked after here
    scrollBy(0, place.y < 0 ? place.y - 80 : place.y + place.height - innerHeight + 120);
  }
  showTip(explorer, line, cellPlace(explorer, grid.name, index));
}

function leaveGrid(explorer, grid) {
  hideTip(explorer);
  const heading = explorer.stage.querySelector("h1, h2, h3");
  if (!heading) return grid.host.blur();
  if (!heading.hasAttribute("tabindex")) heading.tabIndex = -1;
  return heading.focus();
}

// Whether a key means the explorer: nothing else has the focus, and nobody is writing or choosing.
function keysAreOurs(explorer, event) {
  if (!explorer.root.isConnected || !explorer.run || event.defaultPrevented) return false;
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  if (explorer.root.querySelector("dialog[open]")) return false;
  const scope = explorer.root.getRootNode();
  const outer = document.activeElement;
  if (outer && outer !== document.body && outer !== scope.host && !explorer.root.contains(outer)) return false;
  return !scope.activeElement?.matches?.("input:not([type=checkbox]), select, textarea, [contenteditable]");
}

function bindKeys(explorer) {
  explorer.listen(globalThis, "keydown", (event) => {
    if (!keysAreOurs(explorer, event)) return;
    if (event.key === "?") {
      explorer.root.dispatchEvent(new CustomEvent("mha-keys"));
    } else if (explorer.open && (event.key === "PageDown" || event.key === "PageUp")) {
      const { order } = explorer.run;
      const next = order[order.indexOf(explorer.open) + (event.key === "PageDown" ? 1 : -1)];
      if (!next) return; // at the ends the page scrolls, as everywhere
      explorer.set({ stage: next, lens: null });
    } else return;
    event.preventDefault();
  });
}

// What a cell is, in one sentence: its index, its number with every digit, its axes in words, where it was moved from.

const TOKENS = new Set(["token", "query", "key"]);

// An axis whose indices are the input's words.
function isTokens(edge) {
  return edge.words.length === 1 && TOKENS.has(edge.words[0]);
}

// A word as it can be shown: signs that would turn or break the line are written out as their code.
function wordAt(run, place) {
  const word = run.tokens?.[place];
  if (word === undefined) return null;
  const plain = word.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (sign) => `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
  // words that run right to left are kept from turning what stands beside them
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(plain) ? `\u2068${plain}\u2069` : plain;
}

// Where an index stands in each of the words that share an edge, slowest first, with the step of each word.
function partsOf(edge, place) {
  let rest = place;
  let step = 1;
  const parts = edge.words.map((word, i) => ({ word, size: edge.sizes[i] })).reverse();
  for (const part of parts) {
    Object.assign(part, { place: rest % part.size, step });
    rest = Math.floor(rest / part.size);
    step *= part.size;
  }
  return parts.reverse();
}

// The three roles have names, not numbers.
function partName(word, place) {
  return word === "qkv" ? ["q", "k", "v"][place] : place;
}

// One axis of a cell in words: `head 3`, `token 2 “saw”`, `3·d_model 593 = head 3, qkv k, head_dim 17`.
function axisPlace(explorer, edge, place) {
  const facts = { axis: edge.label, index: place };
  if (edge.words.length > 1) {
    const parts = partsOf(edge, place).map((part) =>
      explorer.say("grid_place", { axis: part.word, index: partName(part.word, part.place) }),
    );
    return explorer.say("grid_place_fused", { ...facts, parts: listed(explorer, parts) });
  }
  const word = isTokens(edge) ? wordAt(explorer.run, place) : null;
  return word === null ? explorer.say("grid_place", facts) : explorer.say("grid_place_word", { ...facts, word });
}

function cellText(explorer, name, index) {
  return explorer.say("index", { name, index: listed(explorer, index) });
}

// Where a moved number lay before: read off the memory that both tensors share, or off what is followed.
function sourceOf(explorer, tensor, index) {
  const root = explorer.run.tensors.get(tensor.memory.view_of);
  if (root) {
    let rest = tensor.flat(index) - root.memory.offset;
    const found = new Array(root.axes).fill(0);
    const axes = root.memory.strides.map((stride, axis) => ({ stride, axis })).sort((a, b) => b.stride - a.stride);
    for (const { stride, axis } of axes) {
      if (root.shape[axis] === 1 || stride === 0) continue;
      found[axis] = Math.floor(rest / stride);
      rest -= found[axis] * stride;
    }
    return rest === 0 && root.inside(found) ? { name: root.name, index: found } : null;
  }
  const moves = explorer.followed?.run === explorer.run.id ? explorer.followed.moves : [];
  const here = cellName(tensor.name, index);
  const at = moves.findIndex((move) => cellName(move.name, move.index) === here);
  return at > 0 ? moves[0] : null;
}

function hoverLine(explorer, tensor, index) {
  const { run } = explorer;
  const cell = cellText(explorer, tensor.name, index);
  const named = tensor.edges
    .map((edge, axis) => ({ edge, place: index[axis] }))
    .filter(({ edge }, axis) => axis > 0 && edge.words[0] !== "1")
    .map(({ edge, place }) => axisPlace(explorer, edge, place));
  const places = listed(explorer, named);
  const number = tensor.at(index);
  if (number === undefined) return explorer.say("grid_line_not_sent", { cell, places });
  const value = cellValue(explorer, tensor, number);
  const hides = tensor.values === "flag" ? tensor : run.tensors.get(tensor.hidden);
  if (hides && hiddenAt(hides, index)) return explorer.say("grid_line_hidden", { cell, value, places });
  const source = sourceOf(explorer, tensor, index);
  if (!source) return explorer.say("grid_line", { cell, value, places });
  return explorer.say("grid_line_from", { cell, value, places, source: cellText(explorer, source.name, source.index) });
}

// The one tip of an explorer. It is only for the eye: screen readers hear the same through `announce`.
function tipOf(explorer) {
  if (!explorer.tip) {
    explorer.tip = element("div", { class: "mha-tip", "aria-hidden": "true", hidden: true });
    explorer.root.append(explorer.tip);
    explorer.listen(globalThis, "scroll", () => hideTip(explorer), { capture: true, passive: true });
    // a redraw takes the cells away from under the pointer, and nothing tells the tip
    explorer.root.addEventListener("pointermove", (event) => {
      if (!event.target.closest?.("[data-tips]")) hideTip(explorer);
    });
    explorer.root.addEventListener("pointerdown", (event) => {
      if (!event.target.closest?.("[data-tips]")) hideTip(explorer);
    });
  }
  return explorer.tip;
}

// Near a rectangle of the window, and never cut at the window's edge. Above it where a finger would hide what is below.
function showTip(explorer, text, { x, y, width = 0, height = 0, above = false }) {
  const tip = tipOf(explorer);
  tip.textContent = text;
  tip.hidden = false;
  const away = 12;
  const size = tip.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const left = Math.max(4, Math.min(x + width + away, clientWidth - size.width - 4));
  const below = y + height + away;
  const over = y - size.height - away;
  const top = (above && over >= 4) || below + size.height > clientHeight - 4 ? over : below;
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

function hideTip(explorer) {
  if (explorer.tip) explorer.tip.hidden = true;
}

// Pointing at cells: a tip, and a click follows. `find(event)` says which cell is under the pointer, or null.
function bindPointer(explorer, tensor, host, find) {
  host.dataset.tips = "";
  const show = (event) => {
    const index = find(event);
    if (!index) return hideTip(explorer);
    const place = { x: event.clientX, y: event.clientY, above: event.pointerType === "touch" };
    return showTip(explorer, hoverLine(explorer, tensor, index), place);
  };
  host.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch" && event.buttons === 0) show(event);
  });
  host.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") hideTip(explorer);
  });
  host.addEventListener("click", (event) => {
    const index = find(event);
    if (!index) return hideTip(explorer);
    followCell(explorer, tensor, index);
    return show(event); // after the redraw, which takes the focus away for a moment and the tip with it
  });
}

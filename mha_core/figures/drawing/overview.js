// The overview: the whole pipeline as labelled blocks, each a link to its stage. Faces are painted on one canvas,
// edges, labels and arrows are SVG above it, links lie on top.

const PART_HEADINGS = ["part_project", "part_attend", "part_join"];

function drawOverview(explorer, host) {
  const { run, width } = explorer;
  let blocks = describeAll(explorer, factorFor(width));
  const seats = seatsFor(width, blocks, run.stages);
  const across = seats ? width : Math.min(width, NARROW.most);
  if (!seats) blocks = describeAll(explorer, factorFor(across));
  const chips = new Map(run.stages.map((stage) => [stage, chipWidth(explorer, stage)]));
  const headings = new Map(PART_HEADINGS.map((key, row) => [row, headingWidth(explorer, key)]));
  const batch = batchSelect(explorer);
  const plan = seats
    ? layoutWide(seats, blocks, chips)
    : layoutNarrow(across, blocks, run.stages, chips, headings, batch ? 30 : 0);
  const map = element("div", { class: seats ? "mha-map is-wide" : "mha-map is-narrow" });
  const scale = globalThis.devicePixelRatio || 1;
  const { canvas, pen } = mapCanvas(explorer, across, plan.height, scale);
  const svg = shape("svg", {
    width: across,
    height: plan.height,
    viewBox: `0 0 ${across} ${plan.height}`,
    "aria-hidden": "true",
  });
  drawPaths(explorer, svg, plan);
  const tip = element("div", { class: "mha-map-tip", hidden: true, "aria-hidden": "true" });
  const links = [];
  for (const block of blocks) {
    block.faces = paintFaces(pen, explorer, block.tensor, block, block.front.place, scale);
    svg.append(drawBlockText(explorer, block), drawMarks(explorer, block, block.faces));
    links.push(blockLink(explorer, block, tip));
  }
  svg.append(...followedPath(explorer, plan));
  for (const chip of plan.chips) svg.append(drawChip(explorer, chip.stage, chip.at, chips.get(chip.stage)));
  for (const { row, at } of plan.headings) svg.append(partHeading(explorer, row, at));
  if (batch) {
    const [x, y] = plan.headings[0].at;
    Object.assign(batch.style, {
      left: `${seats ? x + headings.get(0) + 16 : x}px`,
      top: `${seats ? y - 16 : y + 8}px`,
    });
  }
  map.append(canvas, svg, ...(batch ? [batch] : []), ...links, tip);
  finishMap(explorer, host, map, plan, blocks, across);
}

// One canvas for all redraws: a new one of this size costs as much as what is painted on it.
function mapCanvas(explorer, across, height, scale) {
  explorer.mapCanvas ??= element("canvas", { "aria-hidden": "true" });
  const canvas = explorer.mapCanvas;
  const [width, tall] = [Math.round(across * scale), Math.round(height * scale)];
  if (canvas.width !== width || canvas.height !== tall) Object.assign(canvas, { width, height: tall });
  Object.assign(canvas.style, { width: `${across}px`, height: `${height}px` });
  const pen = penOf(canvas);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, across, height);
  return { canvas, pen };
}

// The widest drawing that fits: lengths are scaled down together before the columns are given up.
function seatsFor(width, blocks, stages) {
  for (const part of [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4]) {
    scaleBlocks(blocks, part);
    const seats = seatWide(width, blocks, stages);
    if (seats || width < 940) return seats;
  }
  return null;
}

function describeAll(explorer, factor) {
  return explorer.run.order.map((name) => describeBlock(explorer, explorer.run.tensors.get(name), factor));
}

// The legend stands at the right of the last row where there is room, else below.
function finishMap(explorer, host, map, plan, blocks, across) {
  const legend = drawMapKey(explorer, blocks);
  const beside = plan.legend && plan.legend.width >= 330;
  map.style.width = `${across}px`;
  host.replaceChildren(map);
  if (beside) {
    const { left, top, width } = plan.legend;
    // in the flow, so that a long legend lengthens the drawing without being measured
    Object.assign(legend.style, { marginLeft: `${left}px`, paddingTop: `${top}px`, width: `${width}px` });
    map.append(legend);
    map.style.minHeight = `${plan.height}px`;
  } else {
    legend.classList.add("is-below");
    map.style.height = `${plan.height}px`;
    host.append(element("div", { class: "mha-key-place" }, legend));
    legend.style.width = `${across}px`;
  }
}

const operationOf = (explorer, stage) => explorer.constant.stages[stage.text]?.operation ?? "";

function chipWidth(explorer, stage) {
  const text = operationOf(explorer, stage);
  return text ? Math.round(blockTextWidth(text, BLOCK_FONT.chip, explorer.look.mono)) + 14 : 0;
}

const headingWidth = (explorer, key) => 18 + blockTextWidth(explorer.say(key), 12, explorer.look.font, 600);

function partHeading(explorer, row, [x, y]) {
  const style = { colour: explorer.look.muted, size: 12, weight: 600 };
  const group = shape("g", { class: "mha-part" });
  group.append(svgText(String(row + 1), [x, y], style), svgText(explorer.say(PART_HEADINGS[row]), [x + 15, y], style));
  return group;
}

function drawChip(explorer, stage, [x, y], width) {
  const text = operationOf(explorer, stage);
  const group = shape("g", { class: "mha-chip" });
  if (!text) return group;
  const meanings = abbreviations(explorer)
    .filter(([sign]) => text.includes(sign))
    .map(([sign, meaning]) => `${sign}: ${meaning}`);
  const title = shape("title");
  title.textContent = [explorer.constant.stages[stage.text].title, ...meanings].join("\n");
  const box = { x: x - width / 2, y: y - 9, width, height: 18, rx: 4 };
  group.append(
    title,
    shape("rect", { ...box, fill: explorer.look.chip, stroke: explorer.look.page, "stroke-width": 2 }),
  );
  group.append(
    svgText(text, [x, y + 4], {
      anchor: "middle",
      colour: explorer.look.text,
      size: BLOCK_FONT.chip,
      class: "mha-chip-text",
    }),
  );
  return group;
}

// A block's link lies over its faces and texts; the pointer over a face reads the cell's value.
function blockLink(explorer, block, tip) {
  const { tensor } = block;
  const texts = block.texts.map(({ kind, at }) => [at[0], at[1] - 13, at[0] + block[`${kind}Width`], at[1] + 4]);
  const left = Math.min(labelsLeft(block), ...texts.map(([x]) => x)) - 3;
  const top = Math.min(topOf(block), ...texts.map(([, y]) => y)) - 4;
  const right = Math.max(rightOf(block), ...texts.map(([, , x]) => x)) + 4;
  const bottom = Math.max(block.y + block.h + TEXT_LINE.label, ...texts.map(([, , , y]) => y)) + 2;
  const link = openLink(explorer, tensor.name, {
    class: "mha-block",
    "data-key": `block.${tensor.name}`,
    "aria-label": blockTitle(explorer, tensor),
  });
  Object.assign(link.style, {
    left: `${left}px`,
    top: `${top}px`,
    width: `${right - left}px`,
    height: `${bottom - top}px`,
  });
  const point = (event) => {
    const place = link.parentElement.getBoundingClientRect();
    const [x, y] = [event.clientX - place.left, event.clientY - place.top];
    const index = block.faces.map((face) => cellUnder(face, x, y)).find(Boolean);
    tip.hidden = !index;
    if (!index) return;
    tip.textContent = hoverLine(explorer, tensor, index);
    const room = link.parentElement.clientWidth;
    tip.style.left = `${within(0, x + 14, Math.max(0, room - tip.offsetWidth - 2))}px`;
    tip.style.top = `${y + 18}px`;
  };
  link.addEventListener("pointermove", point);
  link.addEventListener("pointerleave", () => (tip.hidden = true));
  return link;
}

// A link that opens a stage in place; opened in another tab it leads to the same view.
function openLink(explorer, name, attributes, ...children) {
  const url = new URL(location.href);
  if (name) url.searchParams.set("stage", name);
  else url.searchParams.delete("stage");
  const link = element("a", { href: url.href, ...attributes }, ...children);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    explorer.set({ stage: name });
  });
  return link;
}

// Which item of the batch is drawn: a chip that is the choice.
function batchSelect(explorer) {
  const { run } = explorer;
  const size = run.tensors.get(run.order[0]).shape[0];
  if (size < 2) return null;
  const option = (item) =>
    element("option", { value: item, selected: item === run.item }, explorer.say("item_drawn", { size, item }));
  const items = itemsOf(explorer).map(option);
  const select = element(
    "select",
    { class: "mha-batch", "data-key": "batch", "aria-label": explorer.say("item_label") },
    ...items,
  );
  select.addEventListener("change", () => explorer.set({ batch: select.value }));
  return select;
}

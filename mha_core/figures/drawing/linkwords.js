// The words of the links view: queries at the left, keys at the right, and the list that the keyboard walks.

function drawLinkWords(links, svg, plan) {
  const { map, look, front } = links;
  const [queryInk, keyInk] = [axisColour(links, map.rows.axis), axisColour(links, map.columns.axis)];
  put(svg, plan.left, 14, map.rows.axis, { colour: queryInk, anchor: "end", size: LINKS.letter });
  put(svg, plan.width - plan.right, 14, map.columns.axis, { colour: keyInk, size: LINKS.letter });
  const step = stepOf(plan.pitch, 15);
  const name = (side, index) => (step > 1 || sideRepeats(side) ? sideShort : sideWordOnly)(links, side, index);
  for (let row = 0; row < map.high; row += 1) {
    const mine = row === front;
    const beside = front !== null && step > 1 && Math.abs(row - front) * plan.pitch < 15;
    if (!mine && (row % step || beside)) continue;
    const whole = sidePlace(links, map.rows, row);
    const y = plan.queryAt(row);
    if (mine) {
      const ground = { x: 0, y: y - 9.5, width: plan.left + 5, height: 19, rx: 4 };
      svg.append(shape("rect", { ...ground, fill: look.chip, class: "mha-links-front" }));
    }
    const text = fitted(look, name(map.rows, row), LINKS.letter, plan.left - 4, mine);
    const colour = front === null || mine ? queryInk : look.muted;
    put(svg, plan.left, y + 4.4, text, { colour, anchor: "end", size: LINKS.letter, bold: mine, whole });
  }
  const weights = front === null ? [] : Array.from({ length: map.wide }, (_, key) => map.at(front, key));
  if (weights.some(Number.isNaN)) putSign(svg, plan.start + 6, plan.queryAt(front) + 4.4, "×", look);
  const keys = keysTold(links, plan, step);
  const places = apart(keys.map((key) => plan.keyAt(key)), step > 1 ? 15 : 0, plan.keyAt(0), plan.keyAt(map.wide - 1));
  keys.forEach((key, at) => {
    const weight = weights[key];
    const hidden = front !== null && map.hides(front, key);
    const told = !hidden && weight >= LINKS.told;
    const x = plan.width - plan.right;
    const y = places[at];
    if (Math.abs(y - plan.keyAt(key)) > 0.5) {
      const d = `M${plan.end + 1} ${plan.keyAt(key)}L${x - 2} ${y}`;
      svg.append(shape("path", { d, fill: "none", stroke: look.outline, "stroke-width": 0.8 }));
    }
    const text = fitted(look, name(map.columns, key), LINKS.letter, plan.right - plan.behind, told);
    const colour = front === null || told ? keyInk : look.muted;
    put(svg, x, y + 4.4, text, { colour, size: LINKS.letter, bold: told, whole: sidePlace(links, map.columns, key) });
    if (told) {
      const behind = x + textWidth(look, text, LINKS.letter, true) + 8;
      put(svg, behind, y + 4.4, short(weight, map.values), { colour: keyInk, size: LINKS.letter, bold: true });
    }
  });
  if (front !== null) hiddenTicks(links, svg, plan);
}

function sideWordOnly(place, side, index) {
  return sideWord(side, index) ?? String(index);
}

function putSign(svg, x, y, sign, look) {
  put(svg, x, y, sign, { colour: look.text, size: 14, anchor: "middle" });
}

// The keys that are written out: all, or, where they stand too close, every n-th; of a picked query those it looks at.
function keysTold({ map, front }, plan, step) {
  const keys = Array.from({ length: map.wide }, (_, key) => key);
  if (step === 1) return keys;
  if (front === null) return keys.filter((key) => key % step === 0);
  return keys.filter((key) => !map.hides(front, key) && map.at(front, key) >= LINKS.told);
}

// Heights at least so far apart, in their order, as near to where they belong as that allows.
function apart(heights, least, top, bottom) {
  const moved = [...heights];
  for (let i = 1; i < moved.length; i += 1) moved[i] = Math.max(moved[i], moved[i - 1] + least);
  let limit = bottom;
  for (let i = moved.length - 1; i >= 0 && moved[i] > limit; i -= 1) [moved[i], limit] = [limit, limit - least];
  if (moved.length && moved[0] < top) moved[0] = top;
  return moved;
}

// A hatched tick before every key that the mask hides from the picked query; neighbours share one.
function hiddenTicks(links, svg, plan) {
  const { map, look, front } = links;
  const id = `${links.hint}-hatch`;
  const pattern = shape("pattern", { id, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(shape("rect", { width: 4, height: 4, fill: look.hatchGround }), shape("rect", { width: 1, height: 4, fill: look.hatchLine }));
  svg.append(shape("defs", {}, pattern));
  const tall = Math.min(12, Math.max(plan.pitch - 2, plan.pitch * 0.8));
  let from = null;
  for (let key = 0; key <= map.wide; key += 1) {
    const hidden = key < map.wide && map.hides(front, key);
    if (hidden) from ??= key;
    if (from === null || (hidden && plan.pitch < 14)) continue;
    const last = hidden ? key : key - 1;
    const y = plan.keyAt(from) - tall / 2;
    const height = plan.keyAt(last) - plan.keyAt(from) + tall;
    svg.append(shape("rect", { x: plan.end, y, width: 5, height, fill: `url(#${id})`, class: "mha-links-hidden" }));
    from = null;
  }
}

// One option a query, over its word: for the pointer, and for readers who are told which one they are on.
function drawLinkList(links, plan) {
  const { list, map, picked, active } = links;
  list.setAttribute("aria-label", links.say("links_list", { title: map.title }));
  list.setAttribute("aria-activedescendant", `${links.hint}-${active}`);
  list.style.width = `${plan.start + 8}px`;
  const high = plan.high / map.high;
  if (list.childElementCount !== map.high) {
    const options = Array.from({ length: map.high }, (_, row) => element("div", { role: "option", id: `${links.hint}-${row}`, "data-row": row }));
    list.replaceChildren(...options);
  }
  [...list.children].forEach((option, row) => {
    option.setAttribute("aria-label", sidePlace(links, map.rows, row));
    option.setAttribute("aria-selected", String(row === picked));
    option.classList.toggle("is-active", row === active);
    Object.assign(option.style, { top: `${LINKS.head + high * row}px`, height: `${high}px` });
  });
}

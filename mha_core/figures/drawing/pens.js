// A rendered part of the page as one standalone .svg. What is on the screen is read back (boxes and computed styles)
// and written as rectangles, lines, text and pictures, so that the file shows what was seen, in any program.

// What is for the hand and not for the eye.
const PEN_SKIPS =
  "button, input, textarea, script, style, template, dialog, noscript, .mha-aside, .mha-tip, .mha-map-tip, .mha-switch, " +
  ".mha-grid-keys, .mha-caption, .mha-links-list, .modebar-container, .hoverlayer, .zoomlayer, [hidden]";

const PEN = { margin: 12, gap: 14 };

// parts: elements, drawn one below the other. Returns {node, width, height}.
function pictureOfParts(parts, { title, text, page }) {
  const boxes = parts.map((part) => penBounds(part));
  const left = Math.min(...boxes.map((box) => box.left));
  const width = Math.ceil(Math.max(...boxes.map((box) => box.right)) - left) + 2 * PEN.margin;
  const picture = shape("svg", { role: "img" }, shape("title", {}, title));
  if (text) picture.append(shape("desc", {}, text));
  const ground = shape("rect", penInk("fill", page));
  picture.append(ground);
  let y = PEN.margin;
  parts.forEach((part, i) => {
    const pen = { x: PEN.margin - left, y: y - boxes[i].top, into: shape("g") };
    penNode(pen, part);
    picture.append(pen.into);
    y += boxes[i].height + PEN.gap;
  });
  const height = Math.ceil(y - PEN.gap + PEN.margin);
  for (const made of [picture, ground]) for (const [name, size] of [["width", width], ["height", height]]) made.setAttribute(name, size);
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return { node: picture, width, height };
}

// What a part really covers: a block may be as wide as the page and its contents not.
function penBounds(part) {
  const { top, bottom, left, right } = part.getBoundingClientRect();
  const inner = [...part.querySelectorAll("*")]
    .filter((each) => !each.closest(PEN_SKIPS) && !each.ownerSVGElement && (!each.firstElementChild || each.matches("svg, table")))
    .map((each) => each.getBoundingClientRect())
    .filter((box) => box.width && box.height);
  const edge = inner.length ? Math.max(...inner.map((box) => box.right)) : right;
  const foot = inner.length ? Math.max(...inner.map((box) => box.bottom)) : bottom;
  return { top, left, right: Math.min(right, edge), height: Math.max(foot, top + 1) - top };
}

function penNode(pen, node) {
  if (node.nodeType === Node.TEXT_NODE) return penText(pen, node);
  if (node.nodeType !== Node.ELEMENT_NODE || node.matches(PEN_SKIPS)) return undefined;
  const style = getComputedStyle(node);
  if (style.display === "none" || style.opacity === "0") return undefined;
  if (node instanceof SVGSVGElement) return penSvg(pen, node, style);
  const box = node.getBoundingClientRect();
  const into = style.opacity === "1" ? pen.into : pen.into.appendChild(shape("g", { opacity: style.opacity }));
  const here = { ...pen, into };
  if (style.visibility === "visible") penBox(here, box, style);
  if (node instanceof HTMLCanvasElement) return penCanvas(here, node, box);
  if (node instanceof HTMLSelectElement) return penSelect(here, node, box, style);
  if (cuts(node, style)) here.into = penCut(here, box);
  for (const child of node.childNodes) penNode(here, child);
  return undefined;
}

// Whether a box hides part of what is in it.
function cuts(node, style) {
  return style.overflow !== "visible" && (node.scrollWidth > node.clientWidth + 1 || node.scrollHeight > node.clientHeight + 1);
}

function penCut(pen, box) {
  const id = freshId();
  const clip = shape("clipPath", { id }, shape("rect", penPlace(pen, box)));
  const inside = shape("g", { "clip-path": `url(#${id})` });
  pen.into.append(clip, inside);
  return inside;
}

function penCanvas(pen, canvas, box) {
  const record = recording.pens.get(canvas);
  if (!record) {
    pen.into.append(penImage(canvas.toDataURL("image/png"), penPlace(pen, box)));
    return;
  }
  const [across, down] = [box.width / canvas.width, box.height / canvas.height];
  const [x, y] = [Math.round(box.left + pen.x), Math.round(box.top + pen.y)]; // on whole pixels, as on the screen
  record.root.setAttribute("transform", `matrix(${[across, 0, 0, down, x, y].map((number) => penNumber(number, 1e5)).join(" ")})`);
  pen.into.append(record.root);
}

// A list shows what is chosen.
function penSelect(pen, select, box, style) {
  const size = parseFloat(style.fontSize);
  const x = box.left + pen.x + parseFloat(style.paddingLeft);
  const y = box.top + pen.y + box.height / 2 + size * 0.36;
  pen.into.append(penLetters(select.selectedOptions[0]?.textContent ?? "", { x, y, ...penFont(style), colour: style.color }));
}

// Text, line by line: each where the browser put it.
function penText(pen, node) {
  const host = node.parentElement;
  if (!host || !node.data.trim()) return;
  const style = getComputedStyle(host);
  if (style.visibility !== "visible") return;
  const font = penFont(style);
  const metrics = penMeasure(`${font.style} ${font.weight} ${font.size}px ${font.family}`, "x", "alphabetic");
  const [up, down] = [metrics.fontBoundingBoxAscent, metrics.fontBoundingBoxDescent];
  for (const { text, left, right, top, bottom } of penLines(node, style)) {
    const base = top + (bottom - top) * (up / (up + down || 1));
    const place = { x: left + pen.x, y: base + pen.y, length: right - left };
    const made = penLetters(text, { ...font, ...place, colour: style.color });
    if (style.textDecorationLine.includes("underline")) made.setAttribute("text-decoration", "underline");
    pen.into.append(made);
  }
}

// The lines of a text node: their words, and the box of what can be seen of them.
function penLines(node, style) {
  const range = document.createRange();
  const lines = [];
  let at = 0;
  for (const sign of node.data) {
    range.setStart(node, at);
    at += sign.length;
    range.setEnd(node, at);
    const [box] = range.getClientRects();
    if (!box || (!sign.trim() && !box.width)) continue;
    const last = lines.at(-1);
    const same = last && Math.abs(last.top - box.top) < box.height / 2;
    if (!same) lines.push({ text: "", top: box.top, bottom: box.bottom, left: Infinity, right: -Infinity });
    const line = lines.at(-1);
    line.text += sign;
    if (!sign.trim()) continue; // spaces at the ends take no room
    line.left = Math.min(line.left, box.left);
    line.right = Math.max(line.right, box.right);
  }
  const kept = style.whiteSpace.startsWith("pre");
  const turned = { uppercase: (text) => text.toUpperCase(), lowercase: (text) => text.toLowerCase() }[style.textTransform];
  return lines
    .map((line) => ({ ...line, text: (kept ? line.text.trim() : line.text.replace(/\s+/g, " ").trim()) }))
    .map((line) => ({ ...line, text: turned ? turned(line.text) : line.text }))
    .filter((line) => line.text);
}

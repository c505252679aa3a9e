// Gradients and drawn pictures: CSS grounds become SVG's own, and what is SVG already is copied with the looks that
// the page's style sheets gave it.

// A CSS gradient as SVG; returns its id, or nothing for one that is not used here.
function penGradient(pen, place, image, style) {
  const [, kind, inside] = /^([a-z-]+)\((.*)\)$/s.exec(image) ?? [];
  const id = freshId();
  const pieces = penSplit(inside ?? "");
  if (kind === "radial-gradient") pen.into.append(penDots(id, place, pieces, style));
  else if (kind === "linear-gradient" || kind === "repeating-linear-gradient") {
    pen.into.append(penSlope(id, place, pieces, kind.startsWith("repeating")));
  } else return null;
  return id;
}

const PEN_TURNS = { "to right": 90, "to bottom": 180, "to left": 270, "to top": 0 };

function penSlope(id, { x, y, width, height }, pieces, repeats) {
  const turned = /^(?:to [a-z]+|-?[\d.]+deg)$/.test(pieces[0]);
  const angle = ((turned ? PEN_TURNS[pieces[0]] ?? parseFloat(pieces[0]) : 180) * Math.PI) / 180;
  const [across, down] = [Math.sin(angle), -Math.cos(angle)];
  const length = Math.abs(width * across) + Math.abs(height * down);
  const stops = pieces.slice(turned ? 1 : 0).map((piece) => {
    const colour = /^(?:[a-z-]+\([^)]*\)|\S+)/.exec(piece)[0];
    return { colour, places: piece.slice(colour.length).trim().split(/\s+/).filter(Boolean) };
  });
  const far = (text) => (text.endsWith("%") ? (parseFloat(text) / 100) * length : parseFloat(text));
  const end = repeats ? far(stops.at(-1).places.at(-1)) : length;
  const start = [x + width / 2 - (across * length) / 2, y + height / 2 - (down * length) / 2];
  const line = { x1: start[0], y1: start[1], x2: start[0] + across * end, y2: start[1] + down * end };
  const more = repeats ? { spreadMethod: "repeat" } : {};
  const made = shape("linearGradient", { id, gradientUnits: "userSpaceOnUse", ...more });
  for (const [name, number] of Object.entries(line)) made.setAttribute(name, penNumber(number));
  stops.forEach(({ colour, places }, i) => {
    const offsets = places.length ? places.map((text) => far(text) / end) : [i / Math.max(1, stops.length - 1)];
    for (const offset of offsets) made.append(shape("stop", { offset: penNumber(offset, 1e4), ...penInk("stop-color", colour) }));
  });
  return made;
}

function penDots(id, { x, y }, pieces, style) {
  const [wide, tall = wide] = style.backgroundSize.split(" ").map(parseFloat);
  const colour = /^(?:[a-z-]+\([^)]*\)|\S+)/.exec(pieces[0])[0];
  const tile = { id, x, y, width: wide || 4, height: tall || 4, patternUnits: "userSpaceOnUse" };
  return shape("pattern", tile, shape("circle", { cx: tile.width / 2, cy: tile.height / 2, r: 0.85, ...penInk("fill", colour) }));
}

// Attributes that say where things are; everything else comes from the computed style.
const PEN_KEPT = new Set(
  ("id d x y x1 y1 x2 y2 cx cy r rx ry dx dy width height points transform viewBox preserveAspectRatio offset rotate " +
    "gradientUnits gradientTransform spreadMethod patternUnits patternContentUnits patternTransform clipPathUnits " +
    "maskUnits maskContentUnits markerWidth markerHeight refX refY orient").split(" "),
);

// Computed styles that an SVG element may have: what they are unless something sets them, and whether they are inherited.
const PEN_STYLES = {
  "fill-rule": ["nonzero", true],
  "stroke-width": ["1px", true],
  "stroke-linecap": ["butt", true],
  "stroke-linejoin": ["miter", true],
  "stroke-dasharray": ["none", true],
  "font-family": ["", true],
  "font-size": ["", true],
  "font-weight": ["400", true],
  "font-style": ["normal", true],
  "letter-spacing": ["normal", true],
  "text-anchor": ["start", true],
  "dominant-baseline": ["auto", true],
  visibility: ["visible", true],
  opacity: ["1", false],
  "clip-path": ["none", false],
  mask: ["none", false],
  "text-decoration-line": ["none", false],
};

function penSvg(pen, svg, style) {
  const { a, b, c, d, e, f } = svg.getScreenCTM();
  const box = svg.getBoundingClientRect();
  if (style.visibility === "visible") penBox(pen, box, style);
  const whole = a === 1 ? 1 : 1e4; // on whole pixels, as the canvas beneath it
  const place = [a, b, c, d].map((number) => penNumber(number, 1e4)).concat([e + pen.x, f + pen.y].map((number) => penNumber(number, whole)));
  const group = shape("g", { transform: `matrix(${place.join(" ")})` });
  const before = Object.fromEntries(Object.entries(PEN_STYLES).map(([name, [initial]]) => [name, initial]));
  const known = penStyles(group, style, before);
  for (const child of svg.childNodes) penCopy(group, child, known);
  pen.into.append(group);
}

// Writes what differs from the surroundings; returns what holds for the children. Colours are written where they are
// painted: a colour that lets something through is two attributes, which are not inherited as one.
function penStyles(made, style, before) {
  const known = { ...before };
  const groups = made.matches("g, svg, defs, clipPath, mask, pattern");
  for (const [name, [initial, inherited]] of Object.entries(PEN_STYLES)) {
    const value = style.getPropertyValue(name);
    if (value === (inherited ? before[name] : initial)) continue;
    if (inherited) known[name] = value;
    const id = /url\(["']?[^"')]*#([^"')]+)/.exec(value)?.[1];
    if (id) made.setAttribute(name, `url(#${id})`);
    else if (!/url\(/.test(value)) made.setAttribute(name === "text-decoration-line" ? "text-decoration" : name, value);
  }
  for (const name of groups ? [] : ["fill", "stroke", "stop-color"]) {
    const value = style.getPropertyValue(name);
    const share = name === "stop-color" ? "stop-opacity" : `${name}-opacity`;
    const id = /url\(["']?[^"')]*#([^"')]+)/.exec(value)?.[1];
    const [colour, part] = id || value === "none" ? [id ? `url(#${id})` : value, 1] : penColour(value);
    if (colour !== PEN_COLOURS[name]) made.setAttribute(name, colour);
    const covers = part * Number(style.getPropertyValue(share));
    if (value !== "none" && covers !== 1) made.setAttribute(share, penNumber(covers, 1000));
  }
  return known;
}

const PEN_COLOURS = { fill: "#000000", stroke: "none", "stop-color": "#000000" };

function penCopy(into, node, before) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (into.matches("text, tspan, title, desc")) into.append(node.data);
    return;
  }
  if (node.nodeType !== Node.ELEMENT_NODE || node.matches(PEN_SKIPS) || node.tagName === "foreignObject") return;
  const style = getComputedStyle(node);
  if (style.display === "none" && !node.closest("defs")) return;
  const address = node.getAttribute("href") ?? node.getAttributeNS(XLINK, "href") ?? "";
  if (node.tagName === "image" && !address.startsWith("data:image/")) return;
  const inText = into.matches("text, tspan");
  const made = shape(node.tagName === "a" ? (inText ? "tspan" : "g") : node.tagName);
  for (const { name, value } of node.attributes) if (PEN_KEPT.has(name)) made.setAttribute(name, value);
  const known = node.matches("title, desc") ? before : penStyles(made, style, before);
  if (node.tagName === "image") made.setAttribute("style", `image-rendering:${style.imageRendering}`);
  if (address.startsWith("data:image/") || (address.startsWith("#") && node.tagName !== "a")) made.setAttributeNS(XLINK, "xlink:href", address);
  if (style.whiteSpace.startsWith("pre") && node.tagName === "text") made.setAttributeNS("http://www.w3.org/XML/1998/namespace", "xml:space", "preserve");
  into.append(made);
  for (const child of node.childNodes) penCopy(made, child, known);
  if (node.matches("text, tspan")) penWidth(made, node);
}

// A text keeps its width; of one whose parts stand on their own, every part.
function penWidth(made, node) {
  const parts = [...node.children].filter((child) => child.matches("tspan"));
  const apart = parts.some((child) => child.hasAttribute("x") || child.hasAttribute("dy"));
  if (node.matches("tspan") && !node.hasAttribute("x") && !node.hasAttribute("dy")) return;
  if (apart || !node.textContent.trim()) return;
  const length = node.getComputedTextLength();
  if (length > 0) penLength(made, length);
}

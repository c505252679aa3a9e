// What the pens write with: numbers, colours, letters, pictures, boxes.

const XLINK = "http://www.w3.org/1999/xlink";

function penNumber(number, steps = 100) {
  return Math.round(number * steps) / steps;
}

function penPlace(pen, box) {
  return {
    x: penNumber(box.left + pen.x),
    y: penNumber(box.top + pen.y),
    width: penNumber(box.width),
    height: penNumber(box.height),
  };
}

// A computed colour as #rrggbb and how much it covers: programs outside the browser read no other form.
function penColour(css) {
  if (/^#[0-9a-f]{6}$/i.test(css)) return [css, 1];
  const [kind, inside = ""] = css.split(/[()]/);
  const numbers = (inside.match(/-?[\d.]+(?:e-?\d+)?/g) ?? []).map(Number);
  if (kind === "color" && inside.startsWith("srgb ")) {
    const [red, green, blue, part = 1] = numbers;
    return [hex([red, green, blue].map((channel) => Math.round(within(0, channel, 1) * 255))), part];
  }
  if ((kind === "rgb" || kind === "rgba") && numbers.length > 2) {
    const [red, green, blue, part = 1] = numbers;
    return [hex([red, green, blue].map(Math.round)), part];
  }
  return css === "transparent" || css === "none" ? ["#000000", 0] : [css, 1];
}

// A colour as attributes of `fill`, `stroke` or `stop-color`.
function penInk(name, css) {
  const [colour, part] = penColour(css);
  const share = name === "stop-color" ? "stop-opacity" : `${name}-opacity`;
  return part === 1 ? { [name]: colour } : { [name]: colour, [share]: penNumber(part, 1000) };
}

function penFont(style) {
  return { family: style.fontFamily, size: parseFloat(style.fontSize), weight: style.fontWeight, style: style.fontStyle };
}

let penRuler = null;

function penMeasure(font, text, baseline) {
  penRuler ??= document.createElement("canvas").getContext("2d");
  penRuler.font = font;
  penRuler.textBaseline = baseline;
  return penRuler.measureText(text);
}

// `length` keeps a text as wide as it was where another computer lacks the font.
function penLetters(text, { x, y, family, size, weight = "400", style = "normal", colour, length }) {
  const made = shape("text", { x: penNumber(x), y: penNumber(y), "font-family": family, "font-size": penNumber(size), ...penInk("fill", colour) });
  if (weight !== "400") made.setAttribute("font-weight", weight);
  if (style !== "normal") made.setAttribute("font-style", style);
  if (length) penLength(made, length);
  made.textContent = text;
  return made;
}

function penLength(made, length) {
  made.setAttribute("textLength", penNumber(length));
  made.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

// Cells keep their edges, however large the picture is shown.
function penImage(address, place) {
  const made = shape("image", { ...place, preserveAspectRatio: "none", "image-rendering": "optimizeSpeed", style: "image-rendering:pixelated" });
  made.setAttributeNS(XLINK, "xlink:href", address);
  return made;
}

// Ground, shadows without blur, and borders of a box.
function penBox(pen, box, style) {
  if (!box.width || !box.height) return;
  const place = penPlace(pen, box);
  const corner = Math.min(parseFloat(style.borderTopLeftRadius) || 0, place.width / 2, place.height / 2);
  const round = corner ? { rx: penNumber(corner) } : {};
  const put = (more) => pen.into.append(shape("rect", { ...place, ...round, ...more }));
  const ring = (colour, spread, inset) =>
    put({ ...penGrown(place, round, inset ? -spread / 2 : spread / 2), fill: "none", ...penInk("stroke", colour), "stroke-width": spread });
  const shadows = penSplit(style.boxShadow === "none" ? "" : style.boxShadow).map(penShadow).filter(Boolean);
  for (const { colour, spread, inset } of shadows.filter((shadow) => !shadow.inset)) ring(colour, spread, inset);
  if (penColour(style.backgroundColor)[1]) put(penInk("fill", style.backgroundColor));
  for (const image of penSplit(style.backgroundImage === "none" ? "" : style.backgroundImage)) {
    const id = penGradient(pen, place, image, style);
    if (id) put({ fill: `url(#${id})` });
  }
  for (const { colour, spread, inset } of shadows.filter((shadow) => shadow.inset)) ring(colour, spread, inset);
  penBorders(pen, place, style, round);
}

function penGrown({ x, y, width, height }, { rx = 0 }, by) {
  const round = rx ? { rx: Math.max(0, rx + by) } : {};
  return { x: x - by, y: y - by, width: Math.max(0, width + 2 * by), height: Math.max(0, height + 2 * by), ...round };
}

function penBorders(pen, place, style, round) {
  const { x, y, width, height } = place;
  const sides = ["Top", "Right", "Bottom", "Left"].map((side) => ({
    size: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]),
    colour: style[`border${side}Color`],
  }));
  const [top] = sides;
  if (sides.every(({ size, colour }) => size === top.size && colour === top.colour)) {
    if (!top.size || !penColour(top.colour)[1]) return;
    const frame = penGrown(place, round, -top.size / 2);
    pen.into.append(shape("rect", { ...frame, fill: "none", ...penInk("stroke", top.colour), "stroke-width": top.size }));
    return;
  }
  const bars = [
    { x, y, width, height: sides[0].size },
    { x: x + width - sides[1].size, y, width: sides[1].size, height },
    { x, y: y + height - sides[2].size, width, height: sides[2].size },
    { x, y, width: sides[3].size, height },
  ];
  bars.forEach((bar, i) => {
    if (sides[i].size && penColour(sides[i].colour)[1]) pen.into.append(shape("rect", { ...bar, ...penInk("fill", sides[i].colour) }));
  });
}

// A list with commas, cut where no bracket is open.
function penSplit(text) {
  const parts = [""];
  let depth = 0;
  for (const sign of text) {
    depth += (sign === "(") - (sign === ")");
    if (sign === "," && !depth) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

// `rgb(…) 0px 0px 0px 1px inset`; soft shadows are left out.
function penShadow(text) {
  const colour = /^(?:[a-z-]+\([^)]*\)|\S+)/.exec(text)[0];
  const [across, down, blur, spread] = (text.slice(colour.length).match(/-?[\d.]+px/g) ?? []).map(parseFloat);
  return across || down || blur || !spread ? null : { colour, spread, inset: text.endsWith("inset") };
}

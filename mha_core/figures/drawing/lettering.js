// Letters: how wide a text is, how it is cut or broken to fit, and putting it on the drawing.

const LABEL = { size: 11.5, small: 11, least: 12 }; // least: height from which a row has its own label

const measuring = { pen: null, widths: new Map() };

function textWidth(look, text, size, bold = false) {
  const font = `${bold ? "600 " : ""}${size}px ${look.font}`;
  const key = `${font} ${text}`;
  if (!measuring.widths.has(key)) {
    measuring.pen ??= document.createElement("canvas").getContext("2d");
    measuring.pen.font = font;
    if (measuring.widths.size > 4000) measuring.widths.clear();
    measuring.widths.set(key, measuring.pen.measureText(text).width);
  }
  return measuring.widths.get(key);
}

// Cut a text to a width; the whole of it stays in its title.
function fitted(look, text, size, room, bold = false) {
  if (textWidth(look, text, size, bold) <= room) return text;
  const signs = [...text];
  while (signs.length > 1 && textWidth(look, `${signs.join("")}…`, size, bold) > room) signs.pop();
  return `${signs.join("")}…`;
}

// A text in two lines of about the same width, broken at a space.
function halved(look, text, size) {
  const words = text.split(" ");
  let best = [text];
  let width = Infinity;
  for (let i = 1; i < words.length; i += 1) {
    const pair = [words.slice(0, i).join(" "), words.slice(i).join(" ")];
    const wide = Math.max(...pair.map((line) => textWidth(look, line, size)));
    if (wide < width) [best, width] = [pair, wide];
  }
  return best;
}

function axisColour(explorer, word) {
  return word in explorer.constant.theme.axes ? explorer.look.axis(word) : explorer.look.muted;
}

function put(svg, x, y, text, { colour, anchor = "start", size = LABEL.size, whole = text, turn = 0, bold = false }) {
  const label = shape("text", { x, y, "text-anchor": anchor, "font-size": size });
  label.style.fill = colour;
  if (bold) label.style.fontWeight = "600";
  if (turn) label.setAttribute("transform", `rotate(${turn} ${x} ${y})`);
  label.append(text);
  if (whole !== text) label.append(shape("title", {}, whole));
  svg.append(label);
}

function putLines(svg, x, middle, lines, options) {
  const step = 13;
  const size = options.size ?? LABEL.size;
  const first = middle + size * 0.36 - ((lines.length - 1) * step) / 2;
  const label = shape("text", { x, y: first, "text-anchor": options.anchor ?? "start", "font-size": size });
  label.style.fill = options.colour;
  lines.forEach((line, i) => {
    label.append(shape("tspan", { x, y: first + i * step }, i < lines.length - 1 ? `${line} ` : line));
  });
  svg.append(label);
}

function bar(svg, x, y, width, height, colour) {
  const made = shape("rect", { x, y, width, height });
  made.style.fill = colour;
  svg.append(made);
}

// The smallest power of two whose steps are at least so many pixels apart.
function stepOf(pixels, apart) {
  let step = 1;
  while (step * pixels < apart) step *= 2;
  return step;
}

// What a row or a column of tokens is called: its word, with its index where not all are named; else its index.
function placeName(explorer, edge, place, step = 1) {
  const word = isTokens(edge) ? wordAt(explorer.run, place) : null;
  if (word === null) return String(edge.words.length > 1 ? place : partName(edge.words[0], place));
  return step > 1 ? explorer.say("grid_word_index", { word, index: place }) : word;
}

// The same in a given room: a long word is cut, its index is not.
function fittedName(explorer, edge, place, step, room) {
  const { look, run } = explorer;
  const name = placeName(explorer, edge, place, step);
  if (textWidth(look, name, LABEL.small) <= room) return name;
  const word = wordAt(run, place);
  if (step === 1 || word === null) return fitted(look, name, LABEL.small, room);
  const left = room - textWidth(look, ` ${place}`, LABEL.small);
  return explorer.say("grid_word_index", { word: fitted(look, word, LABEL.small, left), index: place });
}

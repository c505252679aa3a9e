// Colours come from the theme that was sent and from the page's own; a sheet of cells becomes pixels.

const MARK = { none: 0, hidden: 1, nan: 2, more: 3, less: 4, absent: 5 };

function rgb(hex) {
  const number = parseInt(hex.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

function packed([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // little-endian RGBA
}

function mixed(colour, page, part) {
  const [a, b] = [rgb(colour), rgb(page)];
  return a.map((channel, i) => Math.round(channel * part + b[i] * (1 - part)));
}

function hex([red, green, blue]) {
  return `#${[red, green, blue].map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

function luminance([red, green, blue]) {
  const linear = [red, green, blue].map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

// Black or white, whichever reads better on a colour: the worst contrast is 4.58.
function inkOn(channels) {
  return luminance(channels) > 0.179 ? "#000000" : "#ffffff";
}

function ladder(stops, steps = 512) {
  const colours = new Uint32Array(steps);
  for (let i = 0; i < steps; i += 1) {
    const place = (i / (steps - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    const [a, b] = [rgb(stops[low]), rgb(stops[low + 1])];
    colours[i] = packed(a.map((channel, c) => Math.round(channel + (b[c] - channel) * (place - low))));
  }
  return colours;
}

// What everything looks like under the page's theme now.
function readLook(host, theme) {
  const style = getComputedStyle(host);
  const pick = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = pick("--st-background-color", "#ffffff");
  const dark = /^#[0-9a-f]{6}$/i.test(background) ? luminance(rgb(background)) < 0.2 : false;
  const side = dark ? 1 : 0;
  const neutral = (name) => theme.neutrals[name][side];
  const axis = (word) => theme.axes[word][side];
  const role = (name) => theme.roles[name][side];
  const stops = (kind) => theme.scales[kind][dark ? "dark" : "light"];
  const page = neutral("page");
  const [first, last] = theme.paint.ramp;
  return {
    dark,
    page,
    neutral,
    axis,
    role,
    stops,
    text: neutral("text"),
    muted: neutral("muted"),
    outline: neutral("outline"),
    chip: neutral("chip"),
    hatchLine: neutral("hatch_line"),
    hatchGround: neutral("hatch_ground"),
    font: pick("--st-font", "system-ui, sans-serif"),
    mono: pick("--st-code-font", "ui-monospace, monospace"),
    ladders: { signed: ladder(stops("signed")), probability: ladder(stops("probability")) },
    ramp: (word, count) =>
      Array.from({ length: count }, (_, i) =>
        packed(mixed(axis(word), page, count > 1 ? first + ((last - first) * i) / (count - 1) : theme.paint.lone)),
      ),
    roles: ["q", "k", "v"].map((name) => packed(mixed(role(name), page, theme.paint.role))),
  };
}

const PAINT_WORD = { token: "token", head: "head" };

// The paint a tensor is shown in: the one asked for where it has it, else by value.
function paintOf(tensor, asked) {
  const paint = asked || tensor.paint;
  return paint !== "value" && !tensor.origins[paint] ? "value" : paint;
}

// From so many keys on, weights are so small that their colours are spread out, unless the visitor says otherwise.
const MANY_KEYS = 16;

function isSpread(tensor, options) {
  return options.spread ?? tensor.shape.at(-1) > MANY_KEYS;
}

// A function from a value (and its label, when painted by origin) to a packed colour.
function colourer(tensor, paint, look, options) {
  if (paint === "role") return (_, label) => look.roles[label];
  if (paint !== "value") {
    const ramp = look.ramp(PAINT_WORD[paint], tensor.origins[paint].count);
    return (_, label) => ramp[label];
  }
  if (tensor.values === "probability") {
    const colours = look.ladders.probability;
    const last = colours.length - 1;
    return isSpread(tensor, options)
      ? (value) => colours[Math.round(Math.sqrt(Math.min(Math.max(value, 0), 1)) * last)]
      : (value) => colours[Math.round(Math.min(Math.max(value, 0), 1) * last)];
  }
  const limit = (options.own ? tensor.limit : tensor.shared) || 1;
  const colours = look.ladders.signed;
  const half = (colours.length - 1) / 2;
  return (value) => colours[Math.round(half + Math.min(Math.max(value / limit, -1), 1) * half)];
}

// Cells as pixels: rows x columns of one sheet, every cell its true value's colour, marks beside.
// `index` fixes the other axes. Returns {width, height, pixels, marks}.
function sheetOf(explorer, tensor, paint, index, rowAxis, rows, columnAxis, columns) {
  const { look, run, options } = explorer;
  const colour = colourer(tensor, paint, look, options);
  const flag = tensor.values === "flag";
  const hides = flag ? tensor : run.tensors.get(tensor.hidden);
  const pixels = new Uint32Array(rows.length * columns.length);
  const marks = new Uint8Array(pixels.length);
  const ground = packed(rgb(look.hatchGround));
  const page = packed(rgb(look.page));
  const cell = [...index];
  let at = 0;
  for (const row of rows) {
    cell[rowAxis] = row;
    for (const column of columns) {
      cell[columnAxis] = column;
      const value = tensor.at(cell);
      let mark = MARK.none;
      if (value === undefined) mark = MARK.absent;
      else if (Number.isNaN(value)) mark = MARK.nan;
      else if (hides && hiddenAt(hides, cell)) mark = MARK.hidden;
      else if (value === Infinity) mark = MARK.more;
      else if (value === -Infinity) mark = MARK.less;
      marks[at] = mark;
      const byOrigin = paint !== "value";
      if (mark === MARK.none || (byOrigin && mark !== MARK.absent)) {
        pixels[at] = flag ? page : colour(value, byOrigin ? tensor.origin(paint, cell) : 0);
      } else pixels[at] = mark === MARK.hidden ? ground : page;
      at += 1;
    }
  }
  return { width: columns.length, height: rows.length, pixels, marks };
}

// A flag tensor has size 1 where it does not tell heads apart.
function hiddenAt(flags, cell) {
  return flags.at(cell.map((place, axis) => (flags.shape[axis] === 1 && axis > 0 ? 0 : place))) === 1;
}

// A sheet as a small picture, one pixel a cell; draw it enlarged without smoothing, and at once: the next sheet
// takes its place. (A canvas of its own for each of some fifty faces cost as much as painting them.)
let sheetPicture = null;

function pictureOf(sheet) {
  sheetPicture ??= document.createElement("canvas").getContext("2d");
  const { canvas } = sheetPicture;
  canvas.width = Math.max(1, sheet.width);
  canvas.height = Math.max(1, sheet.height);
  const data = new ImageData(new Uint8ClampedArray(sheet.pixels.buffer), canvas.width, canvas.height);
  sheetPicture.putImageData(data, 0, 0);
  return canvas;
}

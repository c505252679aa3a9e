// A pen with the canvas's own commands that writes SVG. While a picture is saved the drawing is drawn once more with
// such pens, so that its lines, hatches and letters are shapes and text in the file, not pixels.

const recording = { on: false, pens: new WeakMap(), ids: 0 };

// The pen of a canvas; while a picture is recorded, one that writes down what is drawn.
function penOf(canvas) {
  if (!recording.on) {
    recording.pens.delete(canvas);
    return canvas.getContext("2d");
  }
  const pen = new RecordingPen(canvas);
  recording.pens.set(canvas, pen);
  return pen;
}

// Draw something once more with recording pens, and read it before it is drawn again for the screen.
function recorded(draw, read) {
  recording.on = true;
  try {
    draw();
    return read();
  } finally {
    recording.on = false;
    draw();
  }
}

function freshId() {
  return `mha-${(recording.ids += 1)}`;
}

const PEN_STATE = ["fillStyle", "strokeStyle", "lineWidth", "font", "textAlign", "textBaseline", "dash", "into", "matrix"];

class RecordingPen {
  constructor(canvas) {
    this.canvas = canvas;
    this.root = this.into = shape("g");
    this.fillStyle = this.strokeStyle = "#000000";
    this.lineWidth = 1;
    this.font = "10px sans-serif";
    this.textAlign = "start";
    this.textBaseline = "alphabetic";
    this.dash = [];
    this.matrix = new DOMMatrix();
    this.kept = [];
    this.path = "";
  }

  save() {
    this.kept.push(Object.fromEntries(PEN_STATE.map((name) => [name, this[name]])));
  }

  restore() {
    Object.assign(this, this.kept.pop());
  }

  transform(...numbers) {
    this.matrix = this.matrix.multiply(new DOMMatrix(numbers));
  }

  scale(across, down) {
    this.transform(across, 0, 0, down, 0, 0);
  }

  setTransform(...numbers) {
    this.matrix = new DOMMatrix(numbers);
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  // Only ever the whole canvas.
  clearRect() {
    this.root.replaceChildren();
    this.into = this.root;
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${penNumber(x)} ${penNumber(y)}`;
  }

  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${penNumber(x)} ${penNumber(y)}`;
  }

  closePath() {
    this.path += "Z";
  }

  fill() {
    this.add("path", { d: this.path, ...this.ink("fill", this.fillStyle) });
  }

  stroke() {
    this.add("path", { d: this.path, ...this.line() });
  }

  clip() {
    const id = freshId();
    const clip = shape("clipPath", { id }, this.placed(shape("path", { d: this.path })));
    const inside = shape("g", { "clip-path": `url(#${id})` });
    this.into.append(clip, inside);
    this.into = inside;
  }

  // Neighbours of one colour become one shape.
  fillRect(x, y, width, height) {
    const d = `M${penNumber(x)} ${penNumber(y)}h${penNumber(width)}v${penNumber(height)}h${penNumber(-width)}Z`;
    const last = this.into.lastChild;
    const alike = last && last.filled === this.fillStyle && last.getAttribute("transform") === this.place();
    if (alike) last.setAttribute("d", last.getAttribute("d") + d);
    else this.add("path", { d, ...this.ink("fill", this.fillStyle) }).filled = this.fillStyle;
  }

  strokeRect(x, y, width, height) {
    this.add("rect", { x: penNumber(x), y: penNumber(y), width: penNumber(width), height: penNumber(height), ...this.line() });
  }

  drawImage(source, x, y, width = source.width, height = source.height) {
    this.into.append(this.placed(penImage(enlarged(source), { x, y, width, height })));
  }

  fillText(text, x, y, most = Infinity) {
    const [, weight = "400", size, family] = /^(?:(\S+) )?([\d.]+)px (.+)$/.exec(this.font);
    const measured = penMeasure(this.font, text, this.textBaseline);
    const font = { family, size: Number(size), weight };
    const place = { x, y: y - (measured.alphabeticBaseline ?? -0.35 * size), length: Math.min(measured.width, most) };
    const made = penLetters(text, { ...font, ...place, colour: this.fillStyle });
    if (this.textAlign === "center") made.setAttribute("text-anchor", "middle");
    this.into.append(this.placed(made));
  }

  createPattern(source) {
    return { source, pen: recording.pens.get(source), id: null };
  }

  // What a colour or a pattern is as an attribute.
  ink(name, style) {
    if (typeof style === "string") return penInk(name, style);
    if (!style.id) {
      style.id = freshId();
      const { width, height } = style.source;
      const tile = shape("pattern", { id: style.id, width, height, patternUnits: "userSpaceOnUse" }, style.pen.root);
      this.root.prepend(shape("defs", {}, tile));
    }
    return { [name]: `url(#${style.id})` };
  }

  line() {
    const dash = this.dash.length ? { "stroke-dasharray": this.dash.join(" ") } : {};
    return { fill: "none", "stroke-width": this.lineWidth, ...dash, ...this.ink("stroke", this.strokeStyle) };
  }

  place() {
    const { a, b, c, d, e, f } = this.matrix;
    return this.matrix.isIdentity ? null : `matrix(${[a, b, c, d, e, f].map((number) => penNumber(number, 1e5)).join(" ")})`;
  }

  placed(made) {
    const place = this.place();
    if (place) made.setAttribute("transform", place);
    return made;
  }

  add(tag, attributes) {
    const made = this.placed(shape(tag, attributes));
    this.into.append(made);
    return made;
  }
}

// A picture of one pixel a cell, enlarged: programs that smooth pictures then blur a cell's edge, not the cell.
function enlarged(source) {
  const times = Math.max(1, Math.min(8, Math.floor(512 / Math.max(source.width, source.height))));
  const canvas = element("canvas", { width: source.width * times, height: source.height * times });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}

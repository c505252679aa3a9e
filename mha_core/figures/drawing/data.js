// The packed run, taken apart again: tensors as views on buffers, words with their places filled.
// Nothing is computed here that is shown as a result: values are read, never made.

const KINDS = { f4: Float32Array, f8: Float64Array, u1: Uint8Array };

// Runs written out: `label, how many times, label ...`.
function spread(runs) {
  const labels = [];
  for (let at = 0; at < runs.length; at += 2)
    for (let left = runs[at + 1]; left > 0; left -= 1) labels.push(runs[at]);
  return labels;
}

// A tensor's cells: read by full index (batch included). `undefined` means: not sent.
class Cells {
  constructor(entry, buffers) {
    const { axes, ...facts } = entry; // the axes in words have become edges; `axes` counts them here
    Object.assign(this, facts);
    this.pieces = entry.pieces.map((piece) => {
      const Kind = KINDS[piece.kind];
      const length = Math.floor((buffers.byteLength - piece.at) / Kind.BYTES_PER_ELEMENT);
      return { ...piece, numbers: new Kind(buffers, piece.at, length) };
    });
    this.double = this.pieces[0].kind === "f8";
    this.origins = Object.fromEntries(
      Object.entries(entry.origins).map(([paint, origin]) => [
        paint,
        { ...origin, labels: spread(origin.runs) },
      ]),
    );
  }

  get axes() {
    return this.shape.length;
  }

  // Where an index stands in a piece; -1: it is not in it.
  static place(piece, index) {
    let at = piece.offset;
    for (let axis = 0; axis < index.length; axis += 1) {
      const far = index[axis] - piece.start[axis];
      const step = far / piece.step[axis];
      if (far < 0 || step >= piece.shape[axis] || !Number.isInteger(step)) return -1;
      at += step * piece.strides[axis];
    }
    return at;
  }

  at(index) {
    for (const piece of this.pieces) {
      const at = Cells.place(piece, index);
      if (at >= 0) return piece.numbers[at];
    }
    return undefined;
  }

  // Which token, head or role a cell comes from; `undefined` where it has no single one.
  origin(paint, index) {
    const origin = this.origins[paint];
    if (!origin) return undefined;
    let at = 0;
    for (let axis = 1; axis < index.length; axis += 1) at += index[axis] * origin.strides[axis];
    return origin.labels[at];
  }

  // The offset in the whole tensor's storage, as torch counts it.
  flat(index) {
    return index.reduce((sum, place, axis) => sum + place * this.memory.strides[axis], this.memory.offset);
  }

  inside(index) {
    return index.length === this.axes && index.every((place, axis) => place >= 0 && place < this.shape[axis]);
  }
}

function named(names, values) {
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}

// What the header leaves out follows from axes, sizes and the format's defaults; `full` in header.py is its twin.
function fullEntry(small, header, known, before, { defaults, statistics, memory }) {
  const edges = known[small.axes].map((edge) => ({ ...edge, sizes: edge.words.map((word) => header.sizes[word]) }));
  const shape = edges.map((edge) => edge.sizes.reduce((a, b) => a * b, 1));
  const whole = {
    start: shape.map((_, axis) => (axis === 0 ? header.item : 0)),
    step: shape.map(() => 1),
    shape: shape.map((size, axis) => (axis === 0 ? 1 : size)),
  };
  const same = typeof small.statistics === "string";
  return {
    ...defaults,
    shared: small.limit,
    ...small,
    edges,
    shape,
    statistics: same ? before.get(small.statistics).statistics : named(statistics, small.statistics),
    memory: named(memory, small.memory),
    pieces: small.pieces.map((piece) => ({ ...whole, ...piece })),
  };
}

// Packed bytes: the header, and the numbers behind it.
function unframed(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const buffers = bytes.slice(4 + length).buffer; // a copy that starts on a multiple of eight
  return { header, buffers };
}

function unpackRun(bytes, constant) {
  const { header, buffers } = unframed(bytes);
  const run = { ...header, tensors: new Map(), order: [] };
  const known = { ...constant.edges, ...header.edges };
  for (const small of header.tensors) {
    run.tensors.set(small.name, new Cells(fullEntry(small, header, known, run.tensors, constant.format), buffers));
    run.order.push(small.name);
  }
  run.stages = header.stages.map((stage) => ({ ...stage, part: constant.stages[stage.text].part }));
  run.stageOf = (name) => run.stages.find((stage) => stage.makes.includes(name));
  run.readersOf = (name) => run.stages.filter((stage) => stage.reads.includes(name));
  return run;
}

// Words: whole sentences with named places.
function say(words, key, facts = {}) {
  const template = words[key];
  if (template === undefined) throw new Error(`no words for ${key}`);
  return template.replace(/\{(\w+)\}/g, (_, name) => String(facts[name]));
}

// The members of a list one after the other, by one of the catalogue's patterns.
function listed(explorer, items, kind = "list") {
  const texts = items.map(String);
  return texts.length ? texts.reduce((before, after) => explorer.say(`list_${kind}`, { before, after })) : "";
}

const MINUS = "−";

// A number with every digit it has: nine significant digits name a float32, seventeen a float64.
function exact(value, double = false) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  const text = double ? String(value) : String(Number(value.toPrecision(9)));
  return text.replace(/-/g, MINUS);
}

// A number in at most five or six characters, for a cell that no mask hides. A weight that rounds to nothing says so,
// even where the run's kind of number holds no smaller one than 0.
function short(value, kind) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (kind === "flag") return String(value);
  if (kind === "probability" && value < 0.005) return "<0.01";
  const size = Math.abs(value);
  const text = size >= 1e5 ? value.toExponential(0).replace("e+", "e") : value.toFixed(size >= 100 ? 0 : 2);
  return (Number(text) === 0 ? "0.00" : text).replace(/-/g, MINUS);
}

// `weights.0.3.2.1` and back.
function cellName(name, index) {
  return [name, ...index].join(".");
}

function readCell(run, text) {
  const [name, ...places] = (text || "").split(".");
  const tensor = run.tensors.get(name);
  const index = places.map(Number);
  return tensor && index.every(Number.isInteger) && tensor.inside(index) ? { name, index } : null;
}

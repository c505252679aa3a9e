// One map, taken apart again: its numbers by row and column, what is hidden, the words of its two sides.
// As in data.js nothing is computed here: values are read, never made.

class MapData {
  constructor(bytes) {
    const { header, buffers } = unframed(bytes);
    const { at, ...facts } = header; // `at` is a method here
    Object.assign(this, facts);
    [this.high, this.wide] = header.shape;
    const count = this.high * this.wide;
    const floats = (at, size) => (at === null ? null : new Float64Array(buffers, at, size));
    this.numbers = new KINDS[header.kind](buffers, at, count);
    this.flags = header.hidden === null ? null : new Uint8Array(buffers, header.hidden, count);
    this.rowSums = floats(header.row_sums, this.high);
    this.columnSums = floats(header.column_sums, this.wide);
    this.double = header.kind === "f8";
  }

  at(row, column) {
    return this.numbers[row * this.wide + column];
  }

  hides(row, column) {
    return this.flags !== null && this.flags[row * this.wide + column] === 1;
  }
}

// A word of one side, as it can be shown; null where the side has only indices.
function sideWord(side, index) {
  return side.words.length ? wordAt({ tokens: side.words }, index) : null;
}

// `query 2 “sat”`: repeated words stay apart.
function sidePlace(place, side, index) {
  const word = sideWord(side, index);
  const facts = { axis: side.axis, index };
  return word === null ? place.say("grid_place", facts) : place.say("grid_place_word", { ...facts, word });
}

// `sat 2`, for where there is little room.
function sideShort(place, side, index) {
  const word = sideWord(side, index);
  return word === null ? String(index) : place.say("grid_word_index", { word, index });
}

// Words that occur once need no index beside them.
function sideRepeats(side) {
  return new Set(side.words).size < side.words.length;
}

// A cell's number with every digit, or what stands for it.
function mapValue(place, map, row, column) {
  const value = map.at(row, column);
  return map.values === "flag" ? place.say(value ? "flag_yes" : "flag_no") : exact(value, map.double);
}

// A cell in one sentence.
function mapSentence(place, map, row, column) {
  const facts = {
    row: sidePlace(place, map.rows, row),
    column: sidePlace(place, map.columns, column),
    value: mapValue(place, map, row, column),
  };
  if (Number.isNaN(map.at(row, column))) return place.say("map_cell_nan", facts);
  return place.say(map.hides(row, column) ? "map_cell_hidden" : "map_cell", facts);
}

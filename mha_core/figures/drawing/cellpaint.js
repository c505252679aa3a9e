// Cells become pixels: colours as one small picture, then gaps, marks and numbers. Sheets and lens paint alike.

function pixel(layerOf, value) {
  return Math.round(value * layerOf.scale);
}

// A small picture that repeats: hatch (hidden), crosses (NaN where cells are too small for one each), dots (not sent).
function tileOf(layerOf, look, kind, colour = look.hatchLine) {
  const key = `${kind} ${colour}`;
  if (layerOf.tiles[key]) return layerOf.tiles[key];
  const size = Math.max(4, Math.round(6 * layerOf.scale));
  const canvas = element("canvas", { width: size, height: size });
  const pen = penOf(canvas);
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = layerOf.scale;
  if (kind === "dots") pen.fillRect(0, 0, layerOf.scale, layerOf.scale);
  else {
    pen.beginPath();
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 1, size + 1);
      pen.lineTo(shift + size + 1, -1);
      if (kind === "crosses") {
        pen.moveTo(shift - 1, -1);
        pen.lineTo(shift + size + 1, size + 1);
      }
    }
    pen.stroke();
  }
  return (layerOf.tiles[key] = layerOf.pen.createPattern(canvas, "repeat"));
}

// part: {item, depth, rows: [first, stop], from, to, x, y, cell, row}. Returns the kinds of marks that were met.
function paintCells(layerOf, explorer, tensor, paint, part) {
  const { pen } = layerOf;
  const rows = Array.from({ length: part.rows[1] - part.rows[0] }, (_, i) => part.rows[0] + i);
  const columns = Array.from({ length: part.to - part.from }, (_, i) => part.from + i);
  const index = tensor.axes === 4 ? [part.item, part.depth, 0, 0] : [part.item, 0, 0];
  const sheet = sheetOf(explorer, tensor, paint, index, tensor.axes - 2, rows, tensor.axes - 1, columns);
  const [left, top] = [pixel(layerOf, part.x), pixel(layerOf, part.y)];
  const right = pixel(layerOf, part.x + columns.length * part.cell);
  const bottom = pixel(layerOf, part.y + rows.length * part.row);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(pictureOf(sheet), left, top, right - left, bottom - top);
  paintGaps(layerOf, explorer, tensor, part, rows.length, columns.length);
  const met = new Set(sheet.marks);
  met.delete(MARK.none);
  if (met.size) paintMarks(layerOf, explorer, sheet, part, paint !== "value");
  if (part.cell >= GRID.digits[0] && part.row >= GRID.digits[1]) {
    paintNumbers(layerOf, explorer, tensor, sheet, part, index);
  }
  pen.strokeStyle = explorer.look.outline;
  const line = (pen.lineWidth = Math.max(1, Math.round(layerOf.scale)));
  pen.strokeRect(left - line / 2, top - line / 2, right - left + line, bottom - top + line);
  return met;
}

// Lines in the page's colour between cells that are large enough, and wider ones between the words of a fused axis.
function paintGaps(layerOf, explorer, tensor, part, rows, columns) {
  const { pen } = layerOf;
  const thin = Math.max(1, Math.round(layerOf.scale));
  const x = (at) => pixel(layerOf, part.x + at * part.cell);
  const y = (at) => pixel(layerOf, part.y + at * part.row);
  pen.fillStyle = explorer.look.page;
  if (part.cell >= 5) for (let at = 1; at < columns; at += 1) pen.fillRect(x(at) - thin, y(0), thin, y(rows) - y(0));
  if (part.row >= 5) for (let at = 1; at < rows; at += 1) pen.fillRect(x(0), y(at) - thin, x(columns) - x(0), thin);
  if (part.cell < 3) return;
  const edge = tensor.edges.at(-1);
  const steps = edge.words.length > 1 ? partsOf(edge, 0).map(({ step }) => step).filter((step) => step > 1) : [];
  for (const step of steps) {
    for (let at = Math.ceil((part.from + 1) / step) * step; at < part.to; at += step) {
      const wide = part.cell >= 8 ? 2 * thin : thin;
      pen.fillRect(x(at - part.from) - thin, y(0), wide, y(rows) - y(0));
    }
  }
}

function inkOf(colour) {
  return inkOn([colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]);
}

// Ground and pattern of a mark that fills its cell; nothing for one that is a sign.
function groundOf(look, mark, large) {
  if (mark === MARK.hidden) return [look.hatchGround, "hatch"];
  if (mark === MARK.absent) return [look.page, "dots"];
  if (mark === MARK.nan && !large) return [look.page, "crosses"];
  return [];
}

// Marks lie in runs: one rectangle for as many neighbours as are alike.
function paintMarks(layerOf, explorer, sheet, part, byOrigin) {
  const { look } = explorer;
  const { pen } = layerOf;
  const large = part.cell >= 9 && part.row >= 9;
  for (let row = 0; row < sheet.height; row += 1) {
    let column = 0;
    while (column < sheet.width) {
      const mark = sheet.marks[row * sheet.width + column];
      let stop = column + 1;
      while (stop < sheet.width && sheet.marks[row * sheet.width + stop] === mark) stop += 1;
      const [colour, kind] = groundOf(look, mark, large);
      if (kind) {
        const [x, y] = [pixel(layerOf, part.x + column * part.cell), pixel(layerOf, part.y + row * part.row)];
        const wide = pixel(layerOf, part.x + stop * part.cell) - x;
        const high = pixel(layerOf, part.y + (row + 1) * part.row) - y;
        // painted by origin, a hidden cell still shows where it comes from, under a hatch that can be seen on it
        const through = byOrigin && mark === MARK.hidden;
        pen.fillStyle = colour;
        if (!through) pen.fillRect(x, y, wide, high);
        pen.fillStyle = tileOf(layerOf, look, kind, through ? inkOf(sheet.pixels[row * sheet.width + column]) : undefined);
        pen.fillRect(x, y, wide, high);
      } else if (mark !== MARK.none && large) {
        for (let at = column; at < stop; at += 1) paintSign(layerOf, explorer, mark, part, row, at);
      }
      column = stop;
    }
  }
}

const SIGNS = { [MARK.nan]: "×", [MARK.more]: "∞", [MARK.less]: `${MINUS}∞` };

function paintSign(layerOf, { look }, mark, part, row, column) {
  const { pen, scale } = layerOf;
  const size = Math.min(14, Math.max(9, Math.min(part.row, part.cell)));
  pen.font = `${size * scale}px ${look.font}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillStyle = look.text;
  const middle = [part.x + (column + 0.5) * part.cell, part.y + (row + 0.5) * part.row];
  pen.fillText(SIGNS[mark], pixel(layerOf, middle[0]), pixel(layerOf, middle[1]), part.cell * scale);
}

function paintNumbers(layerOf, { look }, tensor, sheet, part, index) {
  const { pen, scale } = layerOf;
  const cell = [...index];
  const inks = new Map();
  pen.font = `${(part.cell >= 38 ? 11 : 10.5) * scale}px ${look.mono}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let row = 0; row < sheet.height; row += 1) {
    cell[tensor.axes - 2] = part.rows[0] + row;
    for (let column = 0; column < sheet.width; column += 1) {
      const at = row * sheet.width + column;
      if (sheet.marks[at] !== MARK.none) continue;
      cell[tensor.axes - 1] = part.from + column;
      const colour = sheet.pixels[at];
      if (!inks.has(colour)) inks.set(colour, inkOf(colour));
      pen.fillStyle = inks.get(colour);
      const text = short(tensor.at(cell), tensor.values);
      const x = pixel(layerOf, part.x + (column + 0.5) * part.cell - 0.5);
      const y = pixel(layerOf, part.y + (row + 0.5) * part.row + 0.5);
      pen.fillText(text, x, y, (part.cell - 2) * scale);
    }
  }
}

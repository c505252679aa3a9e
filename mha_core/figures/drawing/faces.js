// Faces of a block: the front sheet, row 0 of every sheet on top, the last column of every sheet at the right.
// A face is a picture of true cells, one pixel a cell, enlarged without smoothing. A face with fewer pixels than
// cells shows every n-th real cell: a mean or a strongest cell would be a number that is nowhere in the tensor.

const FACE_SHADE = { light: "rgba(0, 0, 0, 0.1)", dark: "rgba(0, 0, 0, 0.22)" };

// Every n-th index, so that each has a pixel; only indices that were sent (`base` is the step of what was sent).
function thinned(count, pixels, base = 1) {
  const step = Math.max(1, Math.ceil(count / Math.max(1, pixels) / base)) * base;
  return { step, places: Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step) };
}

// The depth indices from front to back: the one in front is pulled forward, the others keep their order.
function depthOrder(count, front, pixels) {
  const order = [front, ...Array.from({ length: count }, (_, i) => i).filter((place) => place !== front)];
  const { step } = thinned(count, pixels);
  return order.filter((_, place) => place % step === 0);
}

// Which depth index stands in front: the one that the followed number's marks lie in, where they lie in one.
function frontOf(explorer, tensor) {
  const marks = explorer.followed?.marks?.[tensor.name];
  if (!marks || tensor.axes !== 4 || tensor.shape[1] === 1) return { place: 0, chosen: false };
  const places = new Set(marks.one ? [marks.one[1]] : []);
  if (!marks.one) {
    for (const box of marks.boxes)
      for (const [start, stop] of box[1]) for (let i = start; i < stop; i += 1) places.add(i);
  }
  const [place] = places;
  if (places.size !== 1) return { place: 0, chosen: false };
  // row 0 of every sheet lies on the top face and is always sent: the next row that is drawn tells
  const row = Math.min(tensor.pieces[0].step[2], tensor.shape[2] - 1);
  const sent = tensor.at([explorer.run.item, place, row, 0]) !== undefined;
  return sent ? { place, chosen: true } : { place: 0, chosen: false };
}

// The faces that a block shows: where each lies, and which cells stand on it. `box`: x, y, w, h of the front, and
// dx, dy of its depth. `scale`: device pixels per pixel.
function facesOf(explorer, tensor, box, front, scale) {
  const { x, y, w, h, dx, dy } = box;
  const [rowAxis, columnAxis] = [tensor.axes - 2, tensor.axes - 1];
  const base = tensor.pieces[0].step;
  const rows = thinned(tensor.shape[rowAxis], Math.round(h * scale), base[rowAxis]).places;
  const columns = thinned(tensor.shape[columnAxis], Math.round(w * scale), base[columnAxis]).places;
  const index = tensor.shape.map((_, axis) => (axis === 0 ? explorer.run.item : 0));
  if (tensor.axes === 4) index[1] = front;
  const faces = [
    { side: "front", at: [x, y], across: [w, 0], down: [0, h], index, rowAxis, rows, columnAxis, columns },
  ];
  if (dx > 0) {
    const depths = depthOrder(tensor.shape[1], front, Math.round(dx * scale));
    const [first, last] = [[...index], [...index]];
    last[columnAxis] = tensor.shape[columnAxis] - 1;
    const depth = { rowAxis: 1, rows: depths, columnAxis, columns };
    faces.push({ side: "top", at: [x, y], across: [w, 0], down: [dx, -dy], index: first, ...depth });
    const beside = { rowAxis, rows, columnAxis: 1, columns: depths };
    faces.push({ side: "right", at: [x + w, y], across: [dx, -dy], down: [0, h], index: last, ...beside });
  }
  return faces;
}

// A point of a face, from parts of its width and height.
function pointOn(face, across, down) {
  return [
    face.at[0] + face.across[0] * across + face.down[0] * down,
    face.at[1] + face.across[1] * across + face.down[1] * down,
  ];
}

// A part of a face as a path: corners in order.
function cornersOn(face, left, top, right, bottom) {
  return [
    pointOn(face, left, top),
    pointOn(face, right, top),
    pointOn(face, right, bottom),
    pointOn(face, left, bottom),
  ];
}

function traceCorners(pen, corners) {
  corners.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
}

// The full index of the cell of a face under a point; null beside the face.
function cellUnder(face, x, y) {
  const [ax, ay] = face.across;
  const [bx, by] = face.down;
  const [px, py] = [x - face.at[0], y - face.at[1]];
  const size = ax * by - ay * bx;
  const [across, down] = [(px * by - py * bx) / size, (ax * py - ay * px) / size];
  if (across < 0 || across >= 1 || down < 0 || down >= 1) return null;
  const index = [...face.index];
  index[face.rowAxis] = face.rows[Math.floor(down * face.rows.length)];
  index[face.columnAxis] = face.columns[Math.floor(across * face.columns.length)];
  return index;
}

// Paint a block's faces. Returns them, for the pointer.
function paintFaces(pen, explorer, tensor, box, front, scale) {
  const { look } = explorer;
  const faces = facesOf(explorer, tensor, box, front, scale);
  for (const face of faces) {
    const { index, rowAxis, rows, columnAxis, columns } = face;
    const sheet = sheetOf(explorer, tensor, explorer.paintOf(tensor), index, rowAxis, rows, columnAxis, columns);
    pen.save();
    pen.imageSmoothingEnabled = false;
    pen.transform(
      face.across[0] / columns.length,
      face.across[1] / columns.length,
      face.down[0] / rows.length,
      face.down[1] / rows.length,
      ...face.at,
    );
    pen.drawImage(pictureOf(sheet), 0, 0);
    pen.restore();
    if (face.side === "right") {
      pen.fillStyle = look.dark ? FACE_SHADE.dark : FACE_SHADE.light;
      pen.beginPath();
      traceCorners(pen, cornersOn(face, 0, 0, 1, 1));
      pen.fill();
    }
    paintFaceMarks(pen, face, sheet, look);
    paintGrid(pen, face, tensor, look);
    pen.strokeStyle = look.outline;
    pen.lineWidth = 1;
    pen.beginPath();
    traceCorners(pen, cornersOn(face, 0, 0, 1, 1));
    pen.stroke();
  }
  return faces;
}

// Runs of equal marks along the rows of a face: [mark, row, first column, after the last].
function markRuns(sheet) {
  const runs = [];
  for (let row = 0; row < sheet.height; row += 1) {
    for (let start = 0; start < sheet.width;) {
      const mark = sheet.marks[row * sheet.width + start];
      let stop = start + 1;
      while (stop < sheet.width && sheet.marks[row * sheet.width + stop] === mark) stop += 1;
      if (mark !== MARK.none && mark !== MARK.absent) runs.push([mark, row, start, stop]);
      start = stop;
    }
  }
  return runs;
}

// Masked cells are hatched; NaN and infinite ones carry a sign. Marks are never a colour of the scale.
function paintFaceMarks(pen, face, sheet, look) {
  const runs = markRuns(sheet);
  if (!runs.length) return;
  const part = ([, row, start, stop]) => [
    start / sheet.width,
    row / sheet.height,
    stop / sheet.width,
    (row + 1) / sheet.height,
  ];
  const hidden = runs.filter(([mark]) => mark === MARK.hidden);
  if (hidden.length) {
    pen.save();
    pen.beginPath();
    for (const run of hidden) traceCorners(pen, cornersOn(face, ...part(run)));
    pen.clip();
    hatchArea(pen, cornersOn(face, 0, 0, 1, 1), look.hatchLine);
    pen.restore();
  }
  const [wide, tall] = [Math.hypot(...face.across) / sheet.width, Math.hypot(...face.down) / sheet.height];
  const every = Math.max(1, Math.ceil(7 / tall)); // rows lower than a sign: not every row has one
  for (const [mark, row, start, stop] of runs) {
    if (mark === MARK.hidden || row % every !== (Math.floor(every / 2) % sheet.height) % every) continue;
    const signs = Math.max(1, Math.min(stop - start, Math.floor(((stop - start) * wide) / 8)));
    for (let i = 0; i < signs; i += 1) {
      const across = (start + ((i + 0.5) * (stop - start)) / signs) / sheet.width;
      paintFaceSign(pen, mark, pointOn(face, across, (row + 0.5) / sheet.height), look);
    }
  }
}

// Diagonal lines over the area of some corners, in step with those of every other block.
function hatchArea(pen, corners, colour) {
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [low, high] = [Math.min(...xs) + Math.min(...ys), Math.max(...xs) + Math.max(...ys)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let sum = Math.ceil(low / 5) * 5; sum <= high; sum += 5) {
    pen.moveTo(sum - top, top);
    pen.lineTo(sum - bottom, bottom);
  }
  pen.stroke();
}

function paintFaceSign(pen, mark, [x, y], look) {
  if (mark === MARK.nan) {
    pen.strokeStyle = look.text;
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (const slope of [1, -1]) {
      pen.moveTo(x - 2.5, y - 2.5 * slope);
      pen.lineTo(x + 2.5, y + 2.5 * slope);
    }
    pen.stroke();
    return;
  }
  pen.fillStyle = look.text;
  pen.font = `9px ${look.font}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(mark === MARK.less ? `${MINUS}∞` : "∞", x, y);
}

// Lines between cells, where an axis has few indices and its cells have room.
function paintGrid(pen, face, tensor, look) {
  const { rows, columns, rowAxis, columnAxis } = face;
  pen.strokeStyle = look.page;
  const lines = (axis, places, reach, line) => {
    const step = Math.hypot(...reach) / places.length;
    if (tensor.shape[axis] > 16 || places.length < 2 || step < (axis === 1 && tensor.axes === 4 ? 2 : 3)) return;
    pen.lineWidth = step >= 6 ? 1 : 0.6;
    pen.beginPath();
    for (let i = 1; i < places.length; i += 1) {
      pen.moveTo(...line(i / places.length, 0));
      pen.lineTo(...line(i / places.length, 1));
    }
    pen.stroke();
  };
  lines(rowAxis, rows, face.down, (part, end) => pointOn(face, end, part));
  lines(columnAxis, columns, face.across, (part, end) => pointOn(face, part, end));
}

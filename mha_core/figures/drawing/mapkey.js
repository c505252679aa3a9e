// The legend: only what is on show now. Bars carry their numbers, swatches their words.

function drawMapKey(explorer, blocks) {
  const { look, options } = explorer;
  const legend = element("div", { class: "mha-key" });
  const tensors = blocks.map((block) => block.tensor);
  const painted = (paint) => tensors.filter((tensor) => explorer.paintOf(tensor) === paint);
  const byValue = painted("value");
  const bars = element("div", { class: "mha-key-bars" });
  if (byValue.some((tensor) => tensor.values === "signed")) {
    const words = ["negative", "zero", "positive"].map((key) => explorer.say(key));
    bars.append(keyBar("signed", look.stops("signed"), words));
  }
  if (byValue.some((tensor) => tensor.values === "probability")) {
    const words = [explorer.say("weight_low"), explorer.say("weight_high")];
    const stops = look.stops("probability");
    // spread out: the colour of a weight stands at the square of its place on the scale
    const spread = stops.map((stop, i) => `${stop} ${(i / (stops.length - 1)) ** (options.spread ? 2 : 1) * 100}%`);
    bars.append(keyBar("weight", spread, words));
  }
  for (const paint of ["token", "head"])
    if (painted(paint).length) bars.append(keyRamp(explorer, paint, painted(paint)));
  if (painted("role").length) bars.append(keyRoles(explorer));
  bars.append(...keyMarks(explorer, tensors));
  legend.append(bars);
  const notes = [];
  if (bars.querySelector(".mha-keybar-signed")) notes.push(explorer.say(options.own ? "range_own" : "range_shared"));
  if (options.spread && bars.querySelector(".mha-keybar-weight")) notes.push(explorer.say("spread"));
  notes.push(explorer.say("lengths"));
  const thin = blocks.some((block) => block.tensor.shape.slice(-2).some((size, i) => size > [block.h, block.w][i]));
  if (thin) notes.push(explorer.say("thinned"));
  legend.append(element("p", { class: "mha-key-note" }, listed(explorer, notes, "sentences")));
  const short = expansions(explorer, blocks);
  if (short.length) {
    const list = element("p", { class: "mha-key-note" });
    short.forEach(([sign, meaning], i) => list.append(i ? " · " : "", element("code", {}, sign), ` ${meaning}`));
    legend.append(list);
  }
  return legend;
}

function keyBar(kind, stops, words) {
  const bar = element("span", { class: "mha-keybar-scale" });
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  const labels = element("span", { class: "mha-keybar-words" }, ...words.map((word) => element("span", {}, word)));
  return element("span", { class: `mha-keybar-${kind} mha-key-item` }, bar, labels);
}

// One step of the ramp for each index; the first and the last are named.
function keyRamp(explorer, paint, tensors) {
  const count = Math.max(...tensors.map((tensor) => tensor.origins[paint].count));
  const colours = explorer.look.ramp(PAINT_WORD[paint], count).map(unpackedColour);
  const stops = colours.flatMap((colour, i) => [
    `${colour} ${(i / count) * 100}%`,
    `${colour} ${((i + 1) / count) * 100}%`,
  ]);
  const name = (place) => explorer.say("axis_index", { axis: paint, place });
  return keyBar(paint, stops, count > 1 ? [name(0), name(count - 1)] : [name(0)]);
}

function unpackedColour(number) {
  return hex([number & 255, (number >> 8) & 255, (number >> 16) & 255]);
}

function keyRoles(explorer) {
  const swatch = (colour, word) => {
    const patch = element("span", { class: "mha-swatch" });
    patch.style.background = unpackedColour(colour);
    return element("span", { class: "mha-swatch-item" }, patch, word);
  };
  const roles = ["q", "k", "v"].map((role, i) => swatch(explorer.look.roles[i], role));
  return element("span", { class: "mha-key-item mha-key-roles" }, ...roles);
}

// The marks that occur in this run.
function keyMarks(explorer, tensors) {
  const { look, run } = explorer;
  const marks = [];
  const put = (sign, key) => marks.push(element("span", { class: "mha-key-item" }, sign, explorer.say(key)));
  const hides = tensors.some((tensor) => tensor.hidden && (run.tensors.get(tensor.hidden)?.statistics.high ?? 0) > 0);
  if (hides) {
    const patch = element("span", { class: "mha-swatch mha-swatch-hatch" });
    const line = `${look.hatchLine} 0 1px, ${look.hatchGround} 1px 4px`;
    patch.style.backgroundImage = `repeating-linear-gradient(-45deg, ${line})`;
    put(patch, "masked");
  }
  const some = (fact) => tensors.some((tensor) => tensor.statistics[fact] > 0 && tensor.values !== "flag");
  if (some("nan")) put(element("span", { class: "mha-sign" }, "×"), "nan");
  if (some("infinite") && !hides) put(element("span", { class: "mha-sign" }, "∞"), "infinite");
  return marks;
}

// Abbreviations that occur on chips and edges, each with what it stands for: [sign, meaning].
function expansions(explorer, blocks) {
  const { run, constant } = explorer;
  const chips = run.stages.map((stage) => constant.stages[stage.text]?.operation ?? "");
  const labels = blocks.flatMap((block) => block.tensor.edges.map((edge) => edge.label));
  const used = [...chips, ...labels].join(" ");
  return abbreviations(explorer).filter(([sign]) => used.includes(sign));
}

// The catalogue's abbreviations: the keys that begin with "short for".
function abbreviations(explorer) {
  const prefix = "short for ";
  return Object.keys(explorer.constant.words)
    .filter((key) => key.startsWith(prefix))
    .map((key) => [key.slice(prefix.length), explorer.say(key)]);
}

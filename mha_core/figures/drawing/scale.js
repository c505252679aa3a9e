// Under the sheets: what the colours and marks mean, the switches of the scale, and the pages of long tensors.

function scaleOf(explorer, grid) {
  const { tensor } = grid;
  const paint = explorer.paintOf(tensor);
  const legend = element("div", { class: "mha-scales" });
  if (paint !== "value") legend.append(...originScale(explorer, tensor, paint));
  else if (tensor.values === "signed" && tensor.statistics.finite) legend.append(...signedScale(explorer, tensor));
  else if (tensor.values === "probability") legend.append(...weightScale(explorer, tensor));
  legend.append(...markScale(explorer, grid));
  return legend;
}

function keyed(swatch, text) {
  return element("span", { class: "mha-keyed" }, swatch, element("span", {}, text));
}

function gridSwatch(colour, name = "") {
  const swatch = element("span", { class: `mha-grid-swatch ${name}`, "aria-hidden": "true" });
  if (colour) swatch.style.background = colour;
  return swatch;
}

// stops: colours at even steps; power 2 puts them at the squares, as the spread colours do.
function scaleBar(stops, low, high, power = 1) {
  const places = stops.map((colour, i) => `${colour} ${(100 * (i / (stops.length - 1)) ** power).toFixed(2)}%`);
  const ramp = element("span", { class: "mha-grid-ramp", "aria-hidden": "true" });
  ramp.style.background = `linear-gradient(to right, ${places.join(", ")})`;
  return element("span", { class: "mha-scale" }, low, ramp, high);
}

function switchOf(explorer, key, text, on, change) {
  const box = element("input", { type: "checkbox", "data-key": key });
  box.checked = on;
  box.addEventListener("change", () => {
    change(box.checked);
    explorer.redraw();
  });
  return element("label", { class: "mha-switch" }, box, text);
}

function signedScale(explorer, tensor) {
  const { look, options, run } = explorer;
  const limit = (options.own ? tensor.limit : tensor.shared) || 1;
  const size = limit >= 0.01 && limit < 1e4 ? String(Number(limit.toPrecision(3))) : exact(Number(limit.toPrecision(2)));
  const parts = [scaleBar(look.stops("signed"), `${MINUS}${size}`, size)];
  const other = [...run.tensors.values()].find((each) => each !== tensor && each.limit === tensor.shared);
  const shares = tensor.limit !== tensor.shared && other;
  const facts = { limit: size, name: tensor.name, other: other?.name };
  const range = shares && !options.own ? "grid_range_shared" : "grid_range";
  parts.push(element("span", { class: "mha-range" }, explorer.say(range, facts)));
  if (shares) {
    const text = explorer.say("grid_share", facts);
    parts.push(switchOf(explorer, "grid-own", text, !options.own, (on) => Object.assign(options, { own: !on })));
  }
  return parts;
}

function weightScale(explorer, tensor) {
  const { look, options } = explorer;
  const spread = isSpread(tensor, options);
  const parts = [scaleBar(look.stops("probability"), "0", "1", spread ? 2 : 1)];
  parts.push(element("span", { class: "mha-range" }, explorer.say(spread ? "grid_weight_spread" : "grid_weight")));
  if (tensor.shape.at(-1) > MANY_KEYS) {
    const text = explorer.say("grid_spread");
    parts.push(switchOf(explorer, "grid-spread", text, spread, (on) => Object.assign(options, { spread: on })));
  }
  return parts;
}

// By origin: a swatch for each, or, where they are many, the ramp from the first to the last.
function originScale(explorer, tensor, paint) {
  const { look } = explorer;
  const { count } = tensor.origins[paint];
  const css = (colour) => `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
  if (paint === "role") {
    const used = tensor.role ? [tensor.role] : ["q", "k", "v"];
    return used.map((role) => keyed(gridSwatch(css(look.roles[["q", "k", "v"].indexOf(role)])), role));
  }
  const edge = { label: paint, words: [paint], sizes: [count] };
  const ramp = look.ramp(PAINT_WORD[paint], count).map(css);
  const name = (place) => axisPlace(explorer, edge, place);
  const what = element("span", { class: "mha-range" }, explorer.say("grid_origin", { axis: paint }));
  if (count > 12) return [scaleBar([ramp[0], ramp.at(-1)], name(0), name(count - 1)), what];
  return [...ramp.map((colour, place) => keyed(gridSwatch(colour), name(place))), what];
}

// Only the marks that are in sight.
function markScale(explorer, { seen, tensor }) {
  const parts = [];
  const sign = (text) => element("span", { class: "mha-grid-sign" }, text);
  if (seen.has(MARK.hidden)) parts.push(keyed(gridSwatch("", "mha-hatch"), explorer.say("hidden")));
  if (seen.has(MARK.nan)) parts.push(keyed(sign("×"), explorer.say("nan")));
  if (seen.has(MARK.more) || seen.has(MARK.less)) {
    parts.push(keyed(sign("∞"), explorer.say("grid_infinite", { count: tensor.statistics.infinite })));
  }
  if (seen.has(MARK.absent)) parts.push(keyed(gridSwatch("", "mha-dots"), explorer.say("not_sent")));
  return parts;
}

// Buttons for what is not on this page. What is in front is the lens's place, so that the address keeps it.
function pagersOf(explorer, grid, plan) {
  const made = [];
  const named = (key, facts) => explorer.say(facts.first === facts.last ? `${key}_one` : key, facts);
  if (plan.perPage < plan.sheets) {
    const facts = { axis: grid.depthEdge.label, first: plan.first, last: plan.stop - 1, size: plan.sheets };
    const places = [plan.first, plan.perPage, plan.sheets];
    made.push(pager(explorer, "sheets", named("grid_page", facts), places, (to) => `${to}.0`));
  }
  if (plan.perWindow < plan.lines) {
    const first = plan.bands[0].from;
    const facts = { first, last: plan.bands.at(-1).to - 1, size: plan.columns };
    const step = plan.perWindow * plan.line;
    const go = (to) => `${plan.first}.${to}`;
    made.push(pager(explorer, "columns", named("grid_window", facts), [first, step, plan.columns], go));
  }
  return made;
}

function pager(explorer, kind, text, [first, step, size], lens) {
  const button = (way, to, sign) => {
    const made = element("button", { type: "button", "data-key": `grid-${kind}-${way}` }, sign);
    const none = to < 0 || to >= size;
    made.setAttribute("aria-label", explorer.say(`grid_${kind}_${way}`));
    if (none) made.setAttribute("aria-disabled", "true"); // not `disabled`: the focus must not fall out of it
    made.addEventListener("click", () => {
      if (!none) explorer.set({ lens: lens(to) });
    });
    return made;
  };
  const sides = [button("previous", first - step, "‹"), element("span", {}, text), button("next", first + step, "›")];
  return element("div", { class: "mha-pager" }, ...sides);
}

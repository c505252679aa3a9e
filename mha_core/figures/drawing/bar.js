// The bar: one calm row above everything (step, play, paint, link, keys), and what the run has to say.

const PACE = 4000; // ms a stage stays while playing: its heading and two sentences can be read
const PAINTS = [null, "value", "token", "head", "role"]; // null: every stage in the paint that teaches it
const COPIED = 2400; // ms for which "Link copied" stands on the button

function drawBar(explorer, host) {
  const { run } = explorer;
  if (!explorer.open) explorer.arrived = null; // the next stage that opens arrives anew, even the same one
  if (!explorer.keyMap) bindKeyMap(explorer);
  const row = element("div", { class: "mha-bar-row", role: "group", "aria-label": explorer.say("bar_label") });
  row.append(stepButtons(explorer), paintChoice(explorer));
  if (explorer.open && run.sizes.batch > 1) row.append(batchChoice(explorer)); // the overview has a choice of its own
  row.append(lacksHint(explorer), barEnd(explorer));
  host.replaceChildren(row);
  if (explorer.linkShown) host.append(linkField(explorer));
  for (const note of run.notes) host.append(element("p", { class: "mha-notice" }, note));
}

function button(explorer, key, word, act, more = {}, ...children) {
  const made = element("button", { type: "button", class: "mha-button", "data-key": key, ...more });
  made.append(...(children.length ? children : [explorer.say(word)]));
  made.addEventListener("click", act);
  return made;
}

const BAR_SIGNS = {
  previous: "M10 3 L5 8 L10 13",
  next: "M6 3 L11 8 L6 13",
  play: "M5 3 L13 8 L5 13 Z",
  pause: "M4.5 3 V13 M11.5 3 V13",
};

function barSign(name) {
  const path = shape("path", { d: BAR_SIGNS[name], class: name === "play" ? "is-solid" : "is-line" });
  return shape("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: "mha-bar-sign", "aria-hidden": "true" }, path);
}

// Stepping.

function stepTo(explorer, by) {
  const { order } = explorer.run;
  if (!explorer.open) return by > 0 ? order[0] : undefined;
  return order[order.indexOf(explorer.open) + by];
}

// Open the next (1) or previous (-1) tensor of the run; says whether there was one.
function stepStage(explorer, by) {
  const stage = stepTo(explorer, by);
  if (stage) explorer.set({ stage, lens: null });
  return Boolean(stage);
}

function stepButtons(explorer) {
  const group = element("div", { class: "mha-steps" });
  for (const [key, by] of [["previous", -1], ["next", 1]]) {
    const word = explorer.say(key);
    const more = { "aria-label": word, title: word, class: "mha-button is-square" };
    if (!stepTo(explorer, by)) more.disabled = true;
    group.append(button(explorer, key, key, () => stepStage(explorer, by), more, barSign(key)));
  }
  const playing = Boolean(explorer.playing);
  const word = playing ? "pause" : "play";
  const more = { class: `mha-button mha-play${playing ? " is-playing" : ""}`, title: explorer.say(`${word}_does`) };
  const label = element("span", {}, explorer.say(word));
  group.append(button(explorer, "play", word, () => (explorer.playing ? pause : play)(explorer), more, barSign(word), label));
  return group;
}

// Walk the stages; any click or key pauses, and so does the end.
function play(explorer) {
  const listening = new AbortController();
  const stop = (event) => {
    // on the button itself only what presses it is left to it: any other key pauses
    const presses = event.type !== "keydown" || event.key === "Enter" || event.key === " ";
    if (!presses || !event.composedPath().some((node) => node.dataset?.key === "play")) pause(explorer);
  };
  for (const type of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(type, stop, { capture: true, passive: true, signal: listening.signal });
  }
  explorer.playing = { listening, timer: setInterval(() => playOn(explorer), PACE) };
  if (!stepTo(explorer, 1)) explorer.set({ stage: explorer.run.order[0], lens: null });
  else playOn(explorer);
}

function playOn(explorer) {
  if (!explorer.root.isConnected) return pause(explorer);
  stepStage(explorer, 1);
  if (!stepTo(explorer, 1)) pause(explorer);
  return undefined;
}

function pause(explorer) {
  if (!explorer.playing) return;
  clearInterval(explorer.playing.timer);
  explorer.playing.listening.abort();
  explorer.playing = null;
  if (!explorer.root.isConnected) return;
  // only the button changes: a redraw would take the pressed element away under the pointer
  const old = explorer.bar.querySelector(".mha-steps");
  const focused = old?.contains(explorer.root.getRootNode().activeElement);
  old?.querySelector('[data-key="play"]')?.replaceWith(stepButtons(explorer).querySelector('[data-key="play"]'));
  if (focused) explorer.bar.querySelector('[data-key="play"]')?.focus({ preventScroll: true });
}

// Paint.

function lackingPaints(explorer) {
  const { tensor } = explorer;
  return tensor ? PAINTS.filter((paint) => paint && paint !== "value" && !tensor.origins[paint]) : [];
}

function lacksText(explorer, paints, word = "lacks") {
  const names = paints.map((paint) => explorer.say(`origin_of_${paint}`));
  return explorer.say(word, { name: explorer.open, origins: listed(explorer, names, "either") });
}

function paintChoice(explorer) {
  const asked = explorer.view.paint || null;
  const chosen = PAINTS.includes(asked) ? asked : "value";
  const lacking = lackingPaints(explorer);
  const group = element("div", { class: "mha-paints", role: "radiogroup", "aria-label": explorer.say("paint_label") });
  group.append(element("span", { class: "mha-paints-label", "aria-hidden": "true" }, explorer.say("paint_label")));
  for (const paint of PAINTS) {
    const key = paint ?? "taught";
    const off = lacking.includes(paint);
    const facts = { type: "radio", name: "mha-paint", value: key, "data-key": `paint-${key}` };
    const input = element("input", { ...facts, checked: chosen === paint, disabled: off });
    input.addEventListener("change", () => explorer.set({ paint }));
    const title = off ? lacksText(explorer, [paint]) : explorer.say(`paint_${key}_does`);
    const label = element("span", {}, explorer.say(`paint_${key}`));
    group.append(element("label", { class: "mha-pill", title }, input, label));
  }
  return group;
}

// Why a paint cannot be had, in sight: a title alone is nothing on a touch screen.
function lacksHint(explorer) {
  const lacking = lackingPaints(explorer);
  const word = lacking.includes(explorer.view.paint) ? "lacks_chosen" : "lacks";
  return element("p", { class: "mha-lacks" }, lacking.length ? lacksText(explorer, lacking, word) : "");
}

// One batch item is drawn; another one is asked of the server, and drawn when it comes.
function batchChoice(explorer) {
  const { run, view } = explorer;
  const asked = Number(view.batch ?? run.item);
  const select = element("select", { "data-key": "item" });
  for (const item of itemsOf(explorer)) {
    const chosen = item === (asked < run.sizes.batch ? asked : run.item);
    select.append(element("option", { value: item, selected: chosen }, String(item)));
  }
  select.addEventListener("change", () => explorer.set({ batch: select.value === "0" ? null : select.value }));
  const title = explorer.say("batch_item_does", { count: run.sizes.batch });
  const label = element("span", {}, explorer.say("batch_item"));
  const of = element("span", {}, explorer.say("batch_of", { count: run.sizes.batch }));
  return element("label", { class: "mha-item", title }, label, select, of);
}

// Link and keys.

function barEnd(explorer) {
  const help = explorer.say("keys");
  const more = { class: "mha-button is-square", "aria-label": help, title: help, "aria-haspopup": "dialog" };
  const open = () => explorer.root.dispatchEvent(new CustomEvent("mha-keys"));
  return element(
    "div",
    { class: "mha-bar-end" },
    explorer.constant.offline?.link === "" ? null : copyButton(explorer, "copy", "copy"),
    saveMenu(explorer),
    button(explorer, "keys", "keys", open, more, "?"),
  );
}

// Both labels lie in one place, so that the button keeps its width.
function copyButton(explorer, key, word) {
  const labels = [
    element("span", { class: "mha-before" }, explorer.say(word)),
    element("span", { class: "mha-after" }, explorer.say("copied")),
  ];
  const more = { class: `mha-button mha-copy${explorer.copied === key ? " is-copied" : ""}` };
  return button(explorer, key, word, () => copyLink(explorer, key), more, ...labels);
}

async function copyLink(explorer, key) {
  const link = linkOf(explorer);
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    // no clipboard here (an insecure address, or refused): the link is shown, selected, to be copied by hand
    explorer.linkShown = true;
    explorer.redraw();
    const field = explorer.bar.querySelector('[data-key="link"]');
    field?.focus();
    field?.select();
    explorer.announce(explorer.say("copy_by_hand"));
    return;
  }
  explorer.copied = key;
  const mark = (on) => {
    explorer.root.querySelector(`[data-key="${key}"]`)?.classList.toggle("is-copied", on);
  };
  mark(true);
  explorer.announce(explorer.say("copied"));
  clearTimeout(explorer.copiedTimer);
  explorer.copiedTimer = setTimeout(() => {
    explorer.copied = null;
    mark(false);
  }, COPIED);
}

function linkField(explorer) {
  const close = () => {
    explorer.linkShown = false;
    explorer.redraw();
    explorer.bar.querySelector('[data-key="copy"]')?.focus({ preventScroll: true });
  };
  const input = element("input", { type: "text", readonly: true, "data-key": "link", value: linkOf(explorer) });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
  });
  const label = element("label", { class: "mha-link" }, element("span", {}, explorer.say("copy_by_hand")), input);
  return element("div", { class: "mha-link-row" }, label, button(explorer, "link-close", "close", close));
}

// One explorer a place in the page: it holds the run, the view and the look, and redraws what changed.

class Explorer {
  constructor(parent, constant) {
    this.constant = constant;
    this.root = element("div", { class: "mha", part: "mha" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const scope = parent.getRootNode();
    scope.adoptedStyleSheets = [...scope.adoptedStyleSheets, sheet];
    this.bar = element("div", { class: "mha-bar" });
    this.strip = element("nav", { class: "mha-strip", "aria-label": this.say("strip_label") });
    this.overview = element("section", { class: "mha-overview", "aria-label": this.say("overview_label") });
    this.stage = element("section", { class: "mha-stage", "aria-label": this.say("stage_label") });
    this.status = element("p", { class: "mha-status mha-aside", role: "status" });
    this.root.append(this.bar, this.strip, this.overview, this.stage, this.status);
    parent.append(this.root);
    this.view = lastView ? { ...lastView } : readView(); // another page of this visit goes on with its view
    this.options = { spread: null, own: false };
    this.followed = null; // what the server says about the followed cell
    this.paints = 0;
    this.width = 0;
    new ResizeObserver(() => {
      const width = Math.floor(this.root.clientWidth);
      if (width && width !== this.width && this.run) this.redraw();
    }).observe(this.root);
    bindKeys(this);
  }

  say(key, facts) {
    return say(this.constant.words, key, facts);
  }

  announce(text) {
    this.status.textContent = text;
  }

  // Ask the server for what is not here: a followed cell, another batch item, an open tensor's cells, a page.
  ask(what) {
    this.component.setTriggerValue("ask", { ...this.view, ...what });
  }

  // New data, a new theme, or the same again.
  paint(component) {
    this.component = component;
    if (this.bytes !== component.data) {
      this.bytes = component.data;
      this.run = unpackRun(component.data, this.constant);
      if (this.run.beside) this.followed = { marks: this.run.marks, moves: [], sums: {}, strips: [], list: [] };
    }
    if (this.view.stage && !this.open) {
      this.view.stage = null; // another pipeline has no such tensor
    }
    this.remember(); // what the server wrote into the address may be older than what is on show
    const { waiting } = globalThis.attentionExplorer;
    if (waiting?.run === this.run.id) {
      this.followed = waiting;
      globalThis.attentionExplorer.waiting = null;
    } else if (this.followed?.run && this.followed.run !== this.run.id) this.followed = null;
    this.redraw();
    this.root.dataset.run = this.run.id;
  }

  // What the server says of the followed cell. Nothing is followed where it names no cell; then it may say why.
  follow(data) {
    this.followed = data.cell ? data : null;
    if (data.sentence) {
      this.view.cell = null;
      this.remember();
      this.announce(data.sentence);
    }
    const missing = !data.cell && !this.run.beside && this.view.cell; // picked on another page
    if (missing && this.askedFor !== `${this.run.id} ${missing}`) {
      this.askedFor = `${this.run.id} ${missing}`;
      this.ask({});
    }
    this.redraw();
  }

  // The view is in the address, and with the next page of this visit.
  remember() {
    lastView = { ...this.view };
    writeView(this.view);
  }

  // The open tensor's name, or null; a name that this run does not have opens nothing.
  get open() {
    return this.run.tensors.has(this.view.stage) ? this.view.stage : null;
  }

  get tensor() {
    return this.open ? this.run.tensors.get(this.open) : null;
  }

  // Where a cell is drawn, in the window's pixels; null: it is not.
  where(name, index) {
    return cellPlace(this, name, index);
  }

  // The paint in which a tensor is shown now.
  paintOf(tensor) {
    // side by side numbers are compared, so they open by value
    return paintOf(tensor, this.view.paint ?? (this.run.beside ? "value" : null));
  }

  // Change the view: the address follows, the drawing follows, and the server is asked only for what is not here.
  set(changes) {
    const before = { ...this.view };
    Object.assign(this.view, changes);
    // a cell of another batch item would bring that item back
    const item = this.view.cell?.split(".")[1];
    if (this.view.batch !== before.batch && item !== (this.view.batch ?? "0")) this.view.cell = null;
    this.remember();
    if (this.view.stage !== before.stage && this.open && !this.run.whole) this.ask({});
    else if (this.view.cell !== before.cell || this.view.batch !== before.batch) this.ask({});
    if (this.view.cell === null && !this.run.beside) this.followed = null;
    this.redraw();
    for (const other of live()) {
      if (other === this) continue;
      other.view = { ...this.view };
      other.redraw();
    }
  }

  // Back or Forward: the address says what is on show.
  reread() {
    this.view = { ...lastView };
    if (this.run) this.redraw();
  }

  redraw() {
    this.look = readLook(this.root, this.constant.theme);
    this.width = Math.floor(this.root.clientWidth);
    this.root.classList.toggle("dark", this.look.dark);
    this.root.classList.toggle("is-open", Boolean(this.open));
    for (const [name, value] of Object.entries(this.look)) {
      if (typeof value === "string") this.root.style.setProperty(`--mha-${name}`, value);
    }
    for (const word of Object.keys(this.constant.theme.axes)) {
      this.root.style.setProperty(`--mha-axis-${word}`, this.look.axis(word));
    }
    const scope = this.root.getRootNode();
    const focused = this.root.contains(scope.activeElement) ? scope.activeElement.dataset.key : null;
    const { beside } = this.run; // one of two runs side by side: its sheets alone
    this.bar.hidden = Boolean(beside);
    this.overview.hidden = beside || Boolean(this.open);
    this.strip.hidden = beside || !this.open;
    this.stage.hidden = !beside && !this.open;
    if (beside) drawBeside(this, this.stage);
    else drawBar(this, this.bar);
    if (beside) {
      // nothing else to draw
    } else if (this.open) {
      drawStrip(this, this.strip);
      drawStage(this, this.stage);
    } else drawOverview(this, this.overview);
    if (focused && scope.activeElement?.dataset?.key !== focused) {
      this.root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
    this.paints += 1;
    this.root.dataset.painted = String(this.paints);
  }
}

// Build an element: attributes by name, text and children as given. Text is always text.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

// Published once a page; the places in the page wait for it.
const places = new WeakMap();
const explorers = new Set();
let shown = null;
let lastView = null; // what was last on show in this visit: a link between pages knows only what the server knew

// The explorers still in the page; those of a page that was left are forgotten.
function live() {
  for (const explorer of explorers) if (!explorer.root.isConnected) explorers.delete(explorer);
  return [...explorers];
}

addEventListener("popstate", () => {
  lastView = readView();
  live().forEach((explorer) => explorer.reread());
});
// the server writes settings into the address as they were when it was asked: the view is put back
globalThis.navigation?.addEventListener("currententrychange", (event) => {
  if (event.navigationType === "push") live().forEach((explorer) => writeView(explorer.view));
});

// JSON cannot hold these numbers: they travel by name.
const NAMED = { NaN, Infinity, "-Infinity": -Infinity };

function revived(text) {
  return JSON.parse(text, (_, value) => (typeof value === "string" && value in NAMED ? NAMED[value] : value));
}

globalThis.attentionExplorer = {
  constant: null,
  paint(component) {
    const { parentElement } = component;
    if (!places.has(parentElement)) {
      places.set(parentElement, new Explorer(parentElement, this.constant));
      explorers.add(places.get(parentElement));
    }
    shown = places.get(parentElement);
    shown.paint(component);
  },
  follow(text) {
    const data = revived(text);
    if (shown && data.run === shown.run.id) shown.follow(data);
    else this.waiting = data; // it came before its run
    if (shown && !data.cell) shown.follow(data);
  },
  start(constant) {
    this.constant = typeof constant === "string" ? JSON.parse(constant) : constant;
    dispatchEvent(new Event("attention-explorer"));
  },
  // For tests: the explorer last painted.
  get shown() {
    return shown;
  },
  // For tests: where a cell of the open tensor is drawn in the window; null: it is not drawn.
  where: (name, index) => cellPlace(shown, name, index),
};

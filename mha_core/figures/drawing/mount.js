// One explorer a place in the page: it holds the run, the view and the look, and redraws what changed.

class Explorer extends Place {
  constructor(parent, constant) {
    super(parent, constant);
    this.bar = element("div", { class: "mha-bar" });
    this.strip = element("nav", { class: "mha-strip", "aria-label": this.say("strip_label") });
    this.overview = element("section", { class: "mha-overview", "aria-label": this.say("overview_label") });
    this.stage = element("section", { class: "mha-stage", "aria-label": this.say("stage_label") });
    this.root.append(this.bar, this.strip, this.overview, this.stage, this.status);
    this.view = lastView ? { ...lastView } : readView(); // another page of this visit goes on with its view
    this.options = { spread: null, own: false };
    this.followed = null; // what the server says about the followed cell
    this.opened = {}; // which parts on demand are open
    bindKeys(this);
  }

  // Ask the server for what is not here: a followed cell, another batch item, an open tensor's cells, a page.
  ask(what) {
    if (this.constant.offline) return askNobody(this);
    return this.component.setTriggerValue("ask", { ...this.view, ...what });
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
    this.dress();
    this.root.classList.toggle("is-open", Boolean(this.open));
    const { beside } = this.run; // one of two runs side by side: its sheets alone
    this.bar.hidden = Boolean(beside);
    this.overview.hidden = beside || Boolean(this.open);
    this.strip.hidden = beside || !this.open;
    this.stage.hidden = !beside && !this.open;
    this.keepFocus(() => {
      if (beside) return drawBeside(this, this.stage);
      drawBar(this, this.bar);
      if (!this.open) return drawOverview(this, this.overview);
      drawStrip(this, this.strip);
      return drawStage(this, this.stage);
    });
  }

  picture() {
    return pictureOfExplorer(this);
  }

  get pictureName() {
    return nameOfExplorer(this);
  }

  leave() {
    pause(this);
    explorers.delete(this);
    if (shown === this) shown = live().at(-1) ?? null;
    super.leave();
  }
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
  if (!globalThis.attentionExplorer.constant) return; // nothing has been drawn yet
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

// The place that belongs to a component, made when it is first asked for.
function placed(component, Kind, constant) {
  const { parentElement } = component;
  if (!places.has(parentElement)) places.set(parentElement, new Kind(parentElement, constant));
  return places.get(parentElement);
}

globalThis.attentionExplorer = {
  constant: null,
  paint(component) {
    shown = placed(component, Explorer, this.constant);
    explorers.add(shown);
    shown.paint(component);
  },
  links(component) {
    placed(component, Links, this.constant).paint(component);
  },
  table(component) {
    placed(component, MapTable, this.constant).paint(component);
  },
  picture(component) {
    placed(component, PictureButton, this.constant).paint(component);
  },
  // What the drawing of the page before had in front; null: nothing was drawn in this visit.
  get front() {
    return lastView;
  },
  // A page without this drawing says what is in front, for the drawing of the next page.
  remember(view) {
    lastView = { ...view };
  },
  // A component has left the page.
  leave(parentElement) {
    places.get(parentElement)?.leave();
    places.delete(parentElement);
  },
  follow(text) {
    const data = revived(text);
    if (shown && data.run === shown.run.id) shown.follow(data);
    else this.waiting = data; // it came before its run
    if (shown && !data.cell) shown.follow(data);
  },
  start(constant) {
    this.constant = typeof constant === "string" ? JSON.parse(constant) : constant;
    const asked = Object.values(readView()).some((value) => value !== null);
    if (this.constant.offline && !asked) lastView = { ...this.constant.offline.view }; // a file has no address to ask
    dispatchEvent(new Event("attention-explorer"));
  },
  // For tests: the explorer last painted.
  get shown() {
    return shown;
  },
  // For tests: where a cell of the open tensor is drawn in the window; null: it is not drawn.
  where: (name, index) => cellPlace(shown, name, index),
};

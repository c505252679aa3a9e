// The links of one head: query words at the left, key words at the right, and between them a line for every weight.
// A query can be picked out; the rest then fades, and its weights are printed behind the keys.

const LINKS = {
  all: 32, // tokens up to which every line is drawn; above, only those of the picked query
  few: 10, // tokens up to which lines may be wide
  told: 0.02, // weights from here on are printed
  most: 620,
  head: 28,
  letter: 12.5,
};

class Links extends Place {
  constructor(parent, constant) {
    super(parent, constant, "mha-links");
    this.hint = `mha-links-${(linksCount += 1)}`;
    this.title = element("p", { class: "mha-links-title" });
    this.board = element("div", { class: "mha-links-board" });
    this.picturePlace = element("div", { class: "mha-links-picture" });
    this.list = element("div", { class: "mha-links-list", role: "listbox", tabindex: "0", "data-key": "links" });
    this.sentence = element("p", { class: "mha-links-sentence" });
    this.board.append(this.picturePlace, this.list);
    this.top = element("div", { class: "mha-links-top" });
    this.root.append(this.top, this.board, this.sentence, this.status);
    this.active = 0; // where the keyboard is
    this.peek = null; // the query under the pointer or the keyboard, before it is picked
    this.sent = []; // picks that the server has not answered yet
    bindLinks(this);
  }

  paint(component) {
    this.component = component;
    if (this.bytes !== component.data) {
      this.bytes = component.data;
      this.map = new MapData(component.data);
      this.active = Math.min(this.active, this.map.high - 1);
      const answered = this.sent.indexOf(this.map.picked);
      // an answer to an earlier pick does not undo a later one
      const late = answered >= 0 && answered < this.sent.length - 1;
      this.sent = late ? this.sent.slice(answered + 1) : [];
      if (!late) this.picked = this.map.picked;
    }
    this.redraw();
  }

  // The query whose lines stand out now.
  get front() {
    return this.peek ?? this.picked;
  }

  pick(row) {
    this.picked = this.picked === row ? null : row;
    this.peek = null;
    this.sent.push(this.picked);
    this.ask({ query: this.picked });
    this.redraw();
    this.announce(linksSentence(this));
  }

  redraw() {
    this.dress();
    this.keepFocus(() => drawLinks(this));
  }

  picture() {
    return pictureOfParts([this.title, this.picturePlace], { title: this.map.title, text: linksSentence(this), page: this.look.page });
  }

  get pictureName() {
    return ["links", this.map.title, this.picked === null ? "" : `query ${this.picked}`];
  }
}

let linksCount = 0;

function bindLinks(links) {
  const { list } = links;
  const rowUnder = (event) => event.target.closest?.("[data-row]")?.dataset.row ?? null;
  list.addEventListener("click", (event) => {
    const row = rowUnder(event);
    if (row === null) return;
    links.active = Number(row);
    links.pick(links.active);
  });
  list.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") peekAt(links, rowUnder(event));
  });
  list.addEventListener("pointerleave", () => peekAt(links, null));
  list.addEventListener("focus", () => peekAt(links, list.matches(":focus-visible") ? links.active : null));
  list.addEventListener("blur", () => peekAt(links, null));
  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !walkLinks(links, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function peekAt(links, row) {
  const next = row === null ? null : Number(row);
  if (next === links.peek || !links.map) return;
  links.peek = next;
  links.redraw();
}

function walkLinks(links, key) {
  const last = links.map.high - 1;
  const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -last, End: last };
  if (key in steps) links.active = within(0, links.active + steps[key], last);
  else if (key === "Enter" || key === " ") links.pick(links.active);
  else if (key === "Escape" && links.picked !== null) links.pick(links.picked);
  else return false;
  links.peek = links.active;
  links.redraw();
  return true;
}

// What the lines show, in words.
function linksSentence(links) {
  const { map, picked } = links;
  const facts = { title: map.title };
  if (picked === null) return links.say(map.high > LINKS.all ? "links_many" : "links_all", facts);
  const query = sidePlace(links, map.rows, picked);
  const keys = Array.from({ length: map.wide }, (_, key) => key);
  if (keys.some((key) => Number.isNaN(map.at(picked, key)))) return links.say("links_nan", { query });
  const hidden = keys.filter((key) => map.hides(picked, key)).length;
  const told = keys.filter((key) => map.at(picked, key) >= LINKS.told && !map.hides(picked, key));
  told.sort((one, other) => map.at(picked, other) - map.at(picked, one));
  const weights = told
    .map((key) => links.say("links_weight", { key: sidePlace(links, map.columns, key), weight: short(map.at(picked, key), map.values) }))
    .join(", ");
  const less = map.wide - hidden - told.length;
  return links.say(told.length ? "links_picked" : "links_none", { query, weights, less, hidden });
}

// Geometry: numbers only. Queries and keys share the height, so that a word looks straight across at itself.
function linksPlan(links) {
  const { map, look } = links;
  const width = Math.min(links.width, LINKS.most);
  const most = Math.max(map.high, map.wide);
  const pitch = most > LINKS.all ? 640 / most : most > LINKS.few ? 22 : 34;
  const names = (side, count) => Array.from({ length: count }, (_, index) => sideShort(links, side, index));
  const widest = (texts) => Math.ceil(Math.max(...texts.map((text) => textWidth(look, text, LINKS.letter, true))));
  const room = Math.floor(width * 0.32);
  const left = Math.min(room, Math.max(48, widest(names(map.rows, map.high)) + 10));
  const behind = 46; // a printed weight
  const right = Math.min(room + 20, Math.max(40, widest(names(map.columns, map.wide))) + behind);
  const high = pitch * most;
  const at = (count) => (index) => LINKS.head + (high * (index + 0.5)) / count;
  return { width, height: LINKS.head + high + 4, pitch, left, right, behind, start: left + 8, end: width - right - 8, high, queryAt: at(map.high), keyAt: at(map.wide) };
}

function drawLinks(links) {
  const { map, look } = links;
  const plan = (links.plan = linksPlan(links));
  const svg = shape("svg", { width: plan.width, height: plan.height, viewBox: `0 0 ${plan.width} ${plan.height}`, "aria-hidden": "true" });
  drawLinkLines(links, svg, plan);
  drawLinkWords(links, svg, plan);
  if (links.topWidth !== links.width) {
    links.topWidth = links.width; // its menu stays as it is while lines change
    links.top.replaceChildren(links.title, saveMenu(links));
  }
  links.title.textContent = map.title;
  links.title.style.color = map.head === null ? "" : look.axis("head");
  links.picturePlace.replaceChildren(svg);
  links.top.style.maxWidth = `${plan.width}px`;
  Object.assign(links.board.style, { width: `${plan.width}px`, height: `${plan.height}px` });
  drawLinkList(links, plan);
  links.sentence.textContent = linksSentence(links);
}

function drawLinkLines(links, svg, plan) {
  const { map, look, front } = links;
  const all = Math.max(map.high, map.wide) <= LINKS.all;
  const colour = map.head === null ? look.outline : look.axis("head");
  const wide = Math.max(map.high, map.wide) <= LINKS.few ? 7 : 4;
  const middle = (plan.start + plan.end) / 2;
  const rows = Array.from({ length: map.high }, (_, row) => row).filter((row) => all || row === front);
  if (front !== null) rows.sort((one, other) => (one === front) - (other === front)); // the picked one lies on top
  for (const row of rows) {
    const group = shape("g", { fill: "none", stroke: colour, "data-query": row });
    const y = plan.queryAt(row);
    for (let key = 0; key < map.wide; key += 1) {
      const weight = map.at(row, key);
      if (map.hides(row, key) || Number.isNaN(weight)) continue;
      const to = plan.keyAt(key);
      const faded = front !== null && row !== front;
      const d = `M${plan.start} ${y}C${middle} ${y} ${middle} ${to} ${plan.end} ${to}`;
      const opacity = faded ? 0.05 : Math.max(0.08, Math.min(1, weight));
      group.append(shape("path", { d, "stroke-width": 0.6 + wide * Math.max(0, weight), "stroke-opacity": opacity, "data-key-place": key }));
    }
    svg.append(group);
  }
  if (!all && front === null) {
    put(svg, middle, LINKS.head + plan.high / 2, links.say("links_pick"), { colour: look.muted, anchor: "middle", size: 13 });
  }
}

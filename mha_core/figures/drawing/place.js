// One place of the page that is drawn into: its root, its words, its look, and all that has to go when it goes.

// One sheet for all places of a page; made when the first of them is.
let placeSheet = null;

class Place {
  // `kind` is a class of the root's own.
  constructor(parent, constant, kind = "") {
    this.constant = constant;
    this.leaving = new AbortController(); // listeners outside the root end with it
    this.root = element("div", { class: `mha ${kind}`.trim(), part: "mha" });
    this.status = element("p", { class: "mha-status mha-aside", role: "status" });
    this.width = 0;
    this.paints = 0;
    if (!placeSheet) {
      placeSheet = new CSSStyleSheet();
      placeSheet.replaceSync(STYLE);
    }
    const scope = parent.getRootNode();
    if (!scope.adoptedStyleSheets.includes(placeSheet)) {
      scope.adoptedStyleSheets = [...scope.adoptedStyleSheets, placeSheet];
    }
    parent.append(this.root);
    this.watching = new ResizeObserver(() => {
      const width = Math.floor(this.root.clientWidth);
      if (width && width !== this.width && this.ready) this.redraw();
    });
    this.watching.observe(this.root);
  }

  // Whether there is something to draw yet.
  get ready() {
    return Boolean(this.bytes);
  }

  say(key, facts) {
    return say(this.constant.words, key, facts);
  }

  announce(text) {
    this.status.textContent = text;
  }

  // Listen to what outlives this place: the window, the document.
  listen(target, type, act, options = {}) {
    target.addEventListener(type, act, { ...options, signal: this.leaving.signal });
  }

  // Tell the server what was asked for.
  ask(what) {
    this.component.setTriggerValue("ask", what);
  }

  // Read the page's theme, and hand its colours to the style sheet.
  dress() {
    this.look = readLook(this.root, this.constant.theme);
    this.width = Math.floor(this.root.clientWidth);
    this.root.classList.toggle("dark", this.look.dark);
    for (const [name, value] of Object.entries(this.look)) {
      if (typeof value === "string") this.root.style.setProperty(`--mha-${name}`, value);
    }
    for (const word of Object.keys(this.constant.theme.axes)) {
      this.root.style.setProperty(`--mha-axis-${word}`, this.look.axis(word));
    }
  }

  // Do something that rebuilds parts of the root; the focus stays on what has the same key.
  keepFocus(rebuild) {
    const scope = this.root.getRootNode();
    const focused = this.root.contains(scope.activeElement) ? scope.activeElement.dataset.key : null;
    rebuild();
    if (focused && scope.activeElement?.dataset?.key !== focused) {
      this.root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
    this.paints += 1;
    this.root.dataset.painted = String(this.paints);
  }

  // The place has left the page: nothing of it may stay behind.
  leave() {
    this.leaving.abort();
    this.watching.disconnect();
    this.root.remove();
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

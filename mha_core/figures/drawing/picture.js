// Saving what is drawn: a small menu, and the file as .svg or .png, made here in the browser.

const PICTURE = { sharp: 2, most: 12000 }; // a .png has two pixels for each of the page's, and no side longer than this

// A place with a picture has `picture()`: {node, width, height}, and `pictureName`.
function saveMenu(place) {
  const word = place.say("save_picture");
  const menu = element("div", { class: "mha-save-menu", popover: "auto", role: "group", "aria-label": word });
  const small = document.documentElement.clientWidth < 700;
  const more = { class: `mha-button mha-save${small ? " is-square" : ""}`, "aria-label": word, title: place.say("save_picture_does") };
  const open = button(place, "save", "", () => {}, more, saveSign(), small ? "" : word);
  open.popoverTargetElement = menu;
  for (const form of ["svg", "png"]) {
    const save = () => {
      menu.hidePopover();
      savePicture(place, form);
    };
    const does = { class: "mha-button", title: place.say(`save_${form}_does`) };
    menu.append(button(place, `save-${form}`, `save_${form}`, save, does));
  }
  menu.addEventListener("beforetoggle", (event) => {
    // inside a shadow root the browser does not find back to the button by itself
    const inside = menu.contains(menu.getRootNode().activeElement);
    if (event.newState === "closed" && inside) open.focus({ preventScroll: true });
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    const [under, own] = [open.getBoundingClientRect(), menu.getBoundingClientRect()];
    const { clientWidth, clientHeight } = document.documentElement;
    const below = under.bottom + 4 + own.height < clientHeight;
    menu.style.left = `${within(4, under.left, clientWidth - own.width - 4)}px`;
    menu.style.top = `${below ? under.bottom + 4 : under.top - own.height - 4}px`;
  });
  return element("span", { class: "mha-save-place" }, open, menu);
}

function saveSign() {
  const path = shape("path", { d: "M8 2.5 V10 M4.5 7 L8 10.5 L11.5 7 M3 13.5 H13", class: "is-line" });
  return shape("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: "mha-bar-sign", "aria-hidden": "true" }, path);
}

async function savePicture(place, form) {
  const picture = place.picture();
  if (!picture) return place.announce(place.say("picture_none"));
  const file = `${pictureName(place.pictureName)}.${form}`;
  const blob = form === "svg" ? new Blob([svgSource(picture.node)], { type: "image/svg+xml" }) : await pngOf(picture);
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  return place.announce(place.say("picture_saved", { file }));
}

// A file's name from some words: letters and digits stay, everything else becomes a dash.
function pictureName(words) {
  const safe = words
    .map((word) => String(word).replace(/[^\p{L}\p{N}_]+/gu, "-").replace(/^-+|-+$/g, ""))
    .filter(Boolean)
    .join("-");
  return [...safe].slice(0, 80).join("") || "attention";
}

// XML has no place for control signs and halves of signs.
function svgSource(node) {
  const text = new XMLSerializer().serializeToString(node);
  return text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
}

async function pngOf({ node, width, height }) {
  const scale = Math.min(PICTURE.sharp, PICTURE.most / Math.max(width, height));
  const copy = node.cloneNode(true);
  const style = shape("style");
  style.textContent = (await fontRules(node)).join("\n"); // a picture cannot ask for the page's fonts
  copy.prepend(style);
  copy.setAttribute("width", Math.round(width * scale));
  copy.setAttribute("height", Math.round(height * scale));
  const address = URL.createObjectURL(new Blob([svgSource(copy)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = element("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}

const fontFiles = new Map();

// The page's own font faces that a picture's letters use, each with its file inside.
async function fontRules(node) {
  const plain = (text) => text.split(",")[0].replace(/["']/g, "").trim();
  const used = new Set([...node.querySelectorAll("[font-family]")].map((each) => plain(each.getAttribute("font-family"))));
  const rules = [];
  for (const sheet of [...document.styleSheets]) {
    let found = [];
    try {
      found = [...sheet.cssRules];
    } catch {
      // a sheet from elsewhere does not let itself be read
    }
    for (const rule of found.filter((each) => each instanceof CSSFontFaceRule)) {
      const said = (name) => rule.style.getPropertyValue(name);
      const file = /url\(["']?([^"')]+)/.exec(said("src"))?.[1];
      if (!file || !used.has(plain(said("font-family"))) || said("font-style") === "italic") continue;
      const address = new URL(file, sheet.href ?? document.baseURI).href;
      if (!fontFiles.has(address)) fontFiles.set(address, readAsData(address));
      const data = await fontFiles.get(address);
      if (data) rules.push(`@font-face{font-family:"${plain(said("font-family"))}";font-weight:${said("font-weight") || 400};src:url(${data})}`);
    }
  }
  return rules;
}

async function readAsData(address) {
  try {
    const blob = await (await fetch(address)).blob();
    return await new Promise((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.onerror = failed;
      reader.readAsDataURL(blob);
    });
  } catch {
    return null; // without the font the picture has the system's
  }
}

// What the explorer shows: the map of the whole pipeline, the open stage's heading and sheets, or one of two runs.
const PICTURED = {
  overview: [".mha-overview"],
  stage: [".mha-head", ".mha-board"],
  beside: [".mha-beside-title", ".mha-beside-said", ".mha-sheets", ".mha-lens-host"],
};

function pictureOfExplorer(explorer) {
  const { open, tensor, run } = explorer;
  const shows = run.beside ? "beside" : open ? "stage" : "overview";
  const title = open ? blockTitle(explorer, tensor) : explorer.say("overview_label");
  const text = open ? drawingSentence(explorer, tensor) : "";
  const read = () => {
    const parts = PICTURED[shows].map((name) => explorer.root.querySelector(name));
    return pictureOfParts(parts.filter((part) => part?.offsetHeight), { title, text, page: explorer.look.page });
  };
  return recorded(() => explorer.redraw(), read);
}

function nameOfExplorer({ open, run }) {
  const preset = new URLSearchParams(location.search).get("preset") ?? "";
  return ["attention", open ?? "overview", preset, run.item ? `item-${run.item}` : "", run.beside?.title ?? ""];
}

// A button that saves what stands elsewhere in the page.
class PictureButton extends Place {
  paint(component) {
    this.component = component;
    this.bytes = component.data;
    this.asked = JSON.parse(component.data);
    this.redraw();
  }

  redraw() {
    this.dress();
    this.keepFocus(() => this.root.replaceChildren(saveMenu(this), this.status));
  }

  get pictureName() {
    return [this.asked.name];
  }

  picture() {
    const parts = [...document.querySelectorAll(this.asked.target)].filter((part) => part.checkVisibility());
    return parts.length ? pictureOfParts(parts, { title: this.asked.name, text: "", page: this.look.page }) : null;
  }
}

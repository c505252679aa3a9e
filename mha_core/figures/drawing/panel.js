// Above the sheets: the open stage's heading, and two short columns: what it does and why, and the code that ran.

// The sizes that code names, and the axis whose colour they take.
const SIZE_WORDS = {
  batch_size: "batch",
  sequence_length: "token",
  input_dim: "input_dim",
  d_model: "d_model",
  num_heads: "head",
  head_dim: "head_dim",
};

function axisInk(word) {
  return `var(--mha-axis-${word}, var(--mha-muted))`;
}

// Numbers of a shape or an index, each in the colour of its axis: (1, 8, 4, 192) or [0, 2, 17].
function coloured(tensor, numbers, [open, close]) {
  const made = element("span", { class: "mha-digits" }, open);
  numbers.forEach((number, axis) => {
    if (axis) made.append(", ");
    const digit = element("span", {}, String(number));
    digit.style.color = axisInk(tensor.edges[axis].colour);
    made.append(digit);
  });
  made.append(close);
  return made;
}

function shapeOf(tensor) {
  return coloured(tensor, tensor.shape, ["(", ")"]);
}

function stageText(explorer, stage) {
  return explorer.constant.stages[stage.text] ?? { title: "", why: "", note: "", source: "", formula: "", code: "" };
}

// A name that leads to its stage.
function stageLink(explorer, name, key, more = {}) {
  const tensor = explorer.run.tensors.get(name);
  const made = button(explorer, key, "", () => explorer.set({ stage: name, lens: null }), { class: "mha-stage-link", ...more }, name);
  if (tensor?.role) made.style.color = explorer.look.role(tensor.role);
  return made;
}

function drawHeading(explorer, tensor, stage) {
  const { title } = stageText(explorer, stage);
  const name = element("span", { class: "mha-head-name" }, tensor.name);
  if (tensor.role) name.style.color = explorer.look.role(tensor.role);
  const heading = element("h2", { tabindex: -1, "data-key": "heading" }, name);
  if (title) heading.append(" ", element("span", { class: "mha-head-title" }, title));
  const head = element("header", { class: "mha-head" }, heading);
  if (stage.makes.length > 1) head.append(siblings(explorer, tensor, stage));
  const shapes = element("p", { class: "mha-head-shapes" });
  const before = stage.reads.map((read) => explorer.run.tensors.get(read)).filter(Boolean);
  before.forEach((read, at) => shapes.append(at ? ", " : "", shapeOf(read)));
  if (before.length) shapes.append(element("span", { class: "mha-arrow", "aria-label": explorer.say("becomes") }, " → "));
  shapes.append(shapeOf(tensor));
  head.append(shapes);
  return head;
}

// A step that makes several tensors: one chip each.
function siblings(explorer, tensor, stage) {
  const group = element("div", { class: "mha-siblings", role: "group", "aria-label": explorer.say("siblings") });
  for (const name of stage.makes) {
    const here = name === tensor.name;
    const more = { class: "mha-stage-link mha-sibling", "aria-current": here ? "true" : null };
    group.append(stageLink(explorer, name, `sibling-${name}`, more));
  }
  return group;
}

function drawPanel(explorer, tensor, stage) {
  const text = stageText(explorer, stage);
  const narrow = explorer.width < 700;
  const left = element("div", { class: "mha-why" });
  if (text.why) left.append(element("p", {}, text.why));
  if (text.note) {
    const lead = element("strong", {}, explorer.say("look_here"));
    left.append(element("p", { class: "mha-look" }, lead, " ", text.note));
  }
  if (text.see?.length && !explorer.constant.offline) left.append(furtherViews(explorer, text.see));
  const build = () => [ran(explorer, stage, text), shapesTable(explorer, tensor, stage), formulaOf(text), sourceLine(explorer, text)];
  const right = narrow
    ? fold(explorer, "code", explorer.say("code_fold"), build)
    : element("div", { class: "mha-ran" }, ...build().filter(Boolean));
  return element("div", { class: "mha-panel" }, left, right);
}

// Buttons to the further views that show more of this stage.
function furtherViews(explorer, names) {
  const made = element("p", { class: "mha-see" });
  for (const name of names) {
    const go = () => explorer.ask({ go: name });
    made.append(button(explorer, `see-${name}`, `see_${name}`, go, { class: "mha-stage-link" }));
  }
  return made;
}

// Our own constant alone is parsed as markup; in a template nothing of it can run.
function formulaOf(text) {
  if (!text.formula) return null;
  const template = document.createElement("template");
  template.innerHTML = text.formula;
  return element("div", { class: "mha-formula" }, template.content);
}

function sourceLine(explorer, text) {
  return text.source ? element("p", { class: "mha-source" }, explorer.say("source", { source: text.source })) : null;
}

// The code twice: in symbols, and with this run's sizes in their places.
function ran(explorer, stage, text) {
  const symbols = text.code || stage.filled;
  const made = element("div", { class: "mha-code" }, codeBlock(explorer, symbols, "code_symbols", paintedCode(symbols)));
  if (stage.filled && stage.filled !== symbols) {
    const [plain, bare] = [withoutComments(stage.filled), withoutComments(symbols)];
    const painted = paintedCode(bare, explorer.run.sizes, plain);
    made.append(codeBlock(explorer, plain, "code_filled", painted, "is-filled"));
  }
  return made;
}

// What the first block already said is not said twice.
function withoutComments(code) {
  return code.split("\n").filter((line) => !line.trim().startsWith("#")).join("\n");
}

function codeBlock(explorer, code, word, parts, more = "") {
  const label = explorer.say(word);
  return element("pre", { class: `mha-pre ${more}`, title: label, "aria-label": label }, element("code", {}, ...(parts ?? [code])));
}

// Sizes in their axis colour. With `sizes`, the names are exchanged for numbers; null where that is not what ran.
function paintedCode(code, sizes = null, expected = code) {
  const parts = code.split(new RegExp(`\\b(${Object.keys(SIZE_WORDS).join("|")})\\b|(#[^\\n]*)`)).filter((part) => part !== undefined);
  const nodes = parts.map((part) => {
    if (part.startsWith("#")) return element("span", { class: "mha-comment" }, part);
    const word = SIZE_WORDS[part];
    if (!word) return document.createTextNode(part);
    const made = element("span", { class: "mha-size" }, String(sizes ? sizes[word] : part));
    made.style.color = axisInk(word);
    return made;
  });
  return nodes.map((node) => node.textContent).join("") === expected ? nodes : null;
}

// Every tensor read, and what is made: shape and axes, one line each.
function shapesTable(explorer, tensor, stage) {
  const reads = stage.reads.map((name) => explorer.run.tensors.get(name)).filter(Boolean);
  const rows = [...reads, tensor].map((each) => {
    const made = each === tensor;
    const name = made ? element("b", {}, each.name) : stageLink(explorer, each.name, `read-${each.name}`);
    const lead = element("span", { class: "mha-arrow", "aria-hidden": "true" }, made && reads.length ? "→" : "");
    const words = element("td", { class: "mha-axes" });
    each.edges.forEach((edge, axis) => {
      const label = explorer.say("size", { label: edge.label, size: each.shape[axis] });
      const word = element("span", { title: edge.words.map((name) => explorer.constant.axes[name]).join(" ") }, label);
      word.style.color = axisInk(edge.colour);
      words.append(axis ? " " : "", word);
    });
    return element("tr", {}, element("td", {}, lead), element("th", { scope: "row" }, name), element("td", {}, shapeOf(each)), words);
  });
  return element("table", { class: "mha-shapes", "aria-label": explorer.say("shapes") }, element("tbody", {}, ...rows));
}

// A part on demand. Its state outlives redraws; what is inside is built when it is first opened.
function fold(explorer, key, summary, build, byDefault = false) {
  const open = explorer.opened[key] ?? byDefault;
  const made = element("details", { class: "mha-fold", open }, element("summary", { "data-key": `fold-${key}` }, summary));
  const inside = element("div", { class: "mha-fold-inside" });
  let built = false;
  const fill = () => {
    if (!built) inside.append(...build().filter(Boolean));
    built = true;
  };
  if (open) fill();
  made.append(inside);
  made.addEventListener("toggle", () => {
    explorer.opened[key] = made.open;
    if (made.open) fill();
  });
  return made;
}

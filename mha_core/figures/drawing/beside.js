// Two runs side by side: each draws the sheets of the same tensor, and tells them in words and as a table; what
// differs first is ringed.

function besideTabs(explorer, name) {
  const { run } = explorer;
  const tabs = element("div", { class: "mha-tabs", role: "group", "aria-label": explorer.say("beside_tabs") });
  for (const other of run.order) {
    const facts = { "data-key": `beside-${other}`, "aria-pressed": String(other === name), type: "button" };
    const differs = other in run.marks;
    const tab = element("button", { ...facts, class: differs ? "differs" : null, title: run.beside.said[other] }, other);
    tab.onclick = () => explorer.set({ stage: other, lens: null });
    tabs.append(tab);
  }
  return tabs;
}

function drawBeside(explorer, host) {
  const { run } = explorer;
  const name = explorer.open ?? run.beside.opens;
  explorer.view.stage = name;
  const stage = run.stageOf(name);
  const code = element("pre", { class: "mha-code" }, explorer.constant.stages[stage.text].code);
  const sheets = element("div", { class: "mha-sheets" });
  const lens = element("div", { class: "mha-lens-host" });
  const folds = element("div", { class: "mha-folds" });
  host.replaceChildren(
    element("h2", { class: "mha-beside-title" }, run.beside.title),
    element("p", { class: "mha-beside-text" }, run.beside.text),
    besideTabs(explorer, name),
    saveMenu(explorer),
    code,
    element("p", { class: "mha-beside-said" }, run.beside.said[name]),
    sheets,
    lens,
    folds,
  );
  drawSheets(explorer, sheets);
  drawLens(explorer, lens);
  folds.append(equivalentFold(explorer, run.tensors.get(name))); // it writes down what the lens frames
}

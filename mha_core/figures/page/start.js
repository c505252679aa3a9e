// Unpacks the page and draws it: words, then facts and numbers, then the very drawing that the app uses.
(async () => {
  const block = (id) => document.getElementById(id).textContent;
  const words = JSON.parse(block("words"));
  document.documentElement.lang = words.lang;
  document.title = words.page.title;
  for (const place of document.querySelectorAll("[data-word]")) place.textContent = words.page[place.dataset.word];
  document.getElementById("batch").textContent = words.batch;
  for (const note of words.notes) {
    document.getElementById("notes").append(Object.assign(document.createElement("p"), { textContent: note }));
  }
  const host = document.getElementById("picture");
  if (!globalThis.DecompressionStream) {
    host.textContent = words.page.too_old;
    return;
  }
  const unpacked = async (id) => {
    const packed = Uint8Array.from(atob(block(id)), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const text = async (id) => new TextDecoder().decode(await unpacked(id));
  const [facts, numbers, drawing] = [JSON.parse(await text("facts")), await unpacked("numbers"), await text("drawing")];
  document.body.append(Object.assign(document.createElement("script"), { textContent: drawing }));

  const { attentionExplorer } = globalThis;
  const { constant, view, link } = facts;
  const stages = Object.entries(constant.stages).map(([key, stage]) => [key, { ...stage, ...words.stages[key] }]);
  const followed = facts.followed && JSON.stringify(withWords(facts.followed, words.followed));
  for (const [name, value] of facts.settings) {
    const pair = [["dt", name], ["dd", value]];
    const made = pair.map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent }));
    document.getElementById("settings").append(...made);
  }
  if (link) document.getElementById("live").href = link;
  attentionExplorer.start({
    ...constant,
    words: words.words,
    axes: words.axes,
    stages: Object.fromEntries(stages),
    offline: { link, view, followed },
  });
  attentionExplorer.paint({ data: numbers, parentElement: host });
  if (followed) attentionExplorer.follow(followed);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => attentionExplorer.shown.redraw());

  // Put the sentences of the followed number back among its numbers.
  function withWords(numbersOf, said) {
    const sums = Object.entries(numbersOf.sums).map(([name, sum]) => [name, { ...sum, ...said.sums[name] }]);
    const strips = numbersOf.strips.map((strip, at) => ({ ...strip, label: said.strips[at] }));
    return { ...numbersOf, list: said.list, sums: Object.fromEntries(sums), strips };
  }
})();

// The key map: one dialog, made once, outside what is redrawn.
const KEY_ROWS = ["tab", "arrows", "enter", "home", "escape", "page", "help"];

function bindKeyMap(explorer) {
  const dialog = element("dialog", { class: "mha-keys", "aria-label": explorer.say("keys") });
  explorer.keyMap = dialog;
  explorer.root.append(dialog);
  explorer.root.addEventListener("mha-keys", () => {
    if (dialog.open) return;
    fillKeyMap(explorer, dialog);
    dialog.showModal();
  });
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own keys rest while the map is open; Escape closes by itself
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the ground around it
  });
}

function fillKeyMap(explorer, dialog) {
  const rows = KEY_ROWS.map((row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, ...explorer.say(`key_${row}`).split(" ").map((key) => element("kbd", {}, key))),
      element("td", {}, explorer.say(`key_${row}_does`)),
    ),
  );
  const title = element("h2", {}, explorer.say("keys"));
  const close = button(explorer, "keys-close", "close", () => dialog.close());
  const table = element("table", {}, element("tbody", {}, ...rows));
  dialog.replaceChildren(element("div", { class: "mha-keys-inside" }, title, table, close));
}

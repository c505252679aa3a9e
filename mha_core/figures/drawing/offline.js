// A page without a server: what it holds is drawn; of what it does not hold it says so, with the way to the live view.
// `constant.offline` is what such a page is given ({ link, view, followed as JSON }); the app has none.

// The one number whose way is in the page, or null.
function wayHere({ constant: { offline } }) {
  if (typeof offline.followed === "string") offline.followed = revived(offline.followed);
  return offline.followed;
}

// What the app asks its server for is here or nowhere.
function askNobody(explorer) {
  const followed = wayHere(explorer);
  const { cell } = explorer.view;
  explorer.followed = cell && followed?.cell === cell ? followed : null;
}

// The batch items that can be drawn.
function itemsOf(explorer) {
  const { run, constant } = explorer;
  return constant.offline ? [run.item] : Array.from({ length: run.sizes.batch }, (_, item) => item);
}

// The way to the live view of what is on show, where the page knows one.
function liveLink(explorer) {
  if (!explorer.constant.offline.link) return "";
  const facts = { href: linkOf(explorer), class: "mha-live", "data-key": "live", rel: "noreferrer" };
  return element("a", facts, explorer.say("offline_live"));
}

// Above the sheets, where nothing is followed: which number can be.
function offlineHint(explorer) {
  const followed = wayHere(explorer);
  if (!followed) return [element("span", { class: "mha-muted" }, explorer.say("offline_none")), liveLink(explorer)];
  const act = () => explorer.set({ cell: followed.cell });
  const again = button(explorer, "follow-known", "", act, { class: "mha-button is-quiet" },
    explorer.say("offline_follow", { cell: followed.cell }));
  return [element("span", { class: "mha-muted" }, explorer.say("offline_one")), again];
}

// A cell was picked whose way is not in the page.
function offlineMissing(explorer) {
  const said = explorer.say("offline_missing", { cell: explorer.view.cell });
  return [element("span", { class: "mha-muted" }, said), liveLink(explorer), stopButton(explorer, "stop-line")];
}

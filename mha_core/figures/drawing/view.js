// What is on show is in the URL: stage, cell, paint, lens, batch. The browser owns these keys; settings are the
// server's. Entries are replaced, never added, so that Back undoes a setting and not a glance.

// The keys are data: Python reads the same ones.
function viewKeys() {
  return globalThis.attentionExplorer.constant.view;
}

function readView() {
  const asked = new URLSearchParams(location.search);
  return Object.fromEntries(viewKeys().map((key) => [key, asked.get(key)]));
}

function writeView(view) {
  const url = new URL(location.href);
  for (const key of viewKeys()) {
    if (view[key] === null || view[key] === "") url.searchParams.delete(key);
    else url.searchParams.set(key, view[key]);
  }
  const named = [...url.searchParams.keys()];
  if (named.some((key) => key !== "v") && !url.searchParams.has("v")) url.searchParams.set("v", "1");
  if (named.length === 1 && named[0] === "v") url.searchParams.delete("v");
  if (url.href === location.href) return;
  try {
    history.replaceState(history.state, "", url);
  } catch {
    // a page opened from a file may not rewrite its address; the view still stands
  }
}

// The address that shows exactly this, for somebody else.
function linkOf({ constant, view }) {
  const url = new URL(constant.offline ? constant.offline.link : location.href);
  // a page without a server leads to the live one; in the app the address holds the view already
  for (const key of constant.offline ? viewKeys() : []) {
    if (view[key]) url.searchParams.set(key, view[key]);
    else url.searchParams.delete(key);
  }
  url.searchParams.set("v", "1");
  return url.href;
}

// What is on show is in the URL: stage, cell, paint, lens, batch. The browser owns these keys; settings are the
// server's. Entries are replaced, never added, so that Back undoes a setting and not a glance.

const VIEW_KEYS = ["stage", "cell", "paint", "lens", "batch"];

function readView() {
  const asked = new URLSearchParams(location.search);
  return Object.fromEntries(VIEW_KEYS.map((key) => [key, asked.get(key)]));
}

function writeView(view) {
  const url = new URL(location.href);
  for (const key of VIEW_KEYS) {
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
function linkOf() {
  const url = new URL(location.href);
  url.searchParams.set("v", "1");
  return url.href;
}

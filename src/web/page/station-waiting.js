// Scans on their way to the gateway: each is kept here with an id of its own until the gateway has answered it, over a reload
// of the page too. They go one after the other, in the order in which they were made. The gateway knows the ids again, so
// saying one twice, or from two tabs, does nothing twice. What someone scanned is not sent in the name of another, and what
// waited while the station went on without this page is not taken.

import { call, kept } from "./shell.js";

const WAITING_MAX = 200;
const AGAIN_MS = 2000;
const LONGEST_MS = 7 * 86400_000;
// Also after a reload it is the same page.
const page = pageId();

// `me()` = who is signed in; `told` = {changed(), answered(entry, answer), refused(entry, problem), away(problem), ofOther(name)}
export function startWaiting(station, headers, me, told) {
  const key = `lineside-waiting/${station}`;
  let entries = read();
  let isSending = false;

  function read() {
    try {
      const found = JSON.parse(kept(key) ?? "[]");
      return Array.isArray(found) ? found.filter((entry) => typeof entry?.code === "string" && typeof entry.scan_id === "string") : [];
    } catch {
      return [];
    }
  }

  // What other tabs have put there stays; what they have taken away is gone.
  function change(act) {
    const stored = kept(key) === null ? entries : read();
    entries = act(stored);
    try { localStorage.setItem(key, JSON.stringify(entries)); } catch { /* Without storage, they wait in this page alone. */ }
    told.changed();
  }

  const without = (id) => change((all) => all.filter((entry) => entry.scan_id !== id));

  async function send() {
    if (isSending) return;
    isSending = true;
    while (entries.length > 0) {
      const entry = entries[0];
      if (entry.by && entry.by !== me()) {
        if (me() !== undefined) told.ofOther(entry.by);
        await new Promise((go) => setTimeout(go, AGAIN_MS));
        continue;
      }
      const waited_ms = Math.min(Math.max(0, Date.now() - entry.at), LONGEST_MS);
      try {
        const path = `stations/${encodeURIComponent(station)}/scans`;
        const answer = await call("POST", path, { code: entry.code, scan_id: entry.scan_id, waited_ms, page_id: entry.page }, headers());
        without(entry.scan_id);
        told.answered(entry, answer);
      } catch (problem) {
        // This one can never be taken; everything else may be, later.
        if (problem?.status === 400 || problem?.status === 422) {
          without(entry.scan_id);
          told.refused(entry, problem);
          continue;
        }
        told.away(problem);
        await new Promise((go) => setTimeout(go, AGAIN_MS));
      }
    }
    isSending = false;
  }

  addEventListener("storage", (event) => {
    if (event.key !== key) return;
    entries = read();
    told.changed();
    send();
  });
  send();

  return {
    list: () => entries,
    drop: without,
    add(code) {
      if (entries.length >= WAITING_MAX) return false;
      change((all) => [...all, { scan_id: newId(), code, at: Date.now(), page, by: me() ?? null }]);
      send();
      return true;
    },
  };
}

function pageId() {
  try {
    const known = sessionStorage.getItem("lineside-page") ?? newId();
    sessionStorage.setItem("lineside-page", known);
    return known;
  } catch {
    return newId();
  }
}

// crypto.randomUUID is there on https and localhost only.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// The engineering page: is this machine really connected, and what does it say? Each part has its own address (`#points`)
// and its own module; a part gets the live values once a second and changes what is different, so that what someone has
// opened, typed or sorted stays as it is.
import { live, STALE_AFTER_MS } from "./live.js";
import { call, element, followHead, put, say, startPage } from "./shell.js";
import { WORDS } from "./engineering/words.js";
import { remember } from "./engineering/history.js";
import { sources } from "./engineering/sources.js";
import { points } from "./engineering/points.js";
import { bus } from "./engineering/bus.js";
import { upstreams } from "./engineering/upstreams.js";
import { letters } from "./engineering/letters.js";
import { configuration } from "./engineering/configuration.js";
import { metrics } from "./engineering/metrics.js";

const SHOW_EVERY_MS = 1000;
// Each makes its part anew for the language, and says how many things in it need a person.
const PARTS = { sources, points, bus, upstreams, "dead-letters": letters, configuration, metrics };

const heard = live(() => {});
let writable = null;
let last = null;
let shown = null;

const wanted = () => (location.hash.slice(1) in PARTS ? location.hash.slice(1) : "sources");

function showTabs() {
  const tabs = document.getElementById("tabs");
  const names = Object.keys(PARTS);
  tabs.setAttribute("aria-label", say("parts"));
  if (tabs.children.length === 0) {
    tabs.append(...names.map((name) => {
      const tab = element("a", "", element("span"), element("span", "need"));
      tab.href = `#${name}`;
      return tab;
    }));
  }
  names.forEach((name, nth) => {
    const part = PARTS[name];
    const tab = tabs.children[nth];
    const need = last && part.need ? part.need(last) : 0;
    put(tab.children[0], say(name));
    put(tab.children[1], need > 0 ? `▲ ${need}` : "");
    tab.children[1].title = need > 0 ? say("needs", need) : "";
    if (name === wanted()) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  });
}

// Makes the part that is wanted, and lets it show what is known.
function open() {
  const name = wanted();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  shown = PARTS[name].make();
  const title = element("h2", "", say(`${name}-title`));
  document.getElementById("part").replaceChildren(title, shown.node);
  show();
}

function show() {
  showTabs();
  if (last) shown.update?.(last);
}

// What may be written changes with a restart only.
async function askWritable() {
  if (writable) return;
  writable = [];
  try {
    writable = await call("GET", "writable-points");
  } catch {
    writable = null;
  }
}

function listen() {
  const gateway = heard.value("gateway");
  if (gateway && heard.age() < STALE_AFTER_MS) {
    const all = (prefix) => Object.fromEntries(heard.entries(prefix));
    const status = { ...heard.now(), gateway, buffer: heard.value("buffer"), sources: all("source/"), upstreams: all("upstream/") };
    last = { status, equipment: all("equipment/"), writable: writable ?? [] };
    remember(last.status, last.equipment);
    askWritable();
  }
  show();
}

startPage(WORDS, open);
window.addEventListener("hashchange", () => {
  open();
  document.getElementById("part").focus({ preventScroll: true });
});
followHead(heard);
listen();
setInterval(listen, SHOW_EVERY_MS);

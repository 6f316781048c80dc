// The engineering page: is this machine really connected, and what does it say? Each part has its own address (`#points`)
// and its own module; a part gets the latest answers once a second and changes what is different, so that what someone has
// opened, typed or sorted stays as it is.
import { call, element, plantClock, say, span, startPage } from "./shell.js";
import { WORDS } from "./engineering/words.js";
import { remember } from "./engineering/history.js";
import { sources } from "./engineering/sources.js";
import { points } from "./engineering/points.js";
import { bus } from "./engineering/bus.js";
import { upstreams } from "./engineering/upstreams.js";
import { letters } from "./engineering/letters.js";
import { configuration } from "./engineering/configuration.js";
import { metrics } from "./engineering/metrics.js";

const ASK_EVERY_MS = 1000;
const STALE_AFTER_MS = 3500;
// Each makes its part anew for the language, and says how many things in it need a person.
const PARTS = { sources, points, bus, upstreams, "dead-letters": letters, configuration, metrics };

let last = null;
let lastAt = 0;
let shown = null;

const wanted = () => (location.hash.slice(1) in PARTS ? location.hash.slice(1) : "sources");

function showTabs() {
  const tabs = document.getElementById("tabs");
  tabs.setAttribute("aria-label", say("parts"));
  if (tabs.children.length === 0) {
    tabs.append(...Object.keys(PARTS).map((name) => {
      const tab = element("a", "", element("span"), element("span", "need"));
      tab.href = `#${name}`;
      return tab;
    }));
  }
  Object.entries(PARTS).forEach(([name, part], nth) => {
    const tab = tabs.children[nth];
    const need = last && part.need ? part.need(last) : 0;
    tab.children[0].textContent = say(name);
    tab.children[1].textContent = need > 0 ? `▲ ${need}` : "";
    tab.children[1].title = need > 0 ? say("needs", need) : "";
    if (name === wanted()) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  });
}

// Makes the part that is wanted, and lets it show what is known.
function open() {
  const name = wanted();
  shown = PARTS[name].make();
  const title = element("h2", "", say(`${name}-title`));
  document.getElementById("part").replaceChildren(title, shown.node);
  show();
}

function show() {
  showTabs();
  if (last) {
    const { gateway_id, workshop_name } = last.status.gateway;
    const place = workshop_name ? `${workshop_name} · ${gateway_id}` : gateway_id;
    document.title = `${say("engineering")} – ${place}`;
    document.getElementById("place").textContent = place;
    document.getElementById("clock").textContent = plantClock(last.status, last.status.time, true);
    shown.update?.(last);
  }
  showAge();
}

function showAge() {
  const age = Date.now() - lastAt;
  const isStale = last ? age > STALE_AFTER_MS : performance.now() > STALE_AFTER_MS;
  const banner = document.getElementById("stale");
  banner.hidden = !isStale;
  banner.textContent = isStale ? (last ? say("gone", span(age)) : say("never")) : "";
  document.body.classList.toggle("is-stale", isStale);
}

async function keepAsking() {
  for (;;) {
    try {
      const [status, equipment, writable] = await Promise.all([call("GET", "status"), call("GET", "equipment"), call("GET", "writable-points")]);
      last = { status, equipment, writable };
      lastAt = Date.now();
      remember(status, equipment);
    } catch {
      // Said by its age: what was shown stays, and is marked as old.
    }
    show();
    await new Promise((resume) => setTimeout(resume, ASK_EVERY_MS));
  }
}

startPage(WORDS, open);
window.addEventListener("hashchange", () => {
  open();
  document.getElementById("part").focus();
});
keepAsking();

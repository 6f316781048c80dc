// The quality page: is the process under control, what is wrong with the pieces, and what is done about it. Each part has its
// own address (`#charts`, `#faults`, `#inspections`) and module: `make(feed)` gives `{node, update(keys), close?()}`.
import { live } from "./live.js";
import { element, followHead, say, startPage } from "./shell.js";
import { charts, outOfControl } from "./quality/charts.js";
import { faults } from "./quality/faults.js";
import { inspections } from "./quality/inspections.js";
import { WORDS } from "./quality/words.js";

const PARTS = { charts, faults, inspections };

let shown = null;
const feed = live((keys) => {
  showTabs();
  shown?.update(keys);
});

const wanted = () => (location.hash.slice(1) in PARTS ? location.hash.slice(1) : "charts");

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
  Object.keys(PARTS).forEach((name, nth) => {
    const [word, need] = tabs.children[nth].children;
    const out = name === "charts" ? outOfControl(feed) : 0;
    word.textContent = say(name);
    need.textContent = out > 0 ? `▲ ${out}` : "";
    need.title = out > 0 ? say("areOut", out) : "";
    if (name === wanted()) tabs.children[nth].setAttribute("aria-current", "page");
    else tabs.children[nth].removeAttribute("aria-current");
  });
}

function open() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  shown?.close?.();
  shown = PARTS[wanted()](feed);
  document.title = `${say(wanted())} – lineside`;
  document.getElementById("part").replaceChildren(shown.node);
  showTabs();
  shown.update(new Set(["gateway"]));
}

startPage(WORDS, open);
followHead(feed);
window.addEventListener("hashchange", () => {
  open();
  document.getElementById("part").focus({ preventScroll: true });
});

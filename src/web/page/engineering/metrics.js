// What /metrics counts: its meaning in words, and what it is now.
import { call, element, grouped, language, refusal, say } from "../shell.js";
import { filtering, grid } from "./grid.js";
import { MEANINGS } from "./words.js";

const ASK_EVERY_MS = 2000;

function make() {
  const table = grid([{ word: "metric", sort: true }, { word: "meaning", long: true }, { word: "now", long: true }]);
  table.name(say("metrics-title"));
  const told = element("div");
  let all = [];
  let askedAt = 0;
  const show = () => table.update(all.map(row).filter((one) => filter.has(one.by.join(" "))));
  const filter = filtering(show);
  return {
    node: element("div", "", element("div", "bar", filter.node), told, table.node),
    async update() {
      if (Date.now() - askedAt < ASK_EVERY_MS) return;
      askedAt = Date.now();
      try {
        all = await call("GET", "metrics");
        told.replaceChildren();
        show();
      } catch (problem) {
        told.replaceChildren(refusal(problem));
      }
    },
  };
}

// A metric with all its values, each with what it is of.
function row(family) {
  const values = family.values.map(({ labels, value }) => {
    const now = Number.isInteger(value) ? grouped(value) : value.toFixed(3);
    // A name and its value stay on one line.
    const of = Object.values(labels).join(" ").replace(/-/g, "\u2011");
    return of ? `${of}:\u00a0${now}` : now;
  });
  const now = values.join(" · ") || "—";
  const meaning = MEANINGS[language]?.[family.name] ?? family.help;
  return {
    key: family.name,
    by: [family.name, meaning, now],
    cells: [{ text: family.name, small: say(family.type) }, meaning, now],
  };
}

export const metrics = { make };

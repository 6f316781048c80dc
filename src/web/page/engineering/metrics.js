// What /metrics counts: its meaning in words, and what it is now.
import { call, element, grouped, language, say } from "../shell.js";
import { field, grid, refusal } from "./grid.js";
import { MEANINGS } from "./words.js";

const ASK_EVERY_MS = 2000;

function make() {
  const filter = element("input");
  filter.type = "search";
  const table = grid([{ word: "metric", sort: true }, { word: "now", long: true }, { word: "meaning", long: true }]);
  table.name(say("metrics-title"));
  const told = element("div");
  let all = [];
  let askedAt = 0;
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.map((family) => row(family));
    table.update(rows.filter((one) => words.every((word) => one.by.join(" ").toLowerCase().includes(word))));
  };
  filter.addEventListener("input", show);
  return {
    node: element("div", "", element("div", "bar", field("filter", filter)), told, table.node),
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
    const of = Object.values(labels).join(" · ");
    return of ? `${of}: ${now}` : now;
  });
  const now = values.join("\n") || "—";
  const meaning = MEANINGS[language]?.[family.name] ?? family.help;
  return {
    key: family.name,
    by: [family.name, now, meaning],
    cells: [{ text: family.name, small: say(family.type) }, now, meaning],
  };
}

export const metrics = { make };

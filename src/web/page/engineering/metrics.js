// What /metrics counts: its meaning in words, and what it is now.
import { call, element, grouped, language, say } from "../shell.js";
import { field, grid, refusal } from "./grid.js";
import { MEANINGS } from "./words.js";

const ASK_EVERY_MS = 2000;

function make() {
  const filter = element("input");
  filter.type = "search";
  const table = grid([{ word: "metric", sort: true }, { word: "type", sort: true }, { word: "of", sort: true }, { word: "now", number: true, sort: true }, { word: "meaning", long: true }]);
  table.name(say("metrics-title"));
  const told = element("div");
  let all = [];
  let askedAt = 0;
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.flatMap((family) => (family.values.length > 0 ? family.values : [{ labels: {}, value: null }]).map((sample) => row(family, sample)));
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

function row(family, { labels, value }) {
  const of = Object.values(labels).join(" · ");
  const meaning = MEANINGS[language]?.[family.name] ?? family.help;
  return {
    key: `${family.name}/${of}`,
    by: [family.name, family.type, of, value, meaning],
    cells: [family.name, say(family.type), of || "—", value === null ? "—" : Number.isInteger(value) ? grouped(value) : value.toFixed(3), meaning],
  };
}

export const metrics = { make };

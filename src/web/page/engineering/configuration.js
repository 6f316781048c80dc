// The configuration as it runs, what is to be said of its file now, and whether the two are the same.
import { button, call, element, MARKS, plantClock, refusal, say } from "../shell.js";
import { grid } from "./grid.js";

function make() {
  const place = element("div");
  const again = button(say("checkAgain"), load);
  let status = null;
  async function load() {
    again.disabled = true;
    try {
      place.replaceChildren(...shown(await call("GET", "configuration"), status));
    } catch (problem) {
      place.replaceChildren(refusal(problem));
    }
    again.disabled = false;
  }
  return {
    node: element("div", "", element("div", "bar", again), place),
    update(last) {
      const isFirst = !status;
      status = last.status;
      if (isFirst) load();
    },
  };
}

function shown(told, status) {
  const { findings, warnings } = told.on_disk;
  const fact = (word, value) => element("div", "", element("dt", "", say(word)), element("dd", "", value));
  const verdict = findings.length > 0
    ? element("p", "note alarm", `${MARKS.alarm} ${say("wouldNotStart", findings.length)}`)
    : told.differs ? element("p", "note warn", `${MARKS.warn} ${say("differs")}`) : element("p", "note", `${MARKS[""]} ${say("same")}`);
  const table = grid([{ word: "line", number: true }, { word: "column", number: true }, { word: "finding", long: true }]);
  table.name(say("finding"));
  table.update(findings.map((found, nth) => ({ key: nth, cells: [found.line || "—", found.column || "—", found.message] })));
  return [
    verdict,
    ...(findings.length > 0 ? [table.node] : []),
    ...warnings.map((warning) => element("p", "note warn", `${MARKS.warn} ${warning}`)),
    element("section", "panel",
      element("dl", "facts", fact("file", told.file), fact("loadedAt", plantClock(status, told.loaded_at, true)), fact("sha256", `${told.sha256.slice(0, 12)}…`)),
      element("p", "quiet", say("secretsHidden")),
      ...Object.entries(told.sections).map(([name, value]) => section(name, value, true))),
  ];
}

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isTables = (value) => Array.isArray(value) && value.some(isTable);

// A table of the file: its own settings first, tables within it to be opened.
function section(name, value, isOpen) {
  if (isTables(value)) return element("div", "", ...value.map((inner, nth) => section(`${name} ${nth + 1}`, inner, false)));
  if (!isTable(value)) return element("p", "code", `${name} = ${JSON.stringify(value)}`);
  const own = Object.entries(value).filter(([, inner]) => !isTable(inner) && !isTables(inner));
  const tables = Object.entries(value).filter(([, inner]) => isTable(inner) || isTables(inner));
  const node = element("details", "", element("summary", "code", `[${name}]`),
    element("pre", "code", own.map(([key, inner]) => `${key} = ${JSON.stringify(inner)}`).join("\n")),
    ...tables.map(([key, inner]) => section(`${name}.${key}`, inner, false)));
  node.open = isOpen && own.length > 0 && tables.length === 0;
  return node;
}

export const configuration = { make };

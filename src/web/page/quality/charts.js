// Left the characteristics, those that need a person first; beside them the chosen one, large. Which one and which points are
// chosen stands in the address, so that it can be sent to someone.
import { element, language, marked, renew, say } from "../shell.js";
import { chart } from "./chart.js";
import { measured } from "./small.js";

const STATES = {
  out: { mark: "◆", level: "alarm", rank: 0 },
  offSpec: { mark: "▲", level: "warn", rank: 1 },
  learning: { mark: "◔", level: "", rank: 2 },
  inControl: { mark: "●", level: "", rank: 3 },
};

const all = (feed) => feed.entries("chart/").map(([, summary]) => summary);
const stateOf = (summary) => summary.firing?.length > 0 ? "out" : summary.is_off_spec ? "offSpec" : summary.phase?.name === "learning" ? "learning" : "inControl";
const told = (summary) => {
  const state = stateOf(summary);
  return state === "learning" ? say(state, summary.phase.learnt, summary.phase.wanted) : say(state);
};

export const outOfControl = (feed) => all(feed).filter((summary) => STATES[stateOf(summary)].level !== "").length;

function sorted(feed) {
  const rank = (summary) => STATES[stateOf(summary)].rank;
  return all(feed).sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, undefined, { numeric: true }));
}

export function charts(feed) {
  const list = element("ul", "characteristics");
  const side = element("nav", "side", element("h2", "unseen", say("characteristics")), list);
  const place = element("section", "chosen");
  const none = element("p", "empty", say("noCharts"));
  let shown = null;

  const name = () => {
    const asked = new URLSearchParams(location.search).get("chart");
    return feed.value(`chart/${asked}`) ? asked : sorted(feed)[0]?.name;
  };
  function choose(wanted) {
    const at = new URL(location.href);
    at.search = new URLSearchParams({ chart: wanted });
    history.replaceState(null, "", at);
    show();
  }
  function show() {
    const chosen = name();
    none.hidden = chosen !== undefined || !feed.value("gateway");
    side.hidden = chosen === undefined;
    renew(list, sorted(feed).map((summary) => {
      const sign = JSON.stringify([language, summary.phase, summary.firing, summary.is_off_spec, summary.newest?.value, summary.cpk, summary.name === chosen]);
      return [summary.name, sign, () => row(summary, summary.name === chosen, choose)];
    }));
    if (chosen === shown?.name) return;
    shown?.close();
    shown = chosen === undefined ? null : chart(feed, chosen);
    place.replaceChildren(...(shown ? [shown.node] : []));
  }
  return {
    node: element("div", "charts", side, place, none),
    update(keys) {
      show();
      if (keys.has(`chart/${shown?.name}`)) shown.changed();
    },
    close: () => shown?.close(),
  };
}

function row(summary, isChosen, choose) {
  const state = STATES[stateOf(summary)];
  const newest = summary.newest ? `${measured(summary.newest.value)}${summary.unit ? `\u00a0${summary.unit}` : ""}` : say("noPoint");
  const made = element("button", "characteristic",
    element("span", "name", summary.name),
    element("span", "newest figures", newest),
    marked(state, told(summary), "judged"),
    typeof summary.cpk === "number" ? element("span", "cpk figures", `Cpk ${summary.cpk.toFixed(2)}`) : null);
  made.type = "button";
  if (isChosen) made.setAttribute("aria-current", "true");
  made.addEventListener("click", () => choose(summary.name));
  return element("li", "", made);
}

// Where records go: whether it takes them, how many wait and for how long, what it last answered, how fast it is.
import { element, grouped, language, plantClock, say, since, span } from "../shell.js";
import { DOWN, grid, NOT_YET, state, WELL } from "./grid.js";
import { rate } from "./history.js";
import { advice } from "./sources.js";

function need({ status }) {
  return Object.values(status.upstreams).filter((upstream) => upstream.since && !upstream.reachable).length;
}

function make() {
  const table = grid([
    { word: "upstream", sort: true }, { word: "state" }, { word: "waiting", number: true, sort: true }, { word: "oldest", number: true, sort: true },
    { word: "perSecond", number: true, sort: true }, { word: "lastAnswer", long: true },
    { word: "refusedForGood", number: true, sort: true },
  ], "noUpstream");
  table.name(say("upstreams-title"));
  table.node.classList.add("is-upstreams");
  const buffer = element("p", "note");
  function update({ status }) {
    buffer.textContent = say("bufferLine", Object.entries(status.buffer.lanes).map(([lane, view]) => `${say(lane)} ${grouped(view.next_sequence - view.first_sequence)}`).join(" · "), status.buffer.commit_ms_last.toFixed(1));
    table.update(Object.entries(status.upstreams).map(([name, upstream]) => row(status, name, upstream)));
  }
  return { node: element("div", "", table.node, buffer), update };
}

function row(status, name, upstream) {
  const waiting = Object.values(upstream.waiting).reduce((sum, count) => sum + count, 0);
  const oldest = upstream.oldest_waiting ? since(status, upstream.oldest_waiting) : null;
  const fast = rate(name);
  const lanes = Object.entries(upstream.waiting).map(([lane, count]) => `${say(lane)} ${grouped(count)}`).join(" · ");
  const how = !upstream.since && !upstream.reachable ? state(NOT_YET, "noAnswerYet") : upstream.reachable ? state(WELL, "delivers") : state(DOWN, "doesNotTake");
  const advised = upstream.reachable ? "" : advice(upstream.last_answer, true);
  return {
    key: name,
    by: [name, null, waiting, oldest, fast, null, upstream.rejected],
    cells: [
      { text: name, small: upstream.url },
      { ...how, small: upstream.since ? say("since", plantClock(status, upstream.since, false)) : "" },
      { text: grouped(waiting), small: lanes },
      oldest === null ? "—" : span(oldest),
      { text: fast === null ? "—" : say("rate", fast.toFixed(1)), small: say("sent", grouped(upstream.sent)) },
      { text: answered(upstream), small: [advised, upstream.last_success ? say("lastSuccess", span(since(status, upstream.last_success))) : ""].filter(Boolean).join(" ") },
      { text: grouped(upstream.rejected), small: say("failures", grouped(upstream.failures)) },
    ],
  };
}

// The last of a chain of causes is what went wrong.
function answered({ last_answer: answer, last_answer_words: words }) {
  return (language === "en" ? answer?.split(": ").at(-1) : words?.[language]) ?? "—";
}

export const upstreams = { make, need };

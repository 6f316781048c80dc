// Machines: what each does and since when, what it made in the shift, how well that is, and how its pace went lately.
import { element, figure, grouped, marked, say, shape, since, span } from "../shell.js";
import { trend } from "../trend.js";
import { stateWord } from "../states.js";

// Shape for each state: it can be told apart without colour.
const RUNNING = { mark: "▶", level: "" };
const STANDING = { mark: "■", level: "" };
const SETTING_UP = { mark: "◆", level: "" };
const BROKEN = { mark: "▲", level: "alarm" };
const STATES = {
  running: RUNNING, execute: RUNNING,
  stopped: STANDING, idle: STANDING, held: STANDING, suspended: STANDING, complete: STANDING, paused: STANDING,
  setup: SETTING_UP, changing: SETTING_UP,
  fault: BROKEN, down: BROKEN, aborted: BROKEN, alarm: BROKEN,
  offline: { mark: "✖", level: "warn" },
};
export const kindOf = (state) => STATES[state] ?? { mark: "·", level: "" };
export const isRunning = (machine) => kindOf(machine.state) === RUNNING;

// As many slots as five minutes have.
const SLOTS = 30;

export function machineTiles(now, machines, troubled) {
  return machines.map(([code, machine]) => {
    const lasts = machine.state_since ? span(since(now, machine.state_since)) : "";
    const shift = machine.oee?.current;
    const parts = shift && ["oee", "availability", "effectiveness", "quality"].map((name) => percent(shift[name]));
    const slots = machine.lately?.pieces ?? [];
    const trouble = troubled.get(code);
    const sign = [say("machines"), machine.name, machine.state, lasts, shift?.produced, shift?.scrap, parts, slots.join(), trouble?.level, trouble?.text, shift ? "" : JSON.stringify(machine.points)].join("|");
    return [code, sign, () => tile(code, machine, lasts, shift, parts, slots, trouble)];
  });
}

const percent = (ratio) => (typeof ratio === "number" ? String(Math.round(ratio * 100)) : "–");

function tile(code, machine, lasts, shift, parts, slots, trouble) {
  const state = marked(kindOf(machine.state), machine.state ? stateWord(machine.state) : say("unknown"), "state");
  state.append(element("span", "for figures", lasts));
  const numbers = element("div", "numbers");
  if (shift) {
    numbers.append(number(typeof shift.produced === "number" ? grouped(shift.produced) : "–", say("shift")));
  } else {
    const first = Object.entries(machine.points).find(([name, point]) => name !== "state" && typeof point.value === "number");
    if (first) numbers.append(number(`${figure(first[1].value, first[1].unit)} ${first[1].unit ?? ""}`, first[0]));
  }
  if (parts?.[0] && parts[0] !== "–") numbers.append(number(`${parts[0]} %`, say("oee")));
  const apq = parts && parts.slice(1).some((part) => part !== "–") ? element("span", "", say("apq", ...parts.slice(1))) : null;
  if (apq) apq.title = say("apqMeans");
  const below = element("p", "label below figures", shift?.scrap > 0 ? element("span", "", say("scrap", grouped(shift.scrap))) : null, apq);
  return element("li", "card machine",
    element("h3", "", code, trouble ? needed(trouble) : null), element("p", "label name", machine.name ?? ""), state, numbers,
    trend(slots, SLOTS, { label: say("rate"), fromZero: true }), below);
}

// An alert stands where it is told of; here it is only marked.
const needed = ({ mark, level, text }) => element("span", `badge ${level}`, shape(mark, ""), element("span", "unseen", text));

const number = (value, label) => element("div", "", element("p", "big figures", value), element("p", "label", label));

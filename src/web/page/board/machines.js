// Machines: what each does and since when, what it made in the shift, how well that is, and how its pace went lately.
import { element, figure, grouped, marked, say, since, span } from "../shell.js";
import { trend } from "../trend.js";

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

const SAMPLE_EVERY_MS = 5000;
const SAMPLES_MAX = 60;
const paces = new Map();

// Notes what a machine has made; its pace is what it makes from one look to the next.
export function note(code, machine) {
  const total = made(machine);
  if (total === null) return;
  const pace = paces.get(code) ?? { at: 0, total, samples: [] };
  paces.set(code, pace);
  const at = performance.now();
  if (pace.at && at - pace.at < SAMPLE_EVERY_MS) return;
  if (pace.at) pace.samples.push(Math.max(0, total - pace.total) / (at - pace.at));
  if (pace.samples.length > SAMPLES_MAX) pace.samples.shift();
  [pace.at, pace.total] = [at, total];
}

function made(machine) {
  const count = (name) => (typeof machine.points[name]?.value === "number" ? machine.points[name].value : null);
  const good = count("good_count");
  return good === null ? machine.oee?.current?.produced ?? null : good + (count("scrap_count") ?? 0);
}

export function machineTiles(now, machines) {
  return machines.map(([code, machine]) => {
    const lasts = machine.state_since ? span(since(now, machine.state_since)) : "";
    const shift = machine.oee?.current;
    const parts = shift && ["oee", "availability", "effectiveness", "quality"].map((name) => percent(shift[name]));
    const samples = paces.get(code)?.samples ?? [];
    const sign = [say("machines"), machine.name, machine.state, lasts, shift?.produced, shift?.scrap, parts, samples.at(-1), samples.length, shift ? "" : JSON.stringify(machine.points)].join("|");
    return [code, sign, () => tile(code, machine, lasts, shift, parts, samples)];
  });
}

const percent = (ratio) => (typeof ratio === "number" ? String(Math.round(ratio * 100)) : "–");

function tile(code, machine, lasts, shift, parts, samples) {
  const state = marked(kindOf(machine.state), machine.state ? say(machine.state) : say("unknown"), "state");
  state.append(element("span", "for figures", lasts));
  const numbers = element("div", "numbers");
  if (shift) {
    numbers.append(number(grouped(shift.produced), say("shift")));
  } else {
    const first = Object.entries(machine.points).find(([name, point]) => name !== "state" && typeof point.value === "number");
    if (first) numbers.append(number(`${figure(first[1].value, first[1].unit)} ${first[1].unit ?? ""}`, first[0]));
  }
  if (parts?.[0] && parts[0] !== "–") numbers.append(number(`${parts[0]} %`, say("oee")));
  const apq = parts && parts.slice(1).some((part) => part !== "–") ? element("span", "", say("apq", ...parts.slice(1))) : null;
  if (apq) apq.title = say("apqMeans");
  const below = element("p", "label below figures", shift?.scrap > 0 ? element("span", "", say("scrap", grouped(shift.scrap))) : null, apq);
  return element("li", "card machine",
    element("h3", "", code), element("p", "label name", machine.name ?? ""), state, numbers,
    trend(samples, SAMPLES_MAX, { label: say("rate"), fromZero: true }), below);
}

const number = (value, label) => element("div", "", element("p", "big figures", value), element("p", "label", label));

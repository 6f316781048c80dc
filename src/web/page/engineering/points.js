// Every point of every machine: value, quality with its reason, age, trend; and writing one, where the configuration allows it.
import { ask, button, call, closing, element, field, figure, inWords, refusal, say, since, span } from "../shell.js";
import { filtering, grid, LATE, state, WELL } from "./grid.js";
import { ofPoint } from "./history.js";
import { stateWord } from "../states.js";

// More rows than people read; the filter finds the others.
const ROWS_MAX = 300;
let filterKept = "";
const pictures = new Map();

function need({ equipment }) {
  const all = Object.values(equipment).flatMap((machine) => Object.values(machine.points));
  return all.filter((point) => point.quality !== "good").length;
}

function make() {
  const sum = element("p", "quiet");
  sum.setAttribute("role", "status");
  const table = grid([
    { word: "equipment", sort: true }, { word: "point", sort: true }, { word: "value", number: true, sort: true }, { word: "quality", sort: true },
    { word: "age", number: true, sort: true }, { word: "trend" }, { word: "source", sort: true }, { word: "write" },
  ], "noPoint");
  table.name(say("points-title"));
  table.node.classList.add("is-points");
  let known = null;
  const filter = filtering(() => {
    filterKept = filter.input.value;
    if (known) update(known);
  });
  filter.input.value = filterKept;
  function update(last) {
    known = last;
    const { status, equipment, writable } = last;
    const all = Object.entries(equipment).flatMap(([code, machine]) =>
      Object.entries(machine.points).map(([name, point]) => ({ code, machine, name, point })));
    const meant = all.filter(({ code, machine, name, point }) =>
      filter.has(`${code} ${machine.name ?? ""} ${name} ${point.quality} ${say(point.quality)} ${machine.source ?? ""}`));
    sum.textContent = howMany(meant.length, all.length);
    table.update(meant.slice(0, ROWS_MAX).map((one) => row(status, one, writable)));
  }
  return { node: element("div", "", element("div", "bar", filter.node, sum), table.node), update };
}

function howMany(meant, all) {
  if (meant > ROWS_MAX) return say("firstOf", ROWS_MAX, meant);
  return meant === all ? say("pointsAll", all) : say("pointsOf", meant, all);
}

function row(status, { code, machine, name, point }, writable) {
  const key = `${code}/${name}`;
  const age = point.source_time ? since(status, point.source_time) : null;
  const isGood = point.quality === "good";
  const may = writable.find((one) => one.equipment === code && one.point === name);
  const picture = ofPoint(key, pictures.get(key));
  pictures.set(key, picture);
  const value = point.value === null ? "—" : `${figure(point.value, point.unit)}${point.unit ? ` ${point.unit}` : ""}`;
  const meant = name === "state" && machine.state && machine.state !== String(point.value) ? ` = ${stateWord(machine.state)}` : "";
  return {
    key,
    by: [code, name, point.value, point.quality, age, null, machine.source],
    cells: [
      { text: code, small: machine.name ?? "" },
      name,
      { text: value + meant, small: point.raw === undefined ? "" : say("raw", String(point.raw)), level: isGood ? "" : "quiet" },
      { ...state(isGood ? WELL : LATE, point.quality), small: inWords(point, "reason") },
      age === null ? "—" : span(age),
      picture,
      machine.source ?? "",
      may ? { text: say("write"), label: say("writeOf", key), act: () => writeTo(may, value, point) } : "",
    ],
  };
}

// Asks for the new value, shows it beside the old one and the range, and sends it once that is confirmed.
function writeTo(may, old, point) {
  const input = element("input");
  input.required = true;
  const hasRange = may.low !== null;
  if (hasRange) {
    input.type = "number";
    input.step = "any";
    input.min = may.low;
    input.max = may.high;
  } else {
    input.value = point.value === true ? "false" : "true";
    input.pattern = "true|false";
  }
  const answer = element("div");
  const sure = element("input");
  sure.type = "checkbox";
  sure.required = true;
  const send = button(say("send"), null, "primary");
  const form = element("form", "",
    element("p", "note", say("writeWarning")),
    element("dl", "facts",
      element("div", "", element("dt", "", say("oldValue")), element("dd", "", old)),
      element("div", "", element("dt", "", say("range")), element("dd", "", hasRange ? `${may.low} … ${may.high}` : "true / false"))),
    field(say("newValue"), input),
    element("label", "sure", sure, say("sure")),
    answer,
    element("p", "actions", closing(), send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      const value = hasRange ? Number(input.value) : input.value === "true";
      const path = `equipment/${encodeURIComponent(may.equipment)}/points/${encodeURIComponent(may.point)}`;
      const held = await call("POST", path, { value });
      answer.replaceChildren(element("p", "note", `✔ ${say("holdsNow", String(held.value))}`));
      sure.checked = false;
    } catch (problem) {
      answer.replaceChildren(refusal(problem));
    }
    send.disabled = false;
  });
  ask(say("writeOf", `${may.equipment} · ${may.point}`), form);
}

export const points = { make, need };

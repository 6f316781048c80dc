// Every point of every machine: value, quality with its reason, age, trend; and writing one, where the configuration allows it.
import { element, figure, say, since, span } from "../shell.js";
import { button, change, field, grid, LATE, refusal, state, WELL } from "./grid.js";
import { trend } from "./history.js";

// More rows than people read; the filter finds the others.
const ROWS_MAX = 300;
const REMEMBERED = { filter: "" };
const pictures = new Map();

function need({ equipment }) {
  const all = Object.values(equipment).flatMap((machine) => Object.values(machine.points));
  return all.filter((point) => point.quality !== "good").length;
}

function make() {
  const filter = element("input");
  filter.type = "search";
  filter.value = REMEMBERED.filter;
  const sum = element("p", "is-quiet");
  sum.setAttribute("role", "status");
  const table = grid([
    { word: "equipment", sort: true }, { word: "point", sort: true }, { word: "value", number: true, sort: true }, { word: "quality", sort: true },
    { word: "age", number: true, sort: true }, { word: "trend" }, { word: "raw", number: true }, { word: "source", sort: true }, { word: "" },
  ], "noPoint");
  table.name(say("points-title"));
  table.node.classList.add("is-points");
  let known = null;
  filter.addEventListener("input", () => {
    REMEMBERED.filter = filter.value;
    if (known) update(known);
  });
  function update(last) {
    known = last;
    const { status, equipment, writable } = last;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = Object.entries(equipment).flatMap(([code, machine]) =>
      Object.entries(machine.points).map(([name, point]) => ({ code, machine, name, point })));
    const meant = all.filter(({ code, machine, name, point }) => {
      const text = `${code} ${machine.name ?? ""} ${name} ${point.quality} ${say(point.quality)} ${machine.source ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    sum.textContent = meant.length > ROWS_MAX ? say("firstOf", ROWS_MAX, meant.length) : say("pointsOf", meant.length, all.length);
    table.update(meant.slice(0, ROWS_MAX).map((one) => row(status, one, writable)));
  }
  return { node: element("div", "", element("div", "bar", field("filter", filter), sum), table.node), update };
}

function row(status, { code, machine, name, point }, writable) {
  const key = `${code}/${name}`;
  const age = point.source_time ? since(status, point.source_time) : null;
  const isGood = point.quality === "good";
  const may = writable.find((one) => one.equipment === code && one.point === name);
  const picture = trend(key, pictures.get(key));
  pictures.set(key, picture);
  const value = point.value === null ? "—" : `${figure(point.value, point.unit)}${point.unit ? ` ${point.unit}` : ""}`;
  return {
    key,
    by: [code, name, point.value, point.quality, age, null, null, machine.source],
    cells: [
      { text: code, small: machine.name ?? "" },
      name,
      { text: value, level: isGood ? "" : "is-quiet" },
      { ...state(isGood ? WELL : LATE, point.quality), small: point.reason ?? "" },
      age === null ? "—" : span(age),
      picture,
      point.raw === undefined ? "" : String(point.raw),
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
  const told = element("div");
  const sure = element("input");
  sure.type = "checkbox";
  sure.required = true;
  const send = button("send", null, "submit");
  const dialog = element("dialog");
  const form = element("form", "",
    element("h2", "", say("writeOf", `${may.equipment} · ${may.point}`)),
    element("p", "note", say("writeWarning")),
    element("dl", "points facts",
      element("div", "", element("dt", "", say("oldValue")), element("dd", "", old)),
      element("div", "", element("dt", "", say("range")), element("dd", "", hasRange ? `${may.low} … ${may.high}` : "true / false"))),
    field("newValue", input),
    field("sure", sure),
    told,
    element("div", "buttons", send, button("cancel", () => dialog.close())));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      const value = hasRange ? Number(input.value) : input.value === "true";
      const path = `equipment/${encodeURIComponent(may.equipment)}/points/${encodeURIComponent(may.point)}`;
      const held = await change(path, { value });
      told.replaceChildren(element("p", "note", `✔ ${say("holdsNow", String(held.value))}`));
      sure.checked = false;
    } catch (problem) {
      told.replaceChildren(refusal(problem));
    }
    send.disabled = false;
  });
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export const points = { make, need };

// Small things that every part of the quality page uses.
import { call, element, plantClock, say } from "../shell.js";

const NUMBER_DIGITS = 5;

export const number = (value, digits = NUMBER_DIGITS) => (typeof value === "number" ? String(Number(value.toPrecision(digits))) : "–");
// What is measured keeps its zeros, so that figures stay as wide as they are.
export const measured = (value) => (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? value.toPrecision(NUMBER_DIGITS) : number(value));
export const percent = (share, places = 1) => (typeof share === "number" ? `${(share * 100).toFixed(places)} %` : "–");

export function button(word, act, className = "") {
  const made = element("button", className, say(word));
  made.type = act ? "button" : "submit";
  if (act) made.addEventListener("click", act);
  return made;
}

export function input(attributes = {}) {
  return Object.assign(element("input"), { autocomplete: "off", ...attributes });
}

// [value, text] for each; the first is chosen unless another is.
export function select(options, chosen) {
  const made = element("select", "", ...options.map(([value, text]) => Object.assign(element("option", "", text), { value })));
  if (chosen !== undefined) made.value = chosen;
  return made;
}

// A labelled field that findings of this name are shown at.
export function field(word, control, name) {
  const label = element("label", "", element("span", "", say(word)), control);
  if (name) label.dataset.field = name;
  return label;
}

export function term(word, ...told) {
  return element("div", "", element("dt", "", say(word)), element("dd", "", ...told));
}

// Who did not sign in, or may not, is told so in a sentence; the rest says what the gateway says.
export function refused(problem) {
  const text = problem?.status === 401 ? say("notKnown") : problem?.status === 403 ? say("notAllowed")
    : problem?.findings?.length > 0 ? say("objections") : problem?.detail ?? say("noAnswer");
  const told = element("p", "field-error", text);
  told.setAttribute("role", "alert");
  return told;
}

// Shows each finding at its field (`defects[1].quantity`), what has none above them, and goes to the first.
export function showFindings(form, place, problem) {
  clearFindings(form);
  place.replaceChildren(refused(problem));
  const unplaced = [];
  for (const { field: name, message } of problem?.findings ?? []) {
    const at = form.querySelector(`[data-field="${CSS.escape(name)}"]`) ?? form.querySelector(`[data-field="${CSS.escape(name.replace(/[.[].*$/, ""))}"]`);
    const told = element("span", "field-error", message);
    if (!at) unplaced.push(element("p", "field-error", `${name}: ${message}`));
    else {
      at.append(told);
      at.querySelector("input, select, textarea")?.setAttribute("aria-invalid", "true");
    }
  }
  place.append(...unplaced);
  (form.querySelector("[aria-invalid]") ?? place).focus?.();
}

export function clearFindings(form) {
  for (const told of form.querySelectorAll(".field-error")) told.remove();
  for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
}

// Works also where the page came over plain HTTP, and has no `randomUUID`.
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// The gateway's drawing, as an element of this page.
export async function drawing(path) {
  const answer = await fetch(`/api/v1/${path}`, { cache: "no-store", signal: AbortSignal.timeout(15000) });
  if (!answer.ok) throw await answer.json();
  const read = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
  return document.importNode(read.documentElement, true);
}

// Times of day as the plant's clocks show them, also before the gateway was heard.
export const clock = (feed, at, withSeconds = false) => (feed.now().time ? plantClock(feed.now(), at, withSeconds) : at.slice(11, 16));

// Codes and names of reasons, asked for once.
let known = null;
export async function reasons() {
  known ??= call("GET", "reasons").catch(() => {
    known = null;
    return [];
  });
  return known;
}

export const reasonText = (all, code) => {
  const name = all.find((reason) => reason.code === code)?.name;
  return name ? `${code} ${name}` : code === "" || code === "*" ? say("unnamed") : code;
};

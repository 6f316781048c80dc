// Small things that every part of the quality page uses.
import { call, element, plantClock, reading, refusal, say, worded } from "../shell.js";

// Who changes charts, inspects and decides.
export const DECIDERS = ["quality", "supervisor", "admin"];
const NUMBER_DIGITS = 5;

export const number = (value, digits = NUMBER_DIGITS) => (typeof value === "number" ? String(Number(value.toPrecision(digits))) : "–");
// What is measured keeps its zeros, so that figures stay as wide as they are.
export const measured = (value) => (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? value.toPrecision(NUMBER_DIGITS) : number(value));
export const percent = (share, places = 1) => (typeof share === "number" ? `${(share * 100).toFixed(places)} %` : "–");

export function input(attributes = {}) {
  return Object.assign(element("input"), { autocomplete: "off", ...attributes });
}

// [value, text] for each; the first is chosen unless another is.
export function select(options, chosen) {
  const made = element("select", "", ...options.map(([value, text]) => Object.assign(element("option", "", text), { value })));
  if (chosen !== undefined) made.value = chosen;
  return made;
}

export function term(word, ...told) {
  return element("div", "", element("dt", "", say(word)), element("dd", "", ...told));
}

// Shows each finding at its field (`defects[1].quantity`), what has none above them, and goes to the first.
export function showFindings(form, place, problem) {
  clearFindings(form, place);
  place.append(refusal(problem, true));
  for (const finding of problem?.findings ?? []) {
    const { field: name } = finding;
    const at = form.querySelector(`[data-field="${CSS.escape(name)}"]`) ?? form.querySelector(`[data-field="${CSS.escape(name.replace(/[.[].*$/, ""))}"]`);
    if (at) {
      at.append(element("span", "field-error", worded(finding)));
      at.querySelector("input, select, textarea")?.setAttribute("aria-invalid", "true");
    } else place.append(element("p", "field-error", `${name}: ${worded(finding)}`));
  }
  form.querySelector("[aria-invalid]")?.focus();
}

export function clearFindings(form, place) {
  place.replaceChildren();
  for (const told of form.querySelectorAll(".field-error")) told.remove();
  for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
}

// Works also where the page came over plain HTTP, and has no `randomUUID`.
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// The gateway's drawing, as an element of this page.
export async function drawing(path) {
  const answer = await fetch(`/api/v1/${path}`, { cache: "no-store", headers: reading(), signal: AbortSignal.timeout(15000) });
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

// What every page shares: language, figures, times, the head with the way to the other pages. A page gives its words once
// (`startPage`), and says how it draws itself; whatever comes from machines, scans or orders is put in as text, never as markup.
import { FLOW_WORDS, flow } from "./flow.js";
import { STALE_AFTER_MS } from "./live.js";

const LANGUAGE_KEY = "lineside-language";
const LOOK_KEY = "lineside-look";
const ANSWER_WITHIN_MS = 15000;

const SHARED = {
  en: {
    ...FLOW_WORDS.en,
    other: "中文", look: "Light or dark", board: "Board", quality: "Quality", engineering: "Engineering", signIn: "Sign in", signOut: "Sign out",
    close: "Close", place: "{0} · {1}",
    gone: "The gateway does not answer. What you see is from {0} ago.", never: "The gateway does not answer.",
    units: { d: "d", h: "h", m: "min", s: "s" },
  },
  zh: {
    ...FLOW_WORDS.zh,
    other: "English", look: "明暗", board: "看板", quality: "质量", engineering: "工程", signIn: "登录", signOut: "退出",
    close: "关闭", place: "{0} · {1}",
    gone: "网关无应答，以下是 {0} 前的数据。", never: "网关无应答。",
    units: { d: "天", h: "小时", m: "分", s: "秒" },
  },
};

const PAGES = [["/", "board"], ["/quality", "quality"], ["/engineering", "engineering"]];

let words = SHARED;
let redraw = () => {};
export let language = startLanguage();

function keep(key, value) {
  try { localStorage.setItem(key, value); } catch { /* Storage may be forbidden; then nothing is remembered. */ }
}

export function kept(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function startLanguage() {
  const before = kept(LANGUAGE_KEY);
  return before in SHARED ? before : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function say(key, ...values) {
  const text = words[language][key] ?? key;
  return text.replace(/\{(\d)\}/g, (_, nth) => values[nth] ?? "");
}

// Makes the head of the page, and draws it again when the language changes. `own` are the words of this page, by language.
export function startPage(own, show) {
  words = { en: { ...SHARED.en, ...own.en }, zh: { ...SHARED.zh, ...own.zh } };
  redraw = show;
  const look = kept(LOOK_KEY);
  if (look) document.documentElement.dataset.look = look;
  const pages = element("nav", "pages", ...PAGES.map(([at, word]) => {
    const link = element("a", "");
    link.href = at;
    link.dataset.word = word;
    if (at === location.pathname) link.setAttribute("aria-current", "page");
    return link;
  }));
  pages.setAttribute("aria-label", "lineside");
  const other = button("other", () => {
    language = language === "en" ? "zh" : "en";
    keep(LANGUAGE_KEY, language);
    showLanguage();
  });
  const turn = element("button", "", "◐");
  turn.type = "button";
  turn.dataset.label = "look";
  turn.addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.look ? root.dataset.look === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.look = isDark ? "light" : "dark";
    keep(LOOK_KEY, root.dataset.look);
  });
  const named = (tag, id, className = "") => Object.assign(element(tag, className), { id });
  const light = named("a", "light");
  light.href = "/engineering";
  light.hidden = true;
  document.querySelector("header").replaceChildren(
    named("h1", "place"), pages, light, named("p", "clock", "figures"), named("div", "who"), turn, other);
  showLanguage();
}

// Keeps the head up to date with live values: the place, the clock, the light, and how old everything is.
export function followHead(feed) {
  const show = () => showHead(feed);
  setInterval(show, 1000);
  show();
}

export function showHead(feed) {
  const gateway = feed.value("gateway");
  const age = feed.age();
  const isStale = gateway ? age > STALE_AFTER_MS : performance.now() > STALE_AFTER_MS;
  const banner = document.getElementById("stale");
  banner.hidden = !isStale;
  put(banner, isStale ? (gateway ? say("gone", span(age)) : say("never")) : "");
  document.body.classList.toggle("is-stale", isStale);
  if (!gateway) return;
  const { gateway_id, workshop_name } = gateway;
  const place = workshop_name ? say("place", workshop_name, gateway_id) : gateway_id;
  put(document.getElementById("place"), place);
  document.getElementById("place").title = place;
  put(document.getElementById("clock"), plantClock(feed.now(), feed.now().time, true));
  showLight(flow(feed));
}

function showLight([worst]) {
  const light = document.getElementById("light");
  light.hidden = !worst;
  if (!worst || light.title === worst.text) return;
  light.className = worst.level;
  light.title = worst.text;
  const mark = element("span", "mark", { alarm: "✖", warn: "▲", "": "●" }[worst.level]);
  mark.setAttribute("aria-hidden", "true");
  light.replaceChildren(mark, element("span", "words", worst.brief), element("span", "unseen", worst.text));
}

export { flow };

// Text that is there already is not set again: nothing is laid out anew, nothing is read out again.
export function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// Shows a list of [key, sign, make]: what has the same sign stays as it is, with its focus; the rest is made anew.
export function renew(place, items) {
  const before = new Map([...place.children].map((child) => [child.dataset.key, child]));
  items.forEach(([key, sign, make], nth) => {
    let shown = before.get(key);
    before.delete(key);
    if (shown?.sign !== sign) {
      const made = make();
      made.dataset.key = key;
      made.sign = sign;
      const hadFocus = shown?.contains(document.activeElement);
      shown?.replaceWith(made);
      shown = made;
      if (hadFocus) shown.querySelector("button, a, input")?.focus();
    }
    if (place.children[nth] !== shown) place.insertBefore(shown, place.children[nth] ?? null);
  });
  for (const gone of before.values()) gone.remove();
  while (place.children.length > items.length) place.lastElementChild.remove();
}

// A dialog with a title; it is gone when it is closed, and the focus goes back to where it was.
export function ask(title, ...content) {
  const heading = element("h2", "", title);
  heading.id = "dialog-title";
  const dialog = element("dialog", "", heading, ...content);
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function button(word, act) {
  const made = element("button");
  made.type = "button";
  made.dataset.word = word;
  made.addEventListener("click", act);
  return made;
}

function showLanguage() {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-word]")) place.textContent = say(place.dataset.word);
  for (const place of document.querySelectorAll("[data-label]")) {
    place.title = say(place.dataset.label);
    place.setAttribute("aria-label", place.title);
  }
  redraw();
}

// Asks the API. A refusal is thrown as the problem that the gateway tells: {status, title, detail, findings?}.
// What waits for a machine or a disk is given longer (`within`).
export async function call(method, path, body, headers = {}, within = ANSWER_WITHIN_MS) {
  const answer = await fetch(`/api/v1/${path}`, {
    method,
    cache: "no-store",
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(within),
  });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw told;
  return told;
}

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function marked(kind, text, className) {
  const mark = element("span", "mark", kind.mark);
  mark.setAttribute("aria-hidden", "true");
  return element("p", `${className} ${kind.level}`.trim(), mark, element("span", "", text));
}

export const grouped = (number) => Number(number).toLocaleString("en-US").replace(/,/g, "\u202f");

// What has a unit is measured, and keeps its decimals also when it happens to be whole; the rest is counted.
export function figure(value, unit) {
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) && !unit ? grouped(value) : value.toFixed(value !== 0 && Math.abs(value) < 10 ? 2 : 1);
}

export function span(ms) {
  const unit = words[language].units;
  const s = Math.max(0, Math.round(ms / 1000));
  const gap = language === "zh" ? "" : "\u00a0";
  if (s < 60) return `${s}${gap}${unit.s}`;
  if (s < 3600) return `${Math.floor(s / 60)}${gap}${unit.m}`;
  if (s < 86400) return `${Math.floor(s / 3600)}${gap}${unit.h} ${Math.floor((s % 3600) / 60)}${gap}${unit.m}`;
  return `${Math.floor(s / 86400)}${gap}${unit.d} ${Math.floor((s % 86400) / 3600)}${gap}${unit.h}`;
}

export const size = (bytes) => bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;

// Times of day as the plant's clocks show them: the gateway's own time carries the plant's offset.
export function plantClock(status, instant, withSeconds) {
  const offset = /([+-])(\d\d):(\d\d)$/.exec(status.time);
  const minutes = offset ? (offset[1] === "-" ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) : 0;
  const local = new Date(Date.parse(instant) + minutes * 60000).toISOString();
  const time = local.slice(11, withSeconds ? 19 : 16);
  const today = new Date(Date.parse(status.time) + minutes * 60000).toISOString().slice(0, 10);
  return local.slice(0, 10) === today ? time : `${local.slice(5, 10)} ${time}`;
}

export const since = (status, instant) => Date.parse(status.time) - Date.parse(instant);

// Replaces what is there.
export function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

// What every page shares: language, figures, times, the head with the way to the other pages. A page gives its words once
// (`words`), and says how it draws itself (`show`); whatever comes from machines, scans or orders is put in as text, never as markup.

const LANGUAGE_KEY = "lineside-language";
const LOOK_KEY = "lineside-look";
const ANSWER_WITHIN_MS = 4000;

const SHARED = {
  en: {
    other: "中文", look: "Light or dark", board: "Board", engineering: "Engineering",
    gone: "The gateway does not answer. What you see is from {0} ago.", never: "The gateway does not answer.",
    units: { d: "d", h: "h", m: "min", s: "s" },
  },
  zh: {
    other: "English", look: "明暗", board: "看板", engineering: "工程",
    gone: "网关无应答，以下是 {0} 前的数据。", never: "网关无应答。",
    units: { d: "天", h: "小时", m: "分", s: "秒" },
  },
};

const PAGES = [["/", "board"], ["/engineering", "engineering"]];

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
    const link = element("a");
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
  const turn = button("look", () => {
    const root = document.documentElement;
    const isDark = root.dataset.look ? root.dataset.look === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.look = isDark ? "light" : "dark";
    keep(LOOK_KEY, root.dataset.look);
  });
  const place = element("h1");
  place.id = "place";
  const clock = element("p", "figures");
  clock.id = "clock";
  document.querySelector("header").replaceChildren(place, pages, clock, turn, other);
  showLanguage();
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
  redraw();
}

// Asks the API. A refusal is thrown as the problem that the gateway tells: {status, title, detail, findings?}.
export async function call(method, path, body, headers = {}) {
  const answer = await fetch(`/api/v1/${path}`, {
    method,
    cache: "no-store",
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
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

export function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

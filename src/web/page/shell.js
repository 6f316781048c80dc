// What every page shares: language, figures, times, the head with the way to the other pages. A page gives its words once
// (`startPage`), and says how it draws itself; whatever comes from machines, scans or orders is put in as text, never as markup.
import { FLOW_WORDS, flow } from "./flow.js";
import { STALE_AFTER_MS } from "./live.js";
import { drawWho, showWho, signInAt } from "./session.js";

const LANGUAGE_KEY = "lineside-language";
const LOOK_KEY = "lineside-look";
// A machine or a disk may take its time; the gateway gives up before this.
const ANSWER_WITHIN_MS = 15000;

const SHARED = {
  en: {
    ...FLOW_WORDS.en,
    other: "中文", look: "Light or dark", board: "Board", quality: "Quality", engineering: "Engineering", signIn: "Sign in", signOut: "Sign out",
    close: "Close", notDone: "Not done: {0}", notAllowed: "You may not do this: {0}", signInFirst: "For this you have to be signed in.", forWhom: "For {0}.", objections: "Not done. See what is marked.",
    noAnswer: "The gateway did not answer. Look whether it was done before you try again.",
    unheard: "No answer", gone: "The gateway does not answer. What you see is from {0} ago.", never: "The gateway does not answer.",
    units: { d: "d", h: "h", m: "min", s: "s" },
  },
  zh: {
    ...FLOW_WORDS.zh,
    other: "English", look: "明暗", board: "看板", quality: "质量", engineering: "工程", signIn: "登录", signOut: "退出",
    close: "关闭", notDone: "未执行：{0}", notAllowed: "无权执行：{0}", signInFirst: "请先登录。", forWhom: "仅限{0}。", objections: "未执行，请检查标出的内容。",
    noAnswer: "网关没有应答，请先确认是否已执行，再重试。",
    unheard: "无应答", gone: "网关无应答，以下是 {0} 前的数据。", never: "网关无应答。",
    units: { d: "天", h: "小时", m: "分", s: "秒" },
  },
};

// Shape for each level: it can be told apart without colour.
export const MARKS = { alarm: "✖", warn: "▲", "": "●" };

const PAGES = [["/", "board"], ["/quality", "quality"], ["/engineering", "engineering"]];

let words = SHARED;
let redraw = () => {};
export let language = startLanguage();

export function keep(key, value) {
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
  const text = Object.hasOwn(words[language], key) ? words[language][key] : key;
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
  const other = button("", () => {
    language = language === "en" ? "zh" : "en";
    keep(LANGUAGE_KEY, language);
    showLanguage();
  });
  other.dataset.word = "other";
  const turn = button("◐", () => {
    const root = document.documentElement;
    const isDark = root.dataset.look ? root.dataset.look === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.look = isDark ? "light" : "dark";
    keep(LOOK_KEY, root.dataset.look);
  });
  turn.dataset.label = "look";
  const named = (tag, id, className = "") => Object.assign(element(tag, className), { id });
  const light = named("a", "light");
  light.href = "/engineering";
  light.hidden = true;
  document.querySelector("header").replaceChildren(
    named("h1", "place"), pages, light, named("p", "clock", "figures"), named("div", "who"), turn, other);
  showLanguage();
  showWho();
}

// Keeps the head up to date with live values: the place, the clock, the light, and how old everything is. A page that is
// of something within the gateway says of what (`own`).
export function followHead(feed, own) {
  const show = () => showHead(feed, own);
  setInterval(show, 1000);
  show();
}

function showHead(feed, own) {
  const gateway = feed.value("gateway");
  const age = feed.age();
  const isStale = gateway ? age > STALE_AFTER_MS : performance.now() > STALE_AFTER_MS;
  const banner = document.getElementById("stale");
  banner.hidden = !isStale;
  if (isStale && feed.isRefused()) banner.replaceChildren(say("signInFirst"), " ", wayIn());
  else put(banner, isStale ? (gateway ? say("gone", span(age)) : say("never")) : "");
  // Said once; that the time goes on is for eyes alone.
  if (isStale) banner.setAttribute("aria-live", "off");
  else banner.removeAttribute("aria-live");
  document.body.classList.toggle("is-stale", isStale);
  showLight(isStale ? { level: "alarm", brief: say("unheard"), text: banner.textContent } : flow(feed)[0]);
  if (!gateway) return;
  showPlace([own?.(), gateway.workshop_name, gateway.gateway_id].filter(Boolean));
  put(document.getElementById("clock"), plantClock(feed.now(), feed.now().time, true));
}

function showPlace([name, ...within]) {
  const heading = document.getElementById("place");
  const text = [name, ...within].join(" · ");
  if (heading.title !== text) {
    heading.title = text;
    heading.replaceChildren(name, element("small", "", within.join(" · ")));
  }
  const page = document.querySelector(".pages [aria-current]")?.textContent;
  document.title = page ? `${page} – ${name}` : text;
}

function showLight(worst) {
  const light = document.getElementById("light");
  light.hidden = !worst;
  if (!worst || light.title === worst.text) return;
  light.className = worst.level;
  light.title = worst.text;
  light.replaceChildren(shape(MARKS[worst.level]), element("span", "words", worst.brief), element("span", "unseen", worst.text));
}

export { flow };

// What the gateway says to people comes in both languages; what programs alone are told, in English.
export const worded = (told) => told.words?.[language] || told.message || told.detail;

// A field that has its words beside it: what a system, a device or a server said.
export const inWords = (thing, field) => thing[`${field}_words`]?.[language] ?? thing[field] ?? "";

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

// Without anything to do of its own it sends its form.
export function button(text, act, className = "") {
  const made = element("button", className, text);
  made.type = act ? "button" : "submit";
  if (act) made.addEventListener("click", act);
  return made;
}

export const closing = () => button(say("close"), (event) => event.target.closest("dialog").close());

// A labelled control; what is found wrong with `name` is shown at it.
export function field(text, control, name) {
  const made = element("label", "field", text, control);
  if (name) made.dataset.field = name;
  return made;
}

// Why something was not done, with what to do about it where that is known.
// What is found wrong is listed here, unless a form shows it at its fields.
export function refusal(problem, isMarked = false) {
  const note = element("p", "note warn", shape(MARKS.warn), whyNot(problem, isMarked));
  note.setAttribute("role", "alert");
  if (problem?.status === 401) note.append(" ", wayIn());
  return note;
}

function whyNot(problem, isMarked) {
  if (problem?.status === 401) return say("signInFirst");
  if (problem?.status === 403) return say("notAllowed", worded(problem));
  if (problem?.findings?.length > 0) return isMarked ? say("objections") : say("notDone", problem.findings.map(worded).join(language === "zh" ? "；" : "; "));
  // It may have been done.
  if (problem?.status === 504) return worded(problem);
  return problem?.detail ? say("notDone", worded(problem)) : say("noAnswer");
}

function wayIn() {
  const way = element("a", "", say("signIn"));
  way.href = signInAt();
  return way;
}

function showLanguage() {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-word]")) place.textContent = say(place.dataset.word);
  for (const place of document.querySelectorAll("[data-label]")) {
    place.title = say(place.dataset.label);
    place.setAttribute("aria-label", place.title);
  }
  drawWho();
  redraw();
}

// What a page asks for long after anyone touched it, it asks for by itself: the session idles on meanwhile.
const TOUCH_COUNTS_MS = 10000;
let touchedAt = performance.now();
for (const touch of ["pointerdown", "keydown", "wheel"]) addEventListener(touch, () => { touchedAt = performance.now(); }, { capture: true, passive: true });

export const reading = () => (performance.now() - touchedAt > TOUCH_COUNTS_MS ? { "lineside-by-itself": "1" } : {});

// Asks the API. A refusal is thrown as the problem that the gateway tells: {status, title, detail, findings?}.
export async function call(method, path, body, headers = {}) {
  const answer = await fetch(`/api/v1/${path}`, {
    method,
    cache: "no-store",
    headers: { ...(method === "GET" ? reading() : {}), ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const told = answer.status === 204 ? null : await answer.json();
  // A session has ended, perhaps.
  if (answer.status === 401 && path !== "session") showWho();
  if (!answer.ok) throw told;
  return told;
}

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A shape says to eyes what words beside it say to everyone.
export function shape(mark, className = "mark") {
  const made = element("span", className, mark);
  made.setAttribute("aria-hidden", "true");
  return made;
}

export function marked(kind, text, className) {
  return element("p", `${className} ${kind.level}`.trim(), shape(kind.mark), element("span", "", text));
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

// The screen of one reporting station: what is expected next, the last answer, who works on what; a keypad and the buttons
// that have their place now. Green means on disk: it is shown for an answer of the gateway alone, never for what was sent.

import { live } from "./live.js";
import { showWho, signedIn } from "./session.js";
import { button, call, element, fill, followHead, grouped, keep, kept, language, MARKS, plantClock, refusal, say, shape, startPage, worded } from "./shell.js";
import { allowSound, canSound, sound } from "./station-sound.js";
import { startWaiting } from "./station-waiting.js";
import { watchKeys } from "./station-wedge.js";

const DRAW_EVERY_MS = 1000;
const OVERTAKEN_MS = 2000;
// An answer is loud for so long.
const LOUD_MS = 30_000;
// An answer that comes at once needs no "not saved yet" before it.
const WAIT_SHOWN_MS = 250;
const MUTED_KEY = "lineside-muted";
const PREFIXED = /^(EMP|WO|OP|TRV|EQ|RSN|QTY|LSN)-/i;
const NUMBER = /^\d+(\.\d+)?$/;
const SHAPES = { ok: "✔", err: "✖", ask: "?", dup: "=", wait: "◷" };

const WORDS = {
  en: {
    title: "Station {0}", notSaved: "Not saved yet", lately: "Last scans", enter: "ENTER", drop: "Drop",
    sound: "Sound on", muted: "Sound off", touch: "Touch for sound",
    kind_ok: "Saved", kind_err: "Refused", kind_ask: "Question", kind_dup: "Seen before", kind_wait: "Not saved yet",
    nothingYet: "Nothing scanned yet", waits: "It is sent again and again until the gateway has it on disk.",
    ofOther: "What {0} scanned still waits: let {0} sign in, or drop it below.",
    torn: "Only part of the code came. Nothing was sent. Scan again.", full: "Too many scans wait. Nothing was taken.", notTaken: "Not taken: {0}",
    gone: "The gateway does not answer. Scans are not saved; they wait here. What you see is from {0} ago.", never: "The gateway does not answer. Scans are not saved; they wait here.", unknown: "This gateway has no station {0}. Look at the address.",
    badge: "Scan your badge", order: "Scan an order or traveler", operation: "Which operation of {0}?", start: "START the job", travelers: "More travelers, or START",
    quantity: "Quantity, then DONE", piece: "Scan each piece, then DONE", card: "One card for each piece, then DONE", resume: "Paused. RESUME?", supervisor: "Supervisor’s badge needed",
    inspector: "Inspector’s badge needed", unfinished: "Inspection not finished in time. OK?", sample: "How many were inspected?", faults: "Faulty pieces, or DONE",
    many: "How many {0}?", why: "Why {0} {1}?", whyStop: "Why was it stopped?",
    over: "{0} more than planned. OK?", short: "Fewer than planned. Done anyway?", undo: "Take back the last report?", complete: "Complete the order as well?", discard: "Drop the inspection?", switch: "Pause, and take {0}?",
    good: "good", to_inspect: "to inspect", scrap: "scrap", rework: "rework", concession: "concession", inspected: "inspected", faulty: "faulty", keyedSoFar: "{0} so far",
    who: "Who", nobody: "Nobody", crew: "with {0}", today: "today {0} good, {1} defective",
    what: "Order", noOrder: "No order", inspection: "Inspection", byWhom: "by {0}", here: "This job", whole: "Operation in total", of: "of {0}", defective: "{0} defective", unverified: "not verified",
    field_badge: "Badge number", field_order: "Order number", field_operation: "Operation code", field_reason: "Reason code", field_quantity: "Quantity", field_any: "Code",
    do_start: "START", do_resume: "RESUME", do_pause: "PAUSE", do_done: "DONE", do_ok: "OK", do_cancel: "CANCEL", do_undo: "UNDO", do_logout: "LOGOUT", do_setup: "SETUP", do_good: "+1 good",
    do_scrap: "Scrap", do_rework: "Rework", do_concession: "Concession", do_inspect: "To inspect", do_check: "Inspection", do_call: "Call help", do_down: "Machine down", do_up: "Machine up", back: "Delete a digit",
  },
  zh: {
    title: "工位 {0}", notSaved: "尚未保存", lately: "最近扫描", enter: "确认", drop: "放弃",
    sound: "声音：开", muted: "声音：关", touch: "触摸开启声音",
    kind_ok: "已保存", kind_err: "已拒绝", kind_ask: "请回答", kind_dup: "重复", kind_wait: "尚未保存",
    nothingYet: "还没有扫描", waits: "将持续重发，直到网关确认已写盘。",
    ofOther: "{0} 的扫描仍在等待：请 {0} 登录，或在下方删除。",
    torn: "读码不完整，未发送，请重新扫描。", full: "等待发送的扫描过多，本次未接收。", notTaken: "未接收：{0}",
    gone: "网关无应答。扫描尚未保存，在此等待。以下是 {0} 前的数据。", never: "网关无应答。扫描尚未保存，在此等待。", unknown: "本网关没有工位 {0}，请核对地址。",
    badge: "请扫描工牌", order: "请扫描工单或流转卡", operation: "工单 {0}：哪道工序？", start: "请开工", travelers: "继续扫流转卡，或开工",
    quantity: "报数量，完成后完工", piece: "逐件扫描，完成后完工", card: "每件扫一次卡，完成后完工", resume: "已暂停，继续？", supervisor: "请班组长扫描工牌",
    inspector: "请检验员扫描工牌", unfinished: "检验超时未完成，确认？", sample: "检验多少件？", faults: "报不良数量，或完工",
    many: "{0}数量？", why: "{1} {0} 件，原因？", whyStop: "停机原因？",
    over: "{0} 件超过计划，确认？", short: "少于计划，仍要完工？", undo: "撤销上次报工？", complete: "工单也要完工？", discard: "放弃本次检验？", switch: "暂停并切换到 {0}？",
    good: "合格", to_inspect: "待检", scrap: "报废", rework: "返工", concession: "让步接收", inspected: "检验", faulty: "不良", keyedSoFar: "已输入 {0}",
    who: "人员", nobody: "未登录", crew: "同组 {0}", today: "今日合格 {0}，不良 {1}",
    what: "工单", noOrder: "无工单", inspection: "检验", byWhom: "检验员 {0}", here: "本次任务", whole: "本工序合计", of: "计划 {0}", defective: "不良 {0}", unverified: "未验证",
    field_badge: "工号", field_order: "工单号", field_operation: "工序代码", field_reason: "原因代码", field_quantity: "数量", field_any: "代码",
    do_start: "开工", do_resume: "继续", do_pause: "暂停", do_done: "完工", do_ok: "确认 OK", do_cancel: "取消", do_undo: "撤销", do_logout: "退出登录", do_setup: "调机", do_good: "合格 +1",
    do_scrap: "报废", do_rework: "返工", do_concession: "让步接收", do_inspect: "待检", do_check: "检验", do_call: "呼叫", do_down: "设备停机", do_up: "设备恢复", back: "删除一位",
  },
};

const ICONS = {
  badge: "M8 4h16v24H8zM13 4v3h6V4M12.5 24c0-4 7-4 7 0M16 12a3 3 0 1 0 .01 0",
  order: "M7 4h13l5 5v19H7zM20 4v5h5M11 14h10M11 18h10M11 22h6",
  start: "M10 6l16 10-16 10z",
  quantity: "M5 11h22M5 21h22M12 5l-3 22M23 5l-3 22",
  question: "M11 12c0-7 11-7 11 0 0 5-6 4-6 9M16 26v.5",
  pause: "M11 6v20M21 6v20",
};

// Buttons in the order in which hands look for them; the first that fits of `NEXT` is the large one.
const NEXT = ["ok", "start", "resume", "done"];
const BUTTONS = ["ok", "start", "resume", "done", "cancel", "pause", "good", "scrap", "rework", "concession", "inspect", "check", "undo", "setup", "call", "up", "down", "logout"];

const station = decodeURIComponent(location.pathname.split("/").pop());
let view = null;
let told = null;
// What the band shows: {kind, message, at, since}.
let band = null;
// The last answer that was shown, and when this page was last answered itself.
let seen = null;
let answeredAt = -Infinity;
let trouble = null;
let isMuted = kept(MUTED_KEY) === "yes";
let bearer = null;

const byId = (id) => document.getElementById(id);
const headers = () => bearer === null ? {} : { authorization: `Bearer ${bearer}` };
const accepts = (scan) => view?.accepts.find((accepted) => accepted.scan === scan);

function control(role, text, act) {
  const made = button(text, act);
  made.dataset.role = role;
  return made;
}

function icon(name) {
  const at = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(at, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(at, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// What is expected next: an icon, a sentence, and what is asked about.
function expected() {
  if (!view) return ["question", "…", ""];
  const about = view.asked;
  if (about?.needs_approval) return ["badge", say("supervisor"), view.last_feedback ? worded(view.last_feedback) : ""];
  switch (about?.what) {
    case "quantity": return ["quantity", say("many", say(about.about)), about.quantity ? say("keyedSoFar", about.quantity) : ""];
    case "reason": return ["question", about.about === "stop" ? say("whyStop") : say("why", about.quantity, say(about.about)), ""];
    case "operation": return ["order", say("operation", about.order_no), ""];
    case "confirm": return ["question", say(about.about, about.about === "over" ? about.quantity : about.order_no), view.last_feedback ? worded(view.last_feedback) : ""];
    default:
  }
  if (view.state === "inspecting") {
    if (!view.inspection.checker_no) return ["badge", say("inspector"), ""];
    return ["quantity", say(view.inspection.check_quantity === null ? "sample" : "faults"), ""];
  }
  if (view.state === "inspection_over") return ["question", say("unfinished"), ""];
  if (view.state === "idle") return ["badge", say("badge"), ""];
  if (view.state === "signed_on") return ["order", say("order"), ""];
  if (view.state === "paused") return ["pause", say("resume"), ""];
  if (view.state === "job_loaded" && accepts("start")) return ["start", say(view.orders.length > 1 ? "travelers" : "start"), ""];
  if (accepts("quantity") && accepts("good")?.kind !== "ok") return ["quantity", say("quantity"), ""];
  return ["quantity", say(accepts("quantity") ? "card" : "piece"), ""];
}

function showExpected() {
  const [name, sentence, more] = expected();
  const text = element("p", "", sentence);
  if (more) text.append(element("small", "", more));
  fill("expects", icon(name), text);
}

function showBand() {
  const place = byId("answer");
  const isOld = band !== null && band.kind !== "wait" && Date.now() - band.since > LOUD_MS;
  place.dataset.kind = band?.kind ?? "";
  place.classList.toggle("is-old", isOld);
  const drawn = JSON.stringify([band, language]);
  if (place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  if (!band) return place.replaceChildren(element("span", "shape"), element("p", "told", say("nothingYet")));
  const told = element("div", "", element("strong", "", say(`kind_${band.kind}`)), element("p", "told", band.message()));
  place.replaceChildren(shape(SHAPES[band.kind], "shape"), told, element("time", "figures", band.at && clock().time ? plantClock(clock(), band.at, true) : ""));
}

// A new answer is seen and heard.
function announce(kind, message, at) {
  band = { kind, message, at, since: Date.now() };
  delete byId("answer").dataset.drawn;
  showBand();
  if (!isMuted) sound(kind);
}

function showWaiting() {
  const all = waiting.list();
  byId("waiting").hidden = all.length === 0 || Date.now() - all[0].at < 2 * WAIT_SHOWN_MS;
  fill("waiting-list", ...all.map((entry) => {
    const drop = control("drop", say("drop"), () => {
      waiting.drop(entry.scan_id);
      if (trouble?.ofOther) trouble = null;
      showTrouble();
    });
    drop.setAttribute("aria-label", `${say("drop")} ${entry.code}`);
    return element("li", "", element("span", "", entry.code), drop);
  }));
}

function part(title, ...lines) {
  return element("div", "part", element("p", "", title), ...lines);
}

function counted(quantity, plan) {
  const line = element("p", "big", grouped(quantity));
  if (plan !== null && plan !== undefined) line.append(element("small", "", ` ${say("of", grouped(plan))}`));
  return line;
}

// What was noted so far of the pieces that are being inspected.
function inspected(sheet) {
  const faults = sheet.faults.map((fault) => element("li", "", [grouped(fault.quantity), say(fault.kind ?? "faulty"), fault.reason].join(" ")));
  const list = element("ul", "more");
  list.append(...faults);
  const by = sheet.checker_name ?? sheet.checker_no;
  const made = part(say("inspection"), element("p", "big", sheet.check_quantity === null ? "…" : `${grouped(sheet.check_quantity)} ${say("inspected")}`),
    element("p", "bad", say("defective", grouped(sheet.unqualified_quantity))), list, element("p", "more", by ? say("byWhom", by) : ""));
  made.dataset.role = "inspection";
  return made;
}

function showJob() {
  if (!view) return fill("job");
  const others = view.crew.slice(1);
  const more = [];
  if (view.today) more.push(say("today", grouped(view.today.qualified_quantity), grouped(view.today.unqualified_quantity)));
  if (others.length) more.push(say("crew", others.join(", ")));
  const who = part(say("who"), element("p", "name", view.worker_name ?? view.worker_no ?? say("nobody")), element("p", "more", more.join(" · ")));
  who.dataset.role = "who";
  const product = [view.product_code, view.product_name].filter(Boolean).join(" ");
  const process = view.process_name ? `${view.process_code} ${view.process_name}` : view.process_code;
  const order = part(say("what"), element("p", "name", view.orders.join(", ") || say("noOrder")), element("p", "more", [process, product, view.unverified ? say("unverified") : ""].filter(Boolean).join(" · ")));
  order.dataset.role = "order";
  if (!view.order_no) return fill("job", who, order);
  const here = part(say("here"), counted(view.qualified_quantity), element("p", "bad", say("defective", grouped(view.unqualified_quantity))));
  here.dataset.role = "here";
  const parts = [who, order, ...(view.inspection ? [inspected(view.inspection)] : []), here];
  if (view.order_quantity !== null && view.process_quantity !== null) {
    const bar = element("progress", "progress");
    bar.max = Math.max(Number(view.order_quantity), 1e-9);
    bar.value = Math.min(Number(view.process_quantity), bar.max);
    bar.setAttribute("aria-label", say("whole"));
    const whole = part(say("whole"), counted(view.process_quantity, view.order_quantity), bar);
    whole.dataset.role = "whole";
    parts.push(whole);
  }
  fill("job", ...parts);
}

// What is keyed in is meant as what is expected: only that has to be written, not the prefix of its card.
function field() {
  const about = view?.asked;
  if (about?.needs_approval || view?.state === "idle" || (view?.inspection && !view.inspection.checker_no)) return ["badge", "EMP-"];
  if (about?.what === "operation") return ["operation", "OP-"];
  if (about?.what === "reason") return ["reason", "RSN-"];
  if (view?.state === "signed_on") return ["order", "WO-"];
  if (accepts("quantity")) return ["quantity", "QTY-"];
  return ["any", ""];
}

function codeOf(text) {
  const [name, prefix] = field();
  if (PREFIXED.test(text) || (name === "quantity" && !NUMBER.test(text))) return text;
  return prefix + text;
}

function showField() {
  const [name, prefix] = field();
  byId("keyed-label").textContent = say(`field_${name}`);
  byId("prefix").textContent = prefix;
  // Where digits will do, our own keys are larger than those of a tablet.
  byId("keyed").inputMode = name === "order" || name === "any" ? "text" : "none";
}

function showActions() {
  const offered = BUTTONS.filter((name) => {
    const accepted = accepts(name);
    if (!accepted) return false;
    if (name === "start") return !accepts("resume");
    // Good pieces are keyed in; only where each is a scan of its own, the card has a button.
    if (name === "good") return accepted.kind === "ok";
    if (name === "setup") return view.state === "job_loaded";
    return true;
  });
  const next = NEXT.find((name) => offered.includes(name));
  // Unasked, a reason is of a stop; who wants to tell one, has its card.
  const reasons = view?.asked?.what === "reason" ? view.reasons : [];
  const drawn = JSON.stringify([offered, next, reasons, language]);
  const place = byId("actions");
  // Drawn anew, a button would lose the focus.
  if (place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  const focused = document.activeElement?.dataset?.code;
  place.replaceChildren(...offered.map((name) => {
    const made = control(`do-${name}`, say(`do_${name}`), () => take(made.dataset.code));
    made.dataset.code = accepts(name).code;
    made.classList.toggle("is-next", name === next);
    return made;
  }));
  fill("reasons", ...reasons.map((reason) => {
    const made = control("reason", "", () => take(made.dataset.code));
    made.dataset.code = `RSN-${reason.code}`;
    made.append(element("b", "", reason.code), element("span", "", reason.name));
    return made;
  }));
  if (focused) document.querySelector(`[data-code="${CSS.escape(focused)}"]`)?.focus();
}

function showScans() {
  fill("scans", ...(view?.scans ?? []).map((scan) => {
    const line = element("li", "", element("time", "", clock().time ? plantClock(clock(), scan.at, true) : ""),
      element("span", "kind", shape(SHAPES[scan.kind], ""), say(`kind_${scan.kind}`)),
      element("span", "said", worded(scan)), element("code", "", scan.scanned));
    line.dataset.kind = scan.kind;
    return line;
  }));
}

function showMute() {
  const mute = byId("mute");
  mute.textContent = say(isMuted ? "muted" : canSound() ? "sound" : "touch");
  mute.setAttribute("aria-pressed", String(isMuted));
}

function showTrouble() {
  const isUnknown = view === null && told?.value("gateway") !== undefined;
  document.body.classList.toggle("is-nowhere", isUnknown);
  const place = byId("trouble");
  const drawn = JSON.stringify([isUnknown, trouble, language]);
  if (place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  place.replaceChildren(...(isUnknown ? [element("p", "note warn", shape(MARKS.warn), say("unknown", station))] : trouble?.ofOther ? [element("p", "note warn", shape(MARKS.warn), say("ofOther", trouble.ofOther))] : trouble ? [refusal(trouble)] : []));
}

const clock = () => told?.now() ?? { time: null };

function draw() {
  if (!byId("mute")) return;
  showMute();
  showTrouble();
  showExpected();
  showBand();
  showWaiting();
  showJob();
  showField();
  showActions();
  showScans();
}

// The scan of a person at this page.
function take(code) {
  if (!waiting.add(code)) return announce("err", () => say("full"));
  const id = waiting.list().at(-1)?.scan_id;
  setTimeout(() => {
    if (waiting.list().some((entry) => entry.scan_id === id)) {
      announce("wait", () => `${code}: ${say("waits")}`);
      draw();
    }
  }, WAIT_SHOWN_MS);
}

const waiting = startWaiting(station, headers, signedIn, {
  changed: () => byId("mute") && showWaiting(),
  answered(entry, { feedback, station: now }) {
    trouble = null;
    if (now) view = now;
    seen = `${feedback.at} ${feedback.code}`;
    answeredAt = performance.now();
    announce(feedback.kind, () => worded(feedback), feedback.at);
    draw();
  },
  refused: (entry, problem) => announce("err", () => `${entry.code}: ${say("notTaken", worded(problem))}`),
  ofOther(name) {
    trouble = { status: 409, ofOther: name };
    showTrouble();
    showWaiting();
  },
  away(problem) {
    trouble = problem?.status ? problem : null;
    showTrouble();
    showWaiting();
  },
});

// How the station is, whoever scans there: this page, another, a scanner.
function follow(keys) {
  const now = told?.value(`station/${station}`);
  const last = now?.last_feedback;
  // What was on its way while this page was answered is older than the answer.
  const isOvertaken = performance.now() - answeredAt < OVERTAKEN_MS && last && seen !== null && Date.parse(last.at) < Date.parse(seen.split(" ")[0]);
  if (keys.has(`station/${station}`) && now && !isOvertaken) {
    view = now;
    const name = last ? `${last.at} ${last.code}` : "";
    if (last && name !== seen) {
      // What was said before this page was opened is not said again.
      if (seen === null) band ??= { kind: last.kind, message: () => worded(last), at: last.at, since: 0 };
      else announce(last.kind, () => worded(last), last.at);
    }
    seen = name;
  }
  draw();
}

// A device brings its token in the address; it does not stay there.
async function signIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  try {
    await call("POST", "session", { token });
  } catch {
    // Where there are no sessions, the token itself is shown with each call, as long as this page is open.
    bearer = token;
  }
}

function enter() {
  const text = byId("keyed").value.trim();
  byId("keyed").value = "";
  if (text !== "") take(codeOf(text));
}

function startKeys() {
  const keyed = byId("keyed");
  const erase = () => { keyed.value = keyed.value.slice(0, -1); };
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", ".", "0"].map((digit) => control("key", digit, () => { keyed.value += digit; }));
  const back = control("back", "⌫", erase);
  back.dataset.label = "back";
  fill("keys", ...keys, back);
  byId("entry").addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });
  watchKeys({
    scan: take,
    torn() {
      keyed.value = "";
      announce("err", () => say("torn"));
    },
    typed: (text) => { keyed.value += text; },
    enter,
    erase,
  });
}

function startMute() {
  const mute = control("mute", "", async () => {
    if (!canSound()) {
      isMuted = false;
      await allowSound();
      sound("ok");
    } else {
      isMuted = !isMuted;
    }
    keep(MUTED_KEY, isMuted ? "yes" : "no");
    showMute();
  });
  mute.id = "mute";
  byId("clock").after(mute);
  const wake = (event) => {
    if (!canSound() && !(event.target instanceof Node && mute.contains(event.target))) allowSound().then(showMute, () => {});
  };
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);
}

startPage(WORDS, draw);
startMute();
startKeys();
signIn().then(() => {
  showWho();
  told = live(follow);
  followHead(told, () => say("title", station));
  setInterval(draw, DRAW_EVERY_MS);
});

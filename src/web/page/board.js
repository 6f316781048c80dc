// The live page: asks the gateway once a second and shows what it says. Whatever comes from machines, scans or orders is
// put in as text, never as markup. When the gateway does not answer, the page says so and fades what it last knew.
import { call, element, figure, fill, grouped, language, marked, plantClock, say, since, size, span, startPage } from "./shell.js";

const ASK_EVERY_MS = 1000;
const STALE_AFTER_MS = 3500;

const WORDS = {
  en: {
    flow: "Where the records are", stations: "Stations", machines: "Machines", sources: "Connections",
    source: "Connection", link: "State", readings: "Readings", rejected: "Not understood", problem: "Last problem",
    running: "running", stopped: "stopped", fault: "FAULT", offline: "OFFLINE", unknown: "not known yet",
    stale: "old value", bad: "no value", at: "of {0}",
    connected: "connected", lost: "LOST", since: "since {0}", silentDevices: "silent: {0}",
    runningOf: "{0} of {1} running", connectedOf: "{0} of {1} connected", signedOnOf: "{0} of {1} at work",
    nobody: "Nobody signed on", noOrder: "No order", good: "good", defective: "defective", order: "of the order",
    unverified: "not verified", now: "now", none: "none yet", nothing: "None are configured.",
    good_count: "good", scrap_count: "scrap", temperature: "temperature", force: "force", state: "state",
    flowing: "{0}: delivering; everything heard has arrived.",
    flowingSome: "{0}: delivering; {1} records on their way.",
    backlog: "{0}: {1} records wait, the oldest for {2}.",
    away: "{0}: {1} records wait, the oldest for {2}; it has not answered since {3}.",
    awayIdle: "{0}: it has not answered since {1}; nothing waits.",
    trying: "{0}: no answer yet; {1} records wait.",
    answered: "It said: {0}",
    noUpstream: "Nothing is sent anywhere: no upstream is configured. Everything is kept in the buffer.",
    notWritable: "NOTHING CAN BE SAVED: {0}. Stations refuse scans until this is mended.",
    paused: "The disk is nearly full: machine data is held back, reports are still taken.",
    deadLetters: "{0} messages were refused for good and wait for a person: lineside buffer list --dead",
    dropped: "{0} machine records gave way to the buffer's bound and are gone.",
    oldReference: "Orders and people were last confirmed {0} ago: stations take what they cannot check, and mark it.",
    noReference: "Orders and people are not known yet: stations take what they cannot check, and mark it.",
    buffer: "Buffer {0} of {1}",
    about: "Gateway {0} · version {1}",
    workshop: "{0} · {1}",
  },
  zh: {
    flow: "数据去向", stations: "报工工位", machines: "设备", sources: "连接",
    source: "连接", link: "状态", readings: "读数", rejected: "无法解析", problem: "最近问题",
    running: "运行", stopped: "停机", fault: "故障", offline: "离线", unknown: "尚无状态",
    stale: "旧值", bad: "无值", at: "{0}",
    connected: "已连接", lost: "已断开", since: "自 {0}", silentDevices: "无应答：{0}",
    runningOf: "{1} 台中 {0} 台运行", connectedOf: "{1} 个中 {0} 个已连接", signedOnOf: "{1} 个中 {0} 个在岗",
    nobody: "无人登录", noOrder: "无工单", good: "合格", defective: "不良", order: "工单进度",
    unverified: "未验证", now: "刚刚", none: "暂无", nothing: "未配置。",
    good_count: "合格数", scrap_count: "废品数", temperature: "温度", force: "压力", state: "状态",
    flowing: "{0}：正在上传，全部数据已送达。",
    flowingSome: "{0}：正在上传，{1} 条在途。",
    backlog: "{0}：{1} 条待传，最早已等待 {2}。",
    away: "{0}：{1} 条待传，最早已等待 {2}；自 {3} 起无应答。",
    awayIdle: "{0}：自 {1} 起无应答；没有待传数据。",
    trying: "{0}：尚无应答；{1} 条待传。",
    answered: "对方回答：{0}",
    noUpstream: "未配置上传目标，所有数据保存在本地缓存。",
    notWritable: "无法保存数据：{0}。修复前工位拒绝扫码。",
    paused: "磁盘将满：设备数据暂停接收，报工照常。",
    deadLetters: "{0} 条数据被拒收，需人工处理：lineside buffer list --dead",
    dropped: "{0} 条设备数据因缓存已满被丢弃。",
    oldReference: "工单和人员数据最近确认于 {0} 前：工位无法核对时照收并标记。",
    noReference: "尚无工单和人员数据：工位无法核对时照收并标记。",
    buffer: "缓存 {0} / {1}",
    about: "网关 {0} · 版本 {1}",
    workshop: "{0} · {1}",
  },
};

// Shape for each state: it can be told apart without colour.
const STATES = {
  running: { mark: "▶", level: "" },
  stopped: { mark: "■", level: "" },
  fault: { mark: "▲", level: "alarm" },
  offline: { mark: "✖", level: "warn" },
};
const FEEDBACK = {
  ok: { mark: "✔", level: "" },
  ask: { mark: "?", level: "" },
  dup: { mark: "⧉", level: "" },
  err: { mark: "✖", level: "warn" },
};

let last = null;
let lastAt = 0;

// ── Where the records are ──

function showFlow(status) {
  const lines = [];
  const line = (level, text) => lines.push(element("li", level, element("span", "", level ? `${level === "alarm" ? "✖" : "▲"} ` : "", text)));
  const buffer = status.buffer;
  if (!buffer.writable) line("alarm", say("notWritable", buffer.problem ?? ""));
  if (buffer.telemetry_paused) line("warn", say("paused"));
  const upstreams = Object.entries(status.upstreams);
  if (upstreams.length === 0) line("", say("noUpstream"));
  for (const [name, upstream] of upstreams) showUpstream(status, name, upstream, line);
  if (buffer.dead_letters > 0) line("warn", say("deadLetters", grouped(buffer.dead_letters)));
  const dropped = Object.values(buffer.lanes).reduce((sum, lane) => sum + lane.dropped, 0);
  if (dropped > 0) line("warn", say("dropped", grouped(dropped)));
  if (status.reference.version && !status.reference.fresh) {
    line("warn", say("oldReference", span(since(status, status.reference.confirmed_at))));
  } else if (!status.reference.version && upstreams.length > 0) {
    line("", say("noReference"));
  }
  fill("flow", ...lines);
}

function showUpstream(status, name, upstream, line) {
  const waiting = Object.values(upstream.waiting).reduce((sum, count) => sum + count, 0);
  const count = grouped(waiting);
  const oldest = upstream.oldest_waiting ? since(status, upstream.oldest_waiting) : 0;
  if (upstream.reachable) {
    if (oldest > 10000) line("", say("backlog", name, count, span(oldest)));
    else line("", waiting === 0 ? say("flowing", name) : say("flowingSome", name, count));
    return;
  }
  if (!upstream.since) {
    line("", say("trying", name, count));
    return;
  }
  const when = plantClock(status, upstream.since, false);
  const text = waiting === 0 ? say("awayIdle", name, when) : say("away", name, count, span(oldest), when);
  line("warn", upstream.last_answer ? `${text} ${say("answered", upstream.last_answer)}` : text);
}

// ── Stations ──

function showStations(status, stations) {
  const all = Object.entries(stations);
  const atWork = all.filter(([, station]) => station.worker_no).length;
  document.getElementById("stations-sum").textContent = all.length ? say("signedOnOf", atWork, all.length) : "";
  fill("stations", ...(all.length ? all.map(([name, station]) => stationCard(status, name, station)) : [element("p", "expects", say("nothing"))]));
}

function stationCard(status, name, station) {
  const who = station.worker_no ? station.worker_name ?? station.worker_no : say("nobody");
  const card = element("article", "card", element("h3", "", name, element("small", "", who)));
  if (station.order_no) {
    const process = station.process_name || station.process_code || "";
    const doubt = station.unverified ? ` (${say("unverified")})` : "";
    card.append(element("p", "order", `${station.order_no} · ${process}${doubt}`));
    const point = (label, value) => element("div", "", element("dt", "", label), element("dd", "", value));
    const points = element("dl", "points",
      point(say("good"), grouped(station.qualified_quantity)),
      point(say("defective"), grouped(station.unqualified_quantity)));
    card.append(points);
    if (station.order_quantity) {
      const bar = element("progress", "progress");
      bar.max = Math.max(1, Number(station.order_quantity));
      bar.value = Number(station.completed_quantity ?? 0);
      bar.setAttribute("aria-label", say("order"));
      points.append(point(say("order"), `${grouped(station.completed_quantity ?? 0)} / ${grouped(station.order_quantity)}`));
      card.append(bar);
    }
  } else {
    card.append(element("p", "order", say("noOrder")));
  }
  const feedback = station.last_feedback;
  if (feedback) {
    const shown = marked(FEEDBACK[feedback.kind] ?? FEEDBACK.ok, feedback.message, "feedback");
    shown.append(element("small", "figures", plantClock(status, feedback.at, true)));
    card.append(shown);
  }
  card.append(element("p", "expects", `→ ${station.expects}`));
  return card;
}

// ── Machines ──

function showMachines(status, equipment) {
  const all = Object.entries(equipment);
  const running = all.filter(([, machine]) => machine.state === "running").length;
  document.getElementById("machines-sum").textContent = all.length ? say("runningOf", running, all.length) : "";
  fill("machines", ...(all.length ? all.map(([code, machine]) => machineCard(status, code, machine)) : [element("p", "expects", say("nothing"))]));
}

function machineCard(status, code, machine) {
  const kind = STATES[machine.state] ?? { mark: "·", level: "" };
  const state = marked(kind, machine.state ? say(machine.state) : say("unknown"), "state");
  if (machine.state_since) state.append(element("span", "for figures", span(since(status, machine.state_since))));
  const points = Object.entries(machine.points).filter(([name]) => name !== "state");
  return element("article", "card",
    element("h3", "", code, machine.name ? element("small", "", machine.name) : null),
    state,
    element("dl", "points", ...points.map(([name, point]) => pointView(status, name, point))));
}

function pointView(status, name, point) {
  const value = element("dd", point.quality === "good" ? "" : "is-old");
  value.append(point.value === null ? "—" : figure(point.value, point.unit));
  if (point.unit) value.append(element("small", "", point.unit));
  if (point.quality !== "good") {
    // An old value is told with its time, a missing one with its reason.
    const isOld = point.quality === "stale";
    const more = isOld ? point.source_time && say("at", plantClock(status, point.source_time, true)) : point.reason;
    value.append(element("span", "quality", `▲ ${say(point.quality)}${more ? ` · ${more}` : ""}`));
  }
  return element("div", "", element("dt", "", say(name)), value);
}

// ── Connections ──

function showSources(status) {
  const all = Object.entries(status.sources);
  const up = all.filter(([, source]) => source.connected).length;
  document.getElementById("sources-sum").textContent = all.length ? say("connectedOf", up, all.length) : "";
  fill("sources", ...all.map(([name, source]) => sourceRow(status, name, source)));
}

function sourceRow(status, name, source) {
  const silent = Object.entries(source.devices).filter(([, device]) => !device.answers).map(([device]) => device);
  const level = source.connected && silent.length === 0 ? "" : "warn";
  const state = [source.connected ? `${level ? "▲" : "●"} ${say("connected")}` : `✖ ${say("lost")}`];
  if (source.since) state.push(say("since", plantClock(status, source.since, false)));
  const problems = [];
  if (silent.length > 0) problems.push(say("silentDevices", silent.join(", ")));
  // A problem that is over is history; what stands in the way now is news.
  if (!source.connected && source.last_error) problems.push(source.last_error);
  for (const device of silent) problems.push(source.devices[device].last_error ?? "");
  if (source.rejected > 0 && source.last_rejection) problems.push(source.last_rejection);
  return element("tr", "",
    element("td", "", name),
    element("td", level, state.join(" ")),
    element("td", "number", grouped(source.readings)),
    element("td", `number ${source.rejected > 0 ? "warn" : ""}`.trim(), grouped(source.rejected)),
    element("td", "", problems.filter(Boolean).join(" · ")));
}

// ── The page ──

function show() {
  if (last) {
    const { status, stations, equipment } = last;
    const { gateway_id, workshop_name } = status.gateway;
    const place = workshop_name ? say("workshop", workshop_name, gateway_id) : gateway_id;
    document.title = `${place} – lineside`;
    document.getElementById("place").textContent = place;
    document.getElementById("clock").textContent = plantClock(status, status.time, true);
    document.getElementById("about").textContent =
      `${say("about", gateway_id, status.version)} · ${say("buffer", size(status.buffer.disk_bytes), size(status.buffer.max_bytes))}`;
    showFlow(status);
    showStations(status, stations);
    showMachines(status, equipment);
    showSources(status);
  }
  showAge();
}

function showAge() {
  const age = Date.now() - lastAt;
  const isStale = !last ? performance.now() > STALE_AFTER_MS : age > STALE_AFTER_MS;
  const banner = document.getElementById("stale");
  banner.hidden = !isStale;
  banner.textContent = isStale ? (last ? say("gone", span(age)) : say("never")) : "";
  document.body.classList.toggle("is-stale", isStale);
}

async function keepAsking() {
  for (;;) {
    try {
      const [status, stations, equipment] = await Promise.all([call("GET", "status"), call("GET", "stations"), call("GET", "equipment")]);
      last = { status, stations, equipment };
      lastAt = Date.now();
    } catch {
      // Said by its age: what was shown stays, and is marked as old.
    }
    show();
    await new Promise((resume) => setTimeout(resume, ASK_EVERY_MS));
  }
}

startPage(WORDS, show);
setInterval(showAge, ASK_EVERY_MS);
keepAsking();

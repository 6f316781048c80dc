// Where the records are, in sentences: the light of the head, and the lines of the board. The worst comes first.
import { grouped, inWords, plantClock, say, since, span } from "./shell.js";

const LATE_AFTER_MS = 10000;
// What is gone stays gone; an alert travels north with its range. Here it is told while it happens, and shortly after.
const DROPPED_TOLD_MS = 600000;

export const FLOW_WORDS = {
  en: {
    allSent: "All sent", someWait: "{0} wait", notSaving: "NOT SAVING", someRefused: "{0} refused", held: "Machine data held", someDropped: "{0} dropped", unchecked: "Orders not confirmed", noTarget: "Kept here",
    flowing: "{0}: everything heard has arrived.",
    flowingSome: "{0}: delivering; on their way: {1}.",
    backlog: "{0}: {1} records wait, the oldest for {2}.",
    away: "{0}: {1} records wait, the oldest for {2}; it has not answered since {3}.",
    turnsAway: "{0}: {1} records wait, the oldest for {2}; since {3} it answers: {4}.",
    turnsAwayIdle: "{0}: since {1} it answers: {2}; nothing waits.",
    awayIdle: "{0}: it has not answered since {1}; nothing waits.",
    trying: "{0}: no answer yet; {1} records wait.",
    nowhere: "Nothing is sent anywhere: no upstream is configured. Everything is kept in the buffer.",
    notWritable: "NOTHING CAN BE SAVED: {0}. Stations refuse scans until this is mended.",
    telemetryHeld: "The disk is nearly full: machine data is held back, reports are still taken.",
    deadLetters: "{0} messages were refused for good and wait for a person.",
    dropped: "{0} machine records gave way to the buffer's bounds since it started and are gone.",
    oldReference: "Orders and people were last confirmed {0} ago: stations take what they cannot check, and mark it.",
    noReference: "Orders and people are not known yet: stations take what they cannot check, and mark it.",
  },
  zh: {
    allSent: "已全部上传", someWait: "{0} 条待传", notSaving: "无法保存", someRefused: "{0} 条被拒", held: "设备数据暂停", someDropped: "丢弃 {0} 条", unchecked: "工单未确认", noTarget: "本地保存",
    flowing: "{0}：全部数据已送达。",
    flowingSome: "{0}：正在上传，{1} 条在途。",
    backlog: "{0}：{1} 条待传，最早已等待 {2}。",
    away: "{0}：{1} 条待传，最早已等待 {2}；自 {3} 起无应答。",
    turnsAway: "{0}：{1} 条待传，最早已等待 {2}；自 {3} 起答复：{4}。",
    turnsAwayIdle: "{0}：自 {1} 起答复：{2}；没有待传数据。",
    awayIdle: "{0}：自 {1} 起无应答；没有待传数据。",
    trying: "{0}：尚无应答；{1} 条待传。",
    nowhere: "未配置上传目标，所有数据保存在本地缓存。",
    notWritable: "无法保存数据：{0}。修复前工位拒绝扫码。",
    telemetryHeld: "磁盘将满：设备数据暂停接收，报工照常。",
    deadLetters: "{0} 条数据被拒收，需人工处理。",
    dropped: "启动以来 {0} 条设备数据因缓存已满被丢弃。",
    oldReference: "工单和人员数据最近确认于 {0} 前：工位无法核对时照收并标记。",
    noReference: "尚无工单和人员数据：工位无法核对时照收并标记。",
  },
};

// [{level, brief, text}], the worst first; there is always one.
export function flow(feed) {
  const buffer = feed.value("buffer");
  const reference = feed.value("reference");
  if (!buffer || !reference) return [];
  const lines = [];
  const line = (level, brief, text) => lines.push({ level, brief, text });
  if (!buffer.writable) line("alarm", say("notSaving"), say("notWritable", inWords(buffer, "problem")));
  else if (buffer.telemetry_paused) line("warn", say("held"), say("telemetryHeld"));
  const upstreams = feed.entries("upstream/");
  for (const [name, upstream] of upstreams) line(...ofUpstream(feed.now(), name, upstream));
  if (upstreams.length === 0) line("", say("noTarget"), say("nowhere"));
  if (buffer.dead_letters > 0) {
    const count = grouped(buffer.dead_letters);
    line("warn", say("someRefused", count), say("deadLetters", count));
  }
  for (const { dropped, last_dropped: at } of Object.values(buffer.lanes)) {
    if (at && since(feed.now(), at) < DROPPED_TOLD_MS) line("warn", say("someDropped", grouped(dropped)), say("dropped", grouped(dropped)));
  }
  if (reference.version && !reference.fresh) line("warn", say("unchecked"), say("oldReference", span(since(feed.now(), reference.confirmed_at))));
  else if (!reference.version && upstreams.length > 0) line("", say("unchecked"), say("noReference"));
  const rank = { alarm: 0, warn: 1, "": 2 };
  return lines.sort((a, b) => rank[a.level] - rank[b.level]);
}

function ofUpstream(now, name, upstream) {
  const waiting = Object.values(upstream.waiting).reduce((sum, count) => sum + count, 0);
  const count = grouped(waiting);
  const oldest = upstream.oldest_waiting ? since(now, upstream.oldest_waiting) : 0;
  const brief = say("someWait", count);
  if (upstream.reachable) {
    if (oldest > LATE_AFTER_MS) return ["", brief, say("backlog", name, count, span(oldest))];
    return ["", say("allSent"), waiting === 0 ? say("flowing", name) : say("flowingSome", name, count)];
  }
  if (!upstream.since) return ["", brief, say("trying", name, count)];
  const when = plantClock(now, upstream.since, false);
  const answer = inWords(upstream, "last_answer");
  // With a status it is there, and takes nothing.
  const turnsAway = /^\d{3}\b/.test(upstream.last_answer ?? "");
  if (waiting === 0) return ["warn", brief, say(turnsAway ? "turnsAwayIdle" : "awayIdle", name, when, answer)];
  return ["warn", brief, say(turnsAway ? "turnsAway" : "away", name, count, span(oldest), when, answer)];
}

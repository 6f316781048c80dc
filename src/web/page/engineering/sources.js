// Every connection: whether it works, since when, what was last wrong and what to do about it. One can be opened: its
// devices, what they are asked for and refuse, and samples of what was not understood.
import { call, element, grouped, inWords, language, plantClock, say, since } from "../shell.js";
import { DOWN, grid, LATE, NOT_YET, state, WELL } from "./grid.js";

// What people can do about an error, by what it says.
const ADVICE = [
  [/refused \(|connection refused/i, "doRefused"],
  [/dns|lookup|resolve|name or service/i, "doName"],
  [/certificate|tls|handshake/i, "doCertificate"],
  [/not authori|bad user|credential|password/i, "doCredentials"],
  [/permission denied/i, "doPermission"],
  [/no such file|no such device/i, "doCable"],
  [/illegal data address|illegal function|illegal data value/i, "doAddress"],
  [/device failure|memory parity/i, "doDevice"],
  [/gateway/i, "doUnit"],
  [/heartbeat/i, "doHeart"],
  [/unreachable/i, "doReach"],
  [/time.?out|timed out|no answer|silent|in time/i, "doSilent"],
];

// A broker or a central store is a program on a server, and no device that someone switches on.
const OF_SERVERS = { doRefused: "doRefusedServer", doUnit: "doUnitServer", doSilent: "doSilentServer" };

export function advice(error, isServer = false) {
  const [, word] = ADVICE.find(([pattern]) => pattern.test(error ?? "")) ?? [];
  return word ? say((isServer && OF_SERVERS[word]) || word) : "";
}

// An error of the latest polls stands; an older one is over.
const LASTING_POLLS = 3;
const LASTING_MS = 5000;
const stands = (status, device) => Boolean(device.last_error_at)
  && (!device.answers || since(status, device.last_error_at) < Math.max(LASTING_POLLS * device.poll_ms, LASTING_MS));

const troubled = (status, source) => Object.entries(source.devices).filter(([, device]) => !device.answers || stands(status, device));

// What was never up or down has no link: it is handed in, or waits for the first one to connect.
const isIdle = (source) => !source.connected && !source.since;

function need({ status }) {
  return Object.values(status.sources).filter((source) => (!source.connected && !isIdle(source)) || troubled(status, source).length > 0).length;
}

function stateOf(status, source) {
  if (isIdle(source)) return state(NOT_YET, "waitsForFirst");
  if (!source.connected) return state(DOWN, "lost");
  return troubled(status, source).length > 0 ? state(LATE, "connectedPartly") : state(WELL, "connected");
}

let opened = null;

function make() {
  const table = grid([
    { word: "source", sort: true }, { word: "state" }, { word: "sinceWhen" }, { word: "problem", long: true },
    { word: "readings", number: true, sort: true }, { word: "rejected", number: true, sort: true }, { word: "reconnects", number: true, sort: true },
  ]);
  table.name(say("sources-title"));
  const detail = detailOf();
  let known = null;
  const choose = (name) => {
    opened = opened === name ? null : name;
    if (known) update(known);
    if (opened) detail.node.scrollIntoView({ block: "nearest" });
  };
  function update(last) {
    known = last;
    const { status } = last;
    const all = Object.entries(status.sources);
    table.update(all.map(([name, source]) => ({
      key: name,
      open: name === opened,
      by: [name, null, null, null, source.readings, source.rejected, source.reconnects],
      cells: [
        { text: name, act: () => choose(name), expanded: name === opened },
        stateOf(status, source),
        source.since ? plantClock(status, source.since, false) : "—",
        problem(status, name, source),
        grouped(source.readings),
        { text: grouped(source.rejected), small: source.limited > 0 ? say("limited", grouped(source.limited)) : "" },
        grouped(source.reconnects),
      ],
    })));
    detail.update(status, opened && status.sources[opened] ? opened : null);
  }
  return { node: element("div", "", table.node, detail.node), update };
}

// What stands in the way now; what is over is told as such.
function problem(status, of, source) {
  const trouble = troubled(status, source);
  if (source.connected && trouble.length > 0) {
    const [name, device] = trouble[0];
    const more = trouble.length > 1 ? ` ${say("andMore", trouble.length - 1)}` : "";
    return { text: `${name}: ${inWords(device, "last_error")}${more}`, small: advice(device.last_error) };
  }
  if (!source.last_error) return "";
  if (source.connected) {
    const when = source.last_error_at ? plantClock(status, source.last_error_at, false) : "";
    return { text: "", small: say("was", when, inWords(source, "last_error")) };
  }
  return { text: inWords(source, "last_error"), small: advice(source.last_error, of.startsWith("mqtt/")) };
}

function detailOf() {
  const title = element("h3");
  const devices = grid([
    { word: "device" }, { word: "equipment" }, { word: "state" }, { word: "poll" }, { word: "asked", long: true }, { word: "refusedBlocks", long: true }, { word: "problem", long: true },
  ]);
  const samples = grid([{ word: "time" }, { word: "subject", long: true }, { word: "reason", long: true }, { word: "payload", long: true }], "allUnderstood");
  const ofDevices = element("div", "", element("h4", "", say("devices")), devices.node);
  const node = element("section", "panel", title, ofDevices, element("h4", "", say("samples")), samples.node);
  node.hidden = true;
  function update(status, name) {
    node.hidden = !name;
    if (!name) return;
    const source = status.sources[name];
    title.textContent = source.bus ? `${name} · ${source.bus.at}` : name;
    const all = Object.entries(source.devices);
    ofDevices.hidden = all.length === 0;
    devices.update(all.map(([key, device]) => ({
      key: `${name}/${key}`,
      cells: [
        { text: key, small: device.unit === null ? "" : say("unitNo", device.unit) },
        device.equipment,
        deviceState(status, device),
        say("everyMs", grouped(device.poll_ms)),
        { text: device.requests.join("\n") },
        refused(device),
        deviceError(status, device),
      ],
    })));
    showSamples(status, name, source.rejected);
  }
  // Samples are too long to be told all the time; they are asked for when there are more of them.
  let asked = "";
  async function showSamples(status, name, rejected) {
    if (asked === `${name} ${rejected}`) return;
    asked = `${name} ${rejected}`;
    let rejections = {};
    try {
      rejections = (await call("GET", "status")).sources[name]?.rejections ?? {};
    } catch {
      asked = "";
    }
    const told = Object.entries(rejections).flatMap(([subject, rejected]) => rejected.samples.map((sample) => ({ subject, ...sample })));
    told.sort((a, b) => (a.at < b.at ? 1 : -1));
    samples.update(told.map((sample, nth) => ({
      key: `${name}/${sample.at}/${sample.subject}/${nth}`,
      cells: [
        plantClock(status, sample.at, true), sample.subject, inWords(sample, "reason"),
        { text: sample.payload ?? hex(sample.payload_hex), small: say("bytes", grouped(sample.payload_bytes)) },
      ],
    })));
  }
  return { node, update };
}

const hex = (text) => (text ? `0x ${text.replace(/(..)/g, "$1 ").trim()}` : "");

export const refused = (device) => device.refused_words.map((words) => words[language]).join("\n") || "—";

export function deviceState(status, device) {
  if (!device.answers) return state(DOWN, device.resting ? "resting" : "silent");
  return stands(status, device) ? state(LATE, "answersPartly") : state(WELL, "answers");
}

// What is wrong now, with what to do about it, or what was wrong last.
export function deviceError(status, device) {
  if (!device.last_error) return "—";
  if (stands(status, device)) return { text: inWords(device, "last_error"), small: advice(device.last_error) };
  const when = device.last_error_at ? plantClock(status, device.last_error_at, false) : "";
  return { text: "", small: say("was", when, inWords(device, "last_error")) };
}

export const sources = { make, need };

// Every connection: whether it works, since when, what was last wrong and what to do about it. One can be opened: its
// devices, what they are asked for and refuse, and samples of what was not understood.
import { element, grouped, plantClock, say } from "../shell.js";
import { DOWN, grid, LATE, state, WELL } from "./grid.js";

// What people can do about an error, by what it says.
const ADVICE = [
  [/refused \(|connection refused/i, "doRefused"],
  [/dns|lookup|resolve|name or service/i, "doName"],
  [/certificate|tls|handshake/i, "doCertificate"],
  [/not authori|bad user|credential|password/i, "doCredentials"],
  [/permission denied/i, "doPermission"],
  [/no such file|no such device/i, "doCable"],
  [/illegal data address|illegal function|illegal data value/i, "doAddress"],
  [/gateway/i, "doUnit"],
  [/heartbeat/i, "doHeart"],
  [/unreachable/i, "doReach"],
  [/time.?out|timed out|no answer|silent|in time/i, "doSilent"],
];

export function advice(error) {
  const found = ADVICE.find(([pattern]) => pattern.test(error ?? ""));
  return found ? say(found[1]) : "";
}

const silentDevices = (source) => Object.entries(source.devices).filter(([, device]) => !device.answers);

// What was never up or down has no link: it is handed in, or waits for the first one to connect.
const isIdle = (source) => !source.connected && !source.since;

function need({ status }) {
  return Object.values(status.sources).filter((source) => (!source.connected && !isIdle(source)) || silentDevices(source).length > 0).length;
}

function stateOf(source) {
  if (isIdle(source)) return state({ mark: "○", level: "" }, "waitsForFirst");
  if (!source.connected) return state(DOWN, "lost");
  return silentDevices(source).length > 0 ? state(LATE, "connectedPartly") : state(WELL, "connected");
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
        stateOf(source),
        source.since ? plantClock(status, source.since, false) : "—",
        problem(status, source),
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
function problem(status, source) {
  const silent = silentDevices(source);
  if (source.connected && silent.length > 0) {
    const [name, device] = silent[0];
    const more = silent.length > 1 ? ` ${say("andMore", silent.length - 1)}` : "";
    return { text: `${name}: ${device.last_error ?? ""}${more}`, small: advice(device.last_error) };
  }
  if (!source.last_error) return "";
  if (source.connected) {
    const when = source.last_error_at ? plantClock(status, source.last_error_at, false) : "";
    return { text: "", small: say("was", when, source.last_error) };
  }
  return { text: source.last_error, small: advice(source.last_error) };
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
        deviceState(device),
        say("everyMs", grouped(device.poll_ms)),
        { text: device.requests.join("\n") },
        device.refused.join("; ") || "—",
        device.last_error ? { text: device.answers ? say("was", at(status, device), device.last_error) : device.last_error, small: device.answers ? "" : advice(device.last_error) } : "—",
      ],
    })));
    const told = Object.entries(source.rejections).flatMap(([subject, rejected]) => rejected.samples.map((sample) => ({ subject, ...sample })));
    told.sort((a, b) => (a.at < b.at ? 1 : -1));
    samples.update(told.map((sample, nth) => ({
      key: `${name}/${sample.at}/${sample.subject}/${nth}`,
      cells: [
        plantClock(status, sample.at, true), sample.subject, sample.reason,
        { text: sample.payload ?? hex(sample.payload_hex), small: say("bytes", grouped(sample.payload_bytes)) },
      ],
    })));
  }
  return { node, update };
}

const at = (status, device) => (device.last_error_at ? plantClock(status, device.last_error_at, false) : "");
const hex = (text) => (text ? `0x ${text.replace(/(..)/g, "$1 ").trim()}` : "");

export function deviceState(device) {
  if (device.answers) return state(WELL, "answers");
  return device.resting ? state(DOWN, "resting") : state(DOWN, "silent");
}

export const sources = { make, need };

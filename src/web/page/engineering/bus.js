// Connections that are polled: how full each is, what every device is asked for and how long that takes, and what a device
// holds right now in every type and byte order.
import { element, grouped, MARKS, say, worded } from "../shell.js";
import { grid } from "./grid.js";
import { finder } from "./finder.js";
import { deviceError, deviceState, refused } from "./sources.js";

const buses = (status) => Object.entries(status.sources).filter(([, source]) => source.bus);
// The estimate takes usual devices; those that are found to be quick have nothing to be warned of.
const LOAD_CALM = 70;
const unmet = ({ bus }) => (bus.load_percent !== null && bus.load_percent < LOAD_CALM ? [] : bus.unmet);
const tight = (source) => unmet(source).length + late(source).length;
// A poll that takes longer than its period has skipped a beat.
const late = (source) => Object.values(source.devices).filter((device) => device.answers && device.poll_ms > 0 && device.poll_ms_last > device.poll_ms);

function need({ status }) {
  return buses(status).reduce((sum, [, source]) => sum + tight(source), 0);
}

function make() {
  const look = finder();
  const cards = element("div");
  const none = element("p", "empty", say("noBus"));
  const made = new Map();
  function update({ status }) {
    const all = buses(status);
    none.hidden = all.length > 0;
    look.node.hidden = all.length === 0;
    for (const [name, source] of all) {
      if (!made.has(name)) {
        made.set(name, card(name));
        cards.append(made.get(name).node);
      }
      made.get(name).update(status, source);
    }
    look.offer(Object.fromEntries(all.flatMap(([name, source]) =>
      Object.entries(source.devices).map(([device, view]) => [`${name.replace(/^modbus\//, "")}/${device}`, view.requests]))));
  }
  return { node: element("div", "", none, look.node, cards), update };
}

function card(name) {
  const title = element("h3");
  const planned = fact("loadPlanned");
  const fill = element("span");
  const meter = element("div", "meter", fill);
  meter.setAttribute("role", "meter");
  meter.setAttribute("aria-label", say("loadNow"));
  meter.setAttribute("aria-valuemin", "0");
  meter.setAttribute("aria-valuemax", "100");
  const now = fact("loadNow", meter);
  const requests = fact("requestsPerPoll");
  const addresses = fact("registersPerPoll");
  const notes = element("div");
  const devices = grid([
    { word: "device" }, { word: "state" }, { word: "poll", number: true }, { word: "took", number: true }, { word: "share", number: true },
    { word: "requests", number: true }, { word: "registers", number: true }, { word: "failed", number: true }, { word: "refusedBlocks", long: true }, { word: "problem", long: true },
  ]);
  devices.name(name);
  const plan = element("ul", "plain code");
  const node = element("section", "panel", title,
    element("dl", "facts", now.node, planned.node, requests.node, addresses.node), notes, devices.node,
    element("details", "", element("summary", "", say("pollPlan")), plan));
  function update(status, source) {
    const { bus } = source;
    title.textContent = `${name} · ${bus.at}`;
    const load = bus.load_percent;
    now.show(load === null ? say("measuring") : `${load.toFixed(0)} %`);
    fill.style.width = `${Math.min(100, load ?? 0)}%`;
    meter.setAttribute("aria-valuenow", Math.round(load ?? 0));
    planned.show(`${bus.planned_percent.toFixed(0)} %`);
    const all = Object.entries(source.devices);
    requests.show(all.reduce((sum, [, device]) => sum + device.requests.length, 0));
    addresses.show(all.reduce((sum, [, device]) => sum + device.addresses, 0));
    const told = unmet(source).map((one) => say("unmet", one.device, worded(one)));
    if (notes.told !== told.join()) {
      notes.told = told.join();
      notes.replaceChildren(...told.map((text) => element("p", "note warn", `${MARKS.warn} ${text}`)));
    }
    devices.update(all.map(([key, device]) => ({ key, cells: cells(status, key, device) })));
    const lines = all.flatMap(([key, device]) => device.requests.map((request) => `${key}: ${request}`));
    if (plan.told !== lines.join()) {
      plan.told = lines.join();
      plan.replaceChildren(...lines.map((line) => element("li", "", line)));
    }
  }
  return { node, update };
}

function cells(status, name, device) {
  const isLate = device.answers && device.poll_ms > 0 && device.poll_ms_last > device.poll_ms;
  const share = device.poll_ms > 0 ? (device.poll_ms_last / device.poll_ms) * 100 : 0;
  return [
    { text: name, small: `${device.unit === null ? "" : say("unitNo", device.unit)} · ${device.equipment}` },
    deviceState(status, device),
    `${grouped(device.poll_ms)} ms`,
    { text: `${isLate ? `${MARKS.warn} ` : ""}${device.poll_ms_last.toFixed(1)} ms`, level: isLate ? "warn" : "" },
    `${share.toFixed(0)} %`,
    String(device.requests.length),
    String(device.addresses),
    { text: grouped(device.failed_polls), small: say("ofPolls", grouped(device.polls)) },
    refused(device),
    deviceError(status, device),
  ];
}

function fact(word, ...more) {
  const value = element("span");
  return {
    node: element("div", "", element("dt", "", say(word)), element("dd", "", value, ...more)),
    show: (text) => { value.textContent = text; },
  };
}

export const bus = { make, need };

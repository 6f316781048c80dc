// The board: what needs a person on top; below it orders, machines, stations and where the records are, each in its place. `/?tv`
// is for a wall: one screen that nobody scrolls, where what does not fit takes turns.
import { element, flow, followHead, MARKS, plantClock, put, renew, say, startPage } from "./shell.js";
import { live } from "./live.js";
import { WORDS } from "./board/words.js";
import { needs, troubled } from "./board/needs.js";
import { begunOf, orderRows } from "./board/orders.js";
import { isRunning, machineTiles } from "./board/machines.js";
import { stationRows } from "./board/stations.js";

const TURN_EVERY_MS = 12000;
const isWall = new URLSearchParams(location.search).has("tv");

let feed = null;
let dirty = new Set();
let drawing = 0;

// Which part shows what; machines speak ten times a second, and are looked at once.
const PARTS = [
  [["station/"], showStations],
  [["alert/"], showNeeds],
  [["order/"], showOrders],
];

function changed(keys) {
  if (keys.has("gateway")) showAll();
  for (const key of keys) {
    const part = PARTS.find(([prefixes]) => prefixes.some((prefix) => key.startsWith(prefix)));
    if (part) dirty.add(part[1]);
  }
  if (dirty.size > 0) drawing ||= requestAnimationFrame(draw);
}

function draw() {
  drawing = 0;
  const due = dirty;
  dirty = new Set();
  if (feed?.value("gateway")) due.forEach((show) => show());
}

function showAll() {
  if (!feed?.value("gateway")) return;
  for (const show of [showNeeds, showOrders, showMachines, showStations, showFlow]) show();
}

const at = (id) => document.getElementById(id);

// A list, or a sentence where there is nothing; on a wall the part of it whose turn it is.
function showList(id, rows, nothing) {
  const list = at(id);
  renew(list, rows.length || !nothing ? rows : [["nothing", nothing, () => element("li", "empty", nothing)]]);
  if (!isWall) return "";
  const items = [...list.children];
  for (const item of items) item.hidden = false;
  const fits = items.filter((item) => item.offsetTop + item.offsetHeight <= list.clientHeight + 1).length || 1;
  const pages = Math.ceil(items.length / fits);
  if (pages < 2) return "";
  const page = Math.floor(Date.now() / TURN_EVERY_MS) % pages;
  items.forEach((item, nth) => { item.hidden = Math.floor(nth / fits) !== page; });
  return ` · ${say("page", page + 1, pages)}`;
}

function showNeeds() {
  const { open, rows } = needs(feed);
  const page = showList("needs", rows, null);
  put(at("needs-word"), open ? say("needs") : `✔ ${say("allWell")}`);
  put(at("needs-sum"), (open ? String(open) : "") + page);
}

function showOrders() {
  const orders = feed.entries("order/");
  const begun = begunOf(orders);
  const page = showList("orders", orderRows(feed.now(), orders), noOrders());
  put(at("orders-sum"), [orders.length ? say("inWork", begun, orders.length - begun) : "", asOf()].filter(Boolean).join(" · ") + page);
}

// Why there are none: the centre has none, or has not told of any.
function noOrders() {
  if (feed.value("reference")?.confirmed_at) return say("noOrders");
  return say(feed.entries("upstream/").length > 0 ? "ordersUnknown" : "ordersNowhere");
}

function asOf() {
  const { confirmed_at: confirmed, fresh } = feed.value("reference") ?? {};
  return confirmed && !fresh ? say("asOf", plantClock(feed.now(), confirmed, false)) : "";
}

function showMachines() {
  const machines = feed.entries("equipment/");
  const page = showList("machines", machineTiles(feed.now(), machines, troubled(feed)), say("noMachines"));
  const running = machines.filter(([, machine]) => isRunning(machine)).length;
  put(at("machines-sum"), (machines.length ? say("runningOf", running, machines.length) : "") + page);
}

function showStations() {
  const stations = feed.entries("station/");
  const page = showList("stations", stationRows(feed.now(), stations), say("noStations"));
  const atWork = stations.filter(([, station]) => station.worker_no).length;
  put(at("stations-sum"), (stations.length ? say("atWorkOf", atWork, stations.length) : "") + page);
}

function showFlow() {
  const [worst] = flow(feed);
  if (!worst) return;
  put(at("flow-line"), `${MARKS[worst.level]} ${worst.text}`);
}

document.documentElement.classList.toggle("is-wall", isWall);
startPage(WORDS, showAll);
feed = live(changed);
followHead(feed);
setInterval(showAll, 1000);

// Live values, told by the gateway as they change (`/api/v1/live`). `live(onChange)` gives
//   value(key)       what is known of it, or undefined
//   entries(prefix)  [[rest of the key, value], …] in order of the keys
//   age()            milliseconds since the gateway was last heard; Infinity before
//   now()            {time}: the gateway's clock now, for `since` and `plantClock`
//   isRefused()      whether it is there, but tells nothing to whom it does not know
// and calls `onChange(keys)` with what a frame has changed; with an empty set when the gateway has only shown that it is there.
// After a break it goes on where it was. A page that nobody sees lets go of the gateway, and comes back when it is seen.

const SILENT_AFTER_MS = 5000;
const LOOK_EVERY_MS = 1000;
const RETRY_MS = [300, 1000, 2000, 4000, 8000];
const HIDDEN_AFTER_MS = 10000;
export const STALE_AFTER_MS = 5000;
// Told to the window when a connection has ended, or could not be made: perhaps one may not look any more.
export const LOST = "lineside-lost";

export function live(onChange) {
  const values = new Map();
  let [epoch, sequence] = ["", 0];
  let socket = null;
  let [heardAt, openedAt] = [-Infinity, 0];
  let [told, toldAt] = [null, 0];
  let attempts = 0;
  let retry = 0;
  let isRefused = false;

  function connect() {
    clearTimeout(retry);
    retry = 0;
    if (socket || document.hidden) return;
    const at = new URL("/api/v1/live", location.href);
    at.protocol = at.protocol.replace("http", "ws");
    if (epoch) at.search = new URLSearchParams({ epoch, after: sequence });
    const mine = new WebSocket(at);
    [socket, openedAt] = [mine, performance.now()];
    mine.onmessage = (message) => { if (socket === mine) take(JSON.parse(message.data)); };
    mine.onclose = () => { if (socket === mine) lost(); };
  }

  function lost() {
    if (heardAt < openedAt) askWhy();
    dispatchEvent(new Event(LOST));
    letGo();
    // Not all screens of a plant at the same moment.
    const wait = RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)] * (0.5 + Math.random());
    attempts += 1;
    if (!document.hidden) retry = setTimeout(connect, wait);
  }

  // A socket does not tell why it was refused; a call does.
  async function askWhy() {
    try {
      isRefused = (await fetch("/api/v1/status", { cache: "no-store", headers: { "lineside-by-itself": "1" } })).status === 401;
    } catch {
      isRefused = false;
    }
  }

  function letGo() {
    clearTimeout(retry);
    const was = socket;
    socket = null;
    was?.close();
  }

  function take(frame) {
    const changed = new Set(Object.keys(frame.set));
    if (frame.whole) {
      for (const key of values.keys()) if (!(key in frame.set)) changed.add(key);
      values.clear();
    }
    for (const key in frame.set) values.set(key, frame.set[key]);
    for (const key of frame.removed) {
      values.delete(key);
      changed.add(key);
    }
    [epoch, sequence] = [frame.epoch, frame.sequence];
    heardAt = toldAt = performance.now();
    told = frame.time;
    attempts = 0;
    isRefused = false;
    onChange(changed);
  }

  // A connection can be dead without having been closed.
  setInterval(() => {
    const quiet = performance.now() - Math.max(heardAt, openedAt);
    if (socket && quiet > SILENT_AFTER_MS) lost();
  }, LOOK_EVERY_MS);
  let hiding = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(letGo, HIDDEN_AFTER_MS);
    else connect();
  });
  addEventListener("online", connect);
  addEventListener("pagehide", letGo);
  addEventListener("pageshow", connect);
  connect();

  return {
    value: (key) => values.get(key),
    entries: (prefix) => [...values.entries()]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    isRefused: () => isRefused,
    age: () => performance.now() - heardAt,
    now: () => ({ time: told && later(told, performance.now() - toldAt) }),
  };
}

// The same instant on the same clock, so many milliseconds later.
function later(time, ms) {
  const offset = /(Z|[+-]\d\d:\d\d)$/.exec(time)[1];
  const minutes = offset === "Z" ? 0 : (offset[0] === "-" ? -1 : 1) * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4)));
  return new Date(Date.parse(time) + minutes * 60000 + ms).toISOString().replace("Z", offset);
}

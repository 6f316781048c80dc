// What was heard lately: trends of points, and how fast upstreams take records.
//
// The page notes it itself, a sample a second, and leaves it with its tab when it goes, so that a reload forgets nothing. The
// gateway keeps none of it: two minutes of every point of a large plant would cost it megabytes, for points that
// hardly anyone looks at. What nobody noted, such as the moment of the reload, is a gap.
import { LEFT, LEFT_IN_TAB } from "../session.js";
import { trend } from "../trend.js";

const SAMPLES_MAX = 120;
const SAMPLE_MS = 1000;
const RATE_OVER_MS = 10000;

let trends = new Map();
const sent = new Map();
// Those that were looked at: a tab has not room for all points of a large plant.
const seen = new Set();
let notedAt = 0;
let isOver = false;

export function remember(status, equipment) {
  const now = Date.now();
  const missed = Math.min(SAMPLES_MAX, Math.round((now - notedAt) / SAMPLE_MS) - 1);
  notedAt = now;
  if (missed > 0) for (const key of trends.keys()) for (let nth = 0; nth < missed; nth += 1) keep(trends, key, null);
  for (const [code, machine] of Object.entries(equipment)) {
    for (const [name, point] of Object.entries(machine.points)) {
      if (typeof point.value !== "number" && typeof point.value !== "boolean") continue;
      keep(trends, `${code}/${name}`, point.quality === "good" ? Number(point.value) : null);
    }
  }
  for (const [name, upstream] of Object.entries(status.upstreams)) {
    keep(sent, name, { at: Date.parse(status.time), count: upstream.sent });
  }
}

function keep(all, key, value) {
  const samples = all.get(key) ?? [];
  samples.push(value);
  if (samples.length > SAMPLES_MAX) samples.shift();
  all.set(key, samples);
}

// Records per second; nothing while too little was seen.
export function rate(upstream) {
  const samples = sent.get(upstream) ?? [];
  const newest = samples.at(-1);
  const oldest = samples.find((sample) => newest.at - sample.at <= RATE_OVER_MS);
  const ms = newest && oldest ? newest.at - oldest.at : 0;
  return ms > 0 ? ((newest.count - oldest.count) / ms) * 1000 : null;
}

export function ofPoint(key, drawn) {
  seen.add(key);
  return trend(trends.get(key) ?? [], SAMPLES_MAX, { drawn });
}

addEventListener("pagehide", () => {
  if (isOver) return;
  const left = [...trends].filter(([key]) => seen.has(key));
  try { sessionStorage.setItem(LEFT_IN_TAB, JSON.stringify({ notedAt, left })); } catch { /* Then a reload begins anew. */ }
});

try {
  const was = JSON.parse(sessionStorage.getItem(LEFT_IN_TAB));
  if (was && was.notedAt <= Date.now()) {
    trends = new Map(was.left);
    for (const key of trends.keys()) seen.add(key);
    notedAt = was.notedAt;
  }
} catch { /* As in a new tab. */ }

// Whoever signs in next has not looked.
addEventListener(LEFT, () => {
  isOver = true;
  trends.clear();
});

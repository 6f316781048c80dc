// What was heard while the page is open: trends of points, and how fast upstreams take records. Kept in the page only.
import { trend } from "../trend.js";

const SAMPLES_MAX = 120;
const RATE_OVER_MS = 10000;

const trends = new Map();
const sent = new Map();

export function remember(status, equipment) {
  for (const [code, machine] of Object.entries(equipment)) {
    for (const [name, point] of Object.entries(machine.points)) {
      if (typeof point.value !== "number" && typeof point.value !== "boolean") continue;
      keep(trends, `${code}/${name}`, point.quality === "good" ? Number(point.value) : null, SAMPLES_MAX);
    }
  }
  for (const [name, upstream] of Object.entries(status.upstreams)) {
    keep(sent, name, { at: Date.parse(status.time), count: upstream.sent }, SAMPLES_MAX);
  }
}

function keep(all, key, value, max) {
  const samples = all.get(key) ?? [];
  samples.push(value);
  if (samples.length > max) samples.shift();
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

export const ofPoint = (key, drawn) => trend(trends.get(key) ?? [], SAMPLES_MAX, { drawn });

// What was heard while the page is open: trends of points, and how fast upstreams take records. Kept in the page only.
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

const SVG = "http://www.w3.org/2000/svg";

// A line from the oldest sample to the newest; gaps where there was no good value.
export function trend(key, drawn) {
  const samples = trends.get(key) ?? [];
  const known = samples.filter((value) => value !== null);
  const picture = drawn ?? document.createElementNS(SVG, "svg");
  if (!drawn) {
    picture.setAttribute("class", "trend");
    picture.setAttribute("viewBox", `0 0 ${SAMPLES_MAX} 24`);
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("aria-hidden", "true");
    picture.append(document.createElementNS(SVG, "path"));
  }
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (value) => (high > low ? 22 - ((value - low) / (high - low)) * 20 : 12);
  let path = "";
  let isDown = false;
  samples.forEach((value, nth) => {
    if (value === null) {
      isDown = false;
      return;
    }
    path += `${isDown ? "L" : "M"}${SAMPLES_MAX - samples.length + nth} ${y(value).toFixed(1)}`;
    isDown = true;
  });
  picture.firstChild.setAttribute("d", path);
  return picture;
}

// How a figure went lately, as a line beside it: the newest sample at the right end, gaps where there was none.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 24;

// A few samples have a part of the room, so that they can be seen.
const BEGIN = 6;

// `samples` of at most `most`; null is a gap. `drawn` is a line of before, to be drawn anew. What is counted begins at zero.
export function trend(samples, most, { label, fromZero = false, drawn } = {}) {
  const room = Math.max(samples.length, most / BEGIN);
  const picture = drawn ?? document.createElementNS(SVG, "svg");
  if (!drawn) {
    picture.setAttribute("class", "trend");
    picture.setAttribute("preserveAspectRatio", "none");
    picture.append(document.createElementNS(SVG, "path"));
  }
  picture.setAttribute("viewBox", `0 0 ${room - 1} ${HEIGHT}`);
  if (label) {
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", label);
  } else {
    picture.setAttribute("aria-hidden", "true");
  }
  const known = samples.filter((value) => value !== null);
  const [low, high] = [fromZero ? 0 : Math.min(...known), Math.max(...known)];
  const y = (value) => (high > low ? HEIGHT - 2 - ((value - low) / (high - low)) * (HEIGHT - 4) : HEIGHT / 2);
  const line = samples.map((value, nth) => {
    if (value === null) return "";
    const goesOn = nth > 0 && samples[nth - 1] !== null;
    return `${goesOn ? "L" : "M"}${room - samples.length + nth} ${y(value).toFixed(1)}`;
  });
  picture.firstChild.setAttribute("d", line.join(""));
  return picture;
}

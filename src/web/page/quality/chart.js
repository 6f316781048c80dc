// One control chart, as the gateway draws it, with what it is worth below. It is drawn again when the chart has changed, at
// most once a second; the point that someone looks at stays the one that it was.
import { mayAs, reserve } from "../session.js";
import { button, call, element, language, refusal, say } from "../shell.js";
import { about } from "./about.js";
import { leaveOut, writeNote } from "./changes.js";
import { plot } from "./plot.js";
import { clock, DECIDERS, drawing, measured, number } from "./small.js";

const DRAW_EVERY_MS = 1000;
const LAST = [50, 25];
const PNG_SCALE = 2;
// Counts, weighted means and sums have no histogram.
const MEASURED = /^(i-mr|xbar|short-run)/;

export function chart(feed, name) {
  const path = `spc/${encodeURIComponent(name)}`;
  const readout = element("div", "readout");
  readout.setAttribute("aria-live", "polite");
  const told = element("div");
  const zooms = element("div", "zooms");
  const below = element("div", "below");
  const shown = plot({
    chosen: show,
    zoomed: (from, to) => zoom(from === undefined ? {} : { from, to }),
    opened: (nth) => { if (mayAs(DECIDERS)) note(nth); },
  });
  let view = null;
  let [busy, again, drawnAt, timer, closed] = [false, false, -Infinity, 0, false];

  const asked = () => Object.fromEntries([...new URLSearchParams(location.search)].filter(([key]) => ["from", "to", "limit"].includes(key)));
  const picture = (more = {}) => `${path}/picture?${new URLSearchParams({ language, ...asked(), ...more })}`;
  function zoom(range) {
    const at = new URL(location.href);
    at.search = new URLSearchParams({ chart: name, ...range });
    history.replaceState(null, "", at);
    showZooms();
    load();
  }

  async function load() {
    clearTimeout(timer);
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const next = await call("GET", path);
      const isMeasured = MEASURED.test(next.chart);
      const hasHistogram = next.points.length > 0 && isMeasured;
      const [svg, histogram] = await Promise.all([
        drawing(picture()), hasHistogram ? drawing(`${path}/picture?kind=histogram&language=${language}`) : null]);
      if (closed) return;
      view = next;
      drawnAt = performance.now();
      shown.draw(svg, view, timeOf);
      below.replaceChildren(...about(view, histogram, { clock: timeOf, path, changed: load, isMeasured }));
      told.replaceChildren();
    } catch (problem) {
      if (!closed) told.replaceChildren(refusal(problem));
    } finally {
      busy = false;
      if (again && !closed) changed();
      again = false;
    }
  }
  function changed() {
    clearTimeout(timer);
    timer = setTimeout(load, Math.max(0, drawnAt + DRAW_EVERY_MS - performance.now()));
  }
  const timeOf = (at) => clock(feed, at, true);
  const point = (nth) => view?.points[nth - 1];
  const annotation = (at) => view.annotations.find((known) => Date.parse(known.at) === Date.parse(at));
  const note = (nth) => writeNote(path, point(nth).at, timeOf, annotation(point(nth).at)?.text, load);

  // What is known of the point that someone looks at.
  function show(nth) {
    const { at, value, rules, spread, phase1 } = point(nth) ?? {};
    if (at === undefined) {
      // Where nothing is drawn there is nothing to drag over.
      readout.replaceChildren(element("span", "quiet", view.points.length > 0 ? say("hint") : ""));
      return;
    }
    const excluded = view.excluded.find((known) => known.point === phase1);
    const said = annotation(at);
    const actions = reserve(DECIDERS, element("fieldset", "actions", button(say("addNote"), () => note(nth))));
    if (phase1 && !excluded && view.learnt_from) actions.append(button(say("leaveOut"), () => leaveOut(path, phase1, load)));
    readout.replaceChildren(
      element("span", "big figures", measured(value), element("small", "", view.unit ?? "")),
      element("span", "figures", timeOf(at)),
      element("span", "quiet", say("pointOf", nth, view.points.length)),
      ...[zoneOf(view, nth), typeof spread === "number" ? say("range", number(spread)) : null, phase1 ? say("ofPhase1", phase1) : null, excluded ? say("excludedPoint") : null]
        .filter(Boolean).map((text) => element("span", "", text)),
      ...rules.map((rule) => element("span", "badge alarm", `◆ ${rule} ${say(rule)}`)),
      ...(said ? [element("q", "", said.text)] : []), actions);
  }

  function showZooms() {
    const { from, limit } = asked();
    const choice = (text, isChosen, range) => {
      const made = element("button", "", text);
      made.type = "button";
      made.setAttribute("aria-pressed", String(isChosen));
      made.addEventListener("click", () => zoom(range));
      return made;
    };
    zooms.replaceChildren(choice(say("all"), !from && !limit, {}),
      ...LAST.map((count) => choice(say("lastN", count), limit === String(count), { limit: count })),
      button(say("closer"), shown.closer));
    zooms.setAttribute("role", "group");
    zooms.setAttribute("aria-label", say("zoom"));
  }

  const link = (word, href) => Object.assign(element("a", "button", say(word)), { href: `/api/v1/${href}`, download: "" });
  const svgLink = link("saveSvg", "");
  svgLink.addEventListener("click", () => { svgLink.href = `/api/v1/${picture({ download: true })}`; });
  const saves = element("div", "saves", element("span", "quiet", say("save")),
    svgLink, button(say("savePng"), () => savePng(name, `/api/v1/${picture({ download: true })}`, shown.size()).catch((problem) => told.replaceChildren(refusal(problem)))),
    link("saveCsv", `${path}/data.csv`));
  showZooms();
  load();
  return {
    name, changed,
    node: element("div", "", element("div", "tools", zooms, saves), shown.node, readout, told, below),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

// Where a point lies between the limits that judged it.
function zoneOf(view, nth) {
  const lines = view.lines?.filter((known) => known.from <= nth).pop();
  if (!lines) return null;
  const { value } = view.points[nth - 1];
  if ((typeof lines.ucl === "number" && value > lines.ucl) || (typeof lines.lcl === "number" && value < lines.lcl)) return say("beyond");
  if (!(lines.se > 0) || ["ewma", "cusum"].includes(view.chart)) return null;
  const sigmas = Math.abs(value - lines.center) / lines.se;
  return say("zone", sigmas <= 1 ? "C" : sigmas <= 2 ? "B" : "A");
}

async function savePng(name, from, [width, height]) {
  const image = new Image(width, height);
  image.src = from;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: width * PNG_SCALE, height: height * PNG_SCALE });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const made = await new Promise((done) => { canvas.toBlob(done, "image/png"); });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(made), download: `${name}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The drawing of a chart under hand: pointer and arrow keys go from point to point, a drag zooms,
// as do + and - around the point that is chosen. A point is known by its
// time, for numbers move on when new points come.
import { element, say } from "../shell.js";

const DRAG_MIN_PX = 12;

export function plot({ chosen, zoomed, opened }) {
  const node = element("figure", "plot");
  const veil = element("div", "veil");
  node.tabIndex = 0;
  node.setAttribute("role", "group");
  let svg = null;
  // [{nth, at, key, x, marks}] of the points that are drawn; those of one inspection have the same time.
  let points = [];
  let at = null;
  let begun = null;

  const nearest = (clientX) => {
    const matrix = svg?.getScreenCTM();
    if (!matrix || points.length === 0) return null;
    const x = (clientX - matrix.e) / matrix.a;
    return points.reduce((best, point) => (Math.abs(point.x - x) < Math.abs(best.x - x) ? point : best));
  };
  function choose(point) {
    at = point?.key ?? null;
    for (const { marks, key: of } of points) for (const mark of marks) mark.classList.toggle("is-chosen", of === at);
    chosen(point?.nth);
  }
  const step = (by) => {
    const place = points.findIndex((point) => point.key === at);
    choose(points[place < 0 ? points.length - 1 : Math.min(points.length - 1, Math.max(0, place + by))]);
  };
  // Half of what is shown, around the point that is chosen, or the newest half.
  function closer() {
    const chosenAt = points.findIndex((point) => point.key === at);
    const half = Math.floor(points.length / 4);
    if (half < 1) return;
    const middle = Math.min(Math.max(chosenAt < 0 ? points.length - 1 : chosenAt, half), points.length - 1 - half);
    zoomed(points[middle - half].at, points[middle + half].at);
  }
  const KEYS = {
    "+": closer, "=": closer, "-": () => zoomed(),
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => choose(points[0]), End: () => choose(points.at(-1)), Escape: () => choose(null),
    Enter: () => { if (at) opened(points.find((point) => point.key === at).nth); },
  };
  node.addEventListener("keydown", (event) => {
    if (event.target !== node || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS) || points.length === 0) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  node.addEventListener("pointermove", (event) => {
    if (begun === null) {
      if (event.pointerType === "mouse") choose(nearest(event.clientX));
      return;
    }
    const box = node.getBoundingClientRect();
    const [left, right] = [Math.min(begun, event.clientX), Math.max(begun, event.clientX)];
    veil.hidden = right - left < DRAG_MIN_PX;
    veil.style.left = `${left - box.left + node.scrollLeft}px`;
    veil.style.width = `${right - left}px`;
  });
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (event.pointerType === "mouse") {
      begun = event.clientX;
      node.setPointerCapture(event.pointerId);
    } else choose(nearest(event.clientX));
  });
  const end = (event) => {
    const from = begun;
    begun = null;
    veil.hidden = true;
    if (from === null || event.type !== "pointerup" || Math.abs(event.clientX - from) < DRAG_MIN_PX) return;
    const [a, b] = [nearest(Math.min(from, event.clientX)), nearest(Math.max(from, event.clientX))];
    if (a && b && a !== b) zoomed(a.at, b.at);
  };
  node.addEventListener("pointerup", end);
  node.addEventListener("pointercancel", end);
  veil.hidden = true;

  return {
    node,
    closer,
    size: () => (svg ? [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height] : [1000, 500]),
    draw(made, view, clock) {
      const isFirst = svg === null;
      svg = made;
      for (const tick of svg.querySelectorAll("text.time")) tick.textContent = clock(tick.dataset.at);
      for (const tick of svg.querySelectorAll("text.tick")) if (tick.textContent === "UTC") tick.remove();
      node.replaceChildren(svg, veil);
      node.setAttribute("aria-label", say("plot", view.name, view.points.length));
      // A point is in the panel of the values and in that of the ranges.
      const byNumber = new Map();
      for (const mark of svg.querySelectorAll(".point[data-index]")) {
        const nth = Number(mark.dataset.index);
        byNumber.set(nth, [...(byNumber.get(nth) ?? []), mark]);
      }
      const noted = new Set(view.annotations.map((known) => Date.parse(known.at)));
      const times = new Map();
      points = [...byNumber].map(([nth, marks]) => {
        const box = marks[0].getBBox();
        marks[0].classList.toggle("is-noted", noted.has(Date.parse(marks[0].dataset.at)));
        const time = marks[0].dataset.at;
        times.set(time, (times.get(time) ?? 0) + 1);
        return { nth, at: time, key: `${time}/${times.get(time)}`, x: box.x + box.width / 2, marks };
      });
      // The newest is what one comes for.
      if (isFirst) node.scrollLeft = node.scrollWidth;
      choose(points.find((point) => point.key === at) ?? null);
    },
  };
}

// A table that keeps its rows while their contents change: focus, selection and scroll stay where they are.
// Columns are `{word, number?, long?, sort?}`, rows `{key, cells, by?, open?}`; a cell is text, a node, or
// `{text, small?, level?, act?, label?}`.
import { element, MARKS, say } from "../shell.js";

export function grid(columns, nothing) {
  const body = element("tbody");
  let sorted = null;
  let rows = [];
  const heads = columns.map((column, nth) => {
    const head = element("th", column.number ? "number" : "");
    head.scope = "col";
    if (!column.sort) {
      head.textContent = column.word ? say(column.word) : "";
      return head;
    }
    const button = element("button", "", say(column.word));
    button.type = "button";
    button.addEventListener("click", () => {
      sorted = { nth, down: sorted?.nth === nth ? !sorted.down : false };
      heads.forEach((other, at) => {
        if (at === nth) other.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
        else other.removeAttribute("aria-sort");
      });
      update(rows);
    });
    head.append(button);
    return head;
  });
  const table = element("table", "", element("thead", "", element("tr", "", ...heads)), body);
  const frame = element("div", "wide-table", table);
  frame.tabIndex = 0;
  const empty = element("p", "empty", say(nothing ?? "nothingHere"));
  const node = element("div", "", frame, empty);
  const known = new Map();

  function update(given) {
    rows = given;
    frame.hidden = rows.length === 0;
    empty.hidden = rows.length > 0;
    const order = sorted ? [...rows].sort((a, b) => compare(a.by?.[sorted.nth], b.by?.[sorted.nth]) * (sorted.down ? -1 : 1)) : rows;
    const kept = new Set(order.map((row) => row.key));
    for (const [key, row] of known) if (!kept.has(key)) { row.remove(); known.delete(key); }
    order.forEach((row, at) => {
      let line = known.get(row.key);
      if (!line) {
        line = element("tr", "", ...columns.map((column) => element("td", [column.number ? "number" : "", column.long ? "long" : ""].join(" ").trim())));
        known.set(row.key, line);
      }
      line.classList.toggle("is-open", row.open === true);
      row.cells.forEach((cell, nth) => showCell(line.children[nth], cell, columns[nth]));
      if (body.children[at] !== line) body.insertBefore(line, body.children[at] ?? null);
    });
  }
  frame.setAttribute("role", "region");
  return { node, update, name: (text) => frame.setAttribute("aria-label", text) };
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function showCell(place, cell, column) {
  if (cell instanceof Node) {
    if (place.firstChild !== cell) place.replaceChildren(cell);
    return;
  }
  const { text, small, level, act, label, expanded } = typeof cell === "object" && cell !== null ? cell : { text: cell };
  const sign = JSON.stringify([text, small, level, label, expanded]);
  place.act = act;
  if (place.sign === sign) return;
  place.sign = sign;
  place.className = [column.number ? "number" : "", column.long ? "long" : "", level === undefined ? "" : `state-cell ${level}`].join(" ").trim();
  const main = act ? place.querySelector("button") ?? pressed(place) : element("span", "");
  main.textContent = text ?? "";
  if (label) main.setAttribute("aria-label", label);
  if (act && expanded !== undefined) main.setAttribute("aria-expanded", expanded);
  const more = small ? element("small", "", small) : null;
  if (main.parentNode === place) {
    place.querySelector("small")?.remove();
    if (more) place.append(more);
  } else {
    place.replaceChildren(main, ...(more ? [more] : []));
  }
}

function pressed(place) {
  const button = element("button", "link");
  button.type = "button";
  button.addEventListener("click", () => place.act?.());
  return button;
}

export const state = (is, word) => ({ text: `${is.mark} ${say(word)}`, level: is.level });
export const WELL = { mark: MARKS[""], level: "" };
export const LATE = { mark: MARKS.warn, level: "warn" };
export const DOWN = { mark: MARKS.alarm, level: "warn" };
export const NOT_YET = { mark: "○", level: "" };

// Rows by words that stand in them, in any order.
export function filtering(show) {
  const input = element("input");
  input.type = "search";
  input.addEventListener("input", show);
  const node = element("label", "field", say("filter"), input);
  const has = (text) => input.value.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));
  return { node, input, has };
}

// Orders: how far, how fast, when they will be done, and whether that is in time.
import { element, grouped, plantClock, say, since, span } from "../shell.js";

// How late an order is: {level, mark, brief, ms}, or nothing to be done.
export function lateness(now, { progress }) {
  if (!progress?.due || isDone(progress)) return null;
  const overdueMs = since(now, progress.due);
  if (overdueMs > 0) return { level: "alarm", mark: "✖", brief: say("overdue", span(overdueMs)), ms: overdueMs, word: "isOverdue" };
  if (!progress.late) return null;
  const ms = Math.max(0, Date.parse(progress.estimated_completion ?? progress.due) - Date.parse(progress.due));
  return { level: "warn", mark: "▲", brief: say("late", span(ms)), ms, word: "isLate" };
}

const isDone = (progress) => progress.status === "COMPLETED" || progress.status === "CLOSED";
const isBegun = ({ progress }) => Number(progress?.completed_qty ?? 0) > 0 || Boolean(progress?.last_report_time);

// [key, sign, make] for each that is in work, the earliest due first; then one for those that are not begun.
export function orderRows(now, orders) {
  const due = ([, order]) => Date.parse(order.progress?.due ?? "9999-12-31");
  const begun = orders.filter(([, order]) => isBegun(order)).sort((a, b) => due(a) - due(b));
  const others = orders.filter(([, order]) => !isBegun(order)).sort((a, b) => due(a) - due(b));
  return [...begun, ...others].map(([orderNo, order]) => {
    const late = lateness(now, order);
    // The clock moves the track by a pixel now and then only.
    const minute = Math.floor(Date.parse(now.time) / 30000);
    const sign = [say("perHour"), minute, late?.brief, order.product_name, order.order_quantity, JSON.stringify(order.progress), operationOf(order)].join("|");
    return [orderNo, sign, () => orderRow(now, orderNo, order, late)];
  });
}

export const begunOf = (orders) => orders.filter(([, order]) => isBegun(order)).length;

function orderRow(now, orderNo, order, late) {
  const progress = order.progress;
  if (!isBegun(order)) return waitingRow(now, orderNo, order, late);
  const plan = progress?.plan_qty ?? order.order_quantity;
  const done = progress?.completed_qty ?? order.completed_quantity;
  const percent = Number(plan) > 0 ? (Number(done) / Number(plan)) * 100 : null;
  const bar = element("progress", "progress");
  [bar.max, bar.value] = [Math.max(1, Number(plan)), Number(done)];
  bar.setAttribute("aria-label", orderNo);
  const operation = operationOf(order);
  return element("li", "order-row",
    element("div", "", element("p", "order-no", orderNo), element("small", "", product(order))),
    element("div", "",
      element("p", "done figures", grouped(done), element("small", "", `/ ${grouped(plan)}`),
        percent === null ? null : element("span", "percent", `${Math.floor(percent)} %`)),
      bar, operation ? element("small", "figures", operation) : null),
    element("div", "rate-cell",
      element("p", "rate figures", progress?.rate_per_hour ? grouped(Math.round(progress.rate_per_hour)) : "–"),
      element("small", "", say("perHour"))),
    end(now, progress),
    element("div", "lateness", lateBadge(progress, late),
      element("small", "figures", progress?.due ? say("due", plantClock(now, progress.due, false)) : say("noDue"))));
}

// How far pieces have got: the furthest operation that has made some, by what was reported here. The order's own figure is
// that of the last one, so until pieces get there it stays where it is, and this one tells that something is done.
function operationOf({ wip }) {
  const operations = wip?.operations ?? [];
  const furthest = operations.findLast((operation) => Number(operation.qualified_qty) > 0);
  if (!furthest || operations.length === 1) return null;
  const name = furthest.process_name || furthest.process_code;
  return furthest === operations.at(-1) ? name : say("operation", name, grouped(furthest.qualified_qty), grouped(wip.total_qty));
}

// What nobody has begun needs a line, not a row.
function waitingRow(now, orderNo, order, late) {
  return element("li", "order-row is-waiting",
    element("p", "order-no", orderNo),
    element("small", "", product(order)),
    element("p", "quiet figures", `${grouped(order.progress?.plan_qty ?? order.order_quantity)} · ${say("notBegun")}`),
    element("div", "lateness", late ? lateBadge(order.progress, late) : null,
      order.progress?.due ? element("small", "figures", say("due", plantClock(now, order.progress.due, false))) : null));
}

const product = (order) => [order.product_code, order.product_name].filter(Boolean).join(" · ");

function lateBadge(progress, late) {
  if (late) return element("p", `badge ${late.level}`, `${late.mark} ${late.brief}`);
  if (progress && isDone(progress)) return element("p", "quiet", `✔ ${say("done")}`);
  return element("p", "quiet", progress?.estimated_completion && progress.due ? say("onTime") : "");
}

// The expected end with the times between which it lies, and the day that was promised as a flag.
function end(now, progress) {
  const { estimated_completion: expected, earliest_completion: earliest, latest_completion: latest, due } = progress ?? {};
  if (!expected) return element("div", "", element("p", "quiet", say("noEnd")));
  const at = (instant) => plantClock(now, instant, false);
  const text = element("p", "end figures", at(expected));
  if (earliest && latest && at(earliest) !== at(latest)) text.append(element("small", "figures", `${at(earliest)} – ${at(latest)}`));
  const track = element("div", "track");
  track.setAttribute("role", "img");
  track.setAttribute("aria-label", say("expected", at(expected), earliest ? at(earliest) : "–", latest ? at(latest) : "–", due ? at(due) : "–"));
  const instants = [now.time, expected, earliest, latest, due].filter(Boolean).map(Date.parse);
  const [first, last] = [Math.min(...instants), Math.max(...instants)];
  const place = (instant) => `${((Date.parse(instant) - first) / Math.max(1, last - first)) * 97}%`;
  const mark = (kind, instant) => {
    const made = element("span", kind);
    made.style.left = place(instant);
    track.append(made);
    return made;
  };
  if (earliest && latest) mark("between", earliest).style.right = `calc(100% - ${place(latest)})`;
  mark("expected", expected);
  if (due) mark("due", due);
  return element("div", "", text, track);
}

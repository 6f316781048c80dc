// What needs a person: alerts that nobody has acknowledged, machines and orders that no alert tells of, records that do not
// get away; the worst first. Then, quietly, what someone has taken on, and what is about to end by itself.
import { ask, button, call, closing, element, field, flow, language, MARKS, refusal, say, shape, since, span, worded } from "../shell.js";
import { lateness } from "./orders.js";
import { kindOf } from "./machines.js";
import { stateWord } from "../states.js";

const SEVERITIES = {
  CRITICAL: { mark: "✖", level: "alarm", rank: 0 },
  HIGH: { mark: "✖", level: "alarm", rank: 1 },
  MEDIUM: { mark: "▲", level: "warn", rank: 2 },
  LOW: { mark: "●", level: "warn", rank: 3 },
};
const COMMENT_CHARS_MAX = 500;

export function needs(feed) {
  const now = feed.now();
  const alerts = feed.entries("alert/").map(([, alert]) => alert);
  const active = alerts.filter((alert) => alert.state === "active" && !alert.is_away);
  // Also an alert that someone has taken on tells of it.
  const told = (type, name, value) => alerts.some((alert) => alert.state !== "ended" && alert.alert_type === type && alert[name] === value);
  const found = active.map((alert) => ofAlert(now, alert));
  flow(feed).filter((line) => line.level).forEach((line, nth) => {
    found.push({ key: `flow/${nth}`, mark: MARKS[line.level], level: line.level, rank: line.level === "alarm" ? 0 : 2, text: line.text });
  });
  for (const [code, machine] of feed.entries("equipment/")) {
    const kind = kindOf(machine.state);
    if (!kind.level || told("EQUIPMENT_FAILURE", "equipment", code)) continue;
    const lasts = machine.state_since ? span(since(now, machine.state_since)) : "";
    found.push({ key: `machine/${code}`, ...kind, rank: kind.level === "alarm" ? 1 : 2, text: say("machineIs", code, machine.name ?? "", stateWord(machine.state)), lasts });
  }
  for (const [orderNo, order] of feed.entries("order/")) {
    const late = lateness(now, order);
    if (!late || told("ORDER_LATE", "order_no", orderNo)) continue;
    found.push({ key: `order/${orderNo}`, mark: late.mark, level: late.level, rank: late.level === "alarm" ? 1 : 2, text: say(late.word, orderNo, span(late.ms)) });
  }
  found.sort((a, b) => a.rank - b.rank);
  const quiet = (alert, mark, text) => ({ key: `alert/${alert.alert_id}`, mark, level: "is-taken", text });
  const taken = alerts.filter((alert) => alert.state === "acknowledged").map((alert) => quiet(alert, "✔", `${worded(alert)} — ${takenBy(alert)}`));
  const ending = alerts.filter((alert) => alert.state === "active" && alert.is_away).map((alert) => quiet(alert, "○", worded(alert)));
  return { open: found.length, rows: [...found, ...taken, ...ending].map((need) => [need.key, `${language}${JSON.stringify(need)}`, () => row(need)]) };
}

// What is worst at each machine, to be marked there.
export function troubled(feed) {
  const worst = new Map();
  for (const [, alert] of feed.entries("alert/")) {
    if (alert.state !== "active" || alert.is_away || !alert.equipment) continue;
    const found = { ...severity(alert), text: worded(alert) };
    if (!(worst.get(alert.equipment)?.rank <= found.rank)) worst.set(alert.equipment, found);
  }
  return worst;
}

const severity = (alert) => SEVERITIES[alert.severity] ?? SEVERITIES.MEDIUM;

const takenBy = (alert) => (alert.comment ? say("taken", alert.acknowledged_by, alert.comment) : say("takenSilent", alert.acknowledged_by ?? ""));

function ofAlert(now, alert) {
  const text = worded(alert);
  const subject = [alert.equipment, alert.point, alert.order_no].filter((name) => name && !text.includes(name));
  const where = [...subject, alert.times > 1 ? `×${alert.times}` : null].filter(Boolean).join(" · ");
  const lasts = alert.began_at ? span(since(now, alert.began_at)) : "";
  return { key: `alert/${alert.alert_id}`, ...severity(alert), text, where, lasts, alert: alert.alert_id };
}

// What stands first says what is the matter; figures and places below it are for those who look closer. Who has nothing to do
// is told in a line.
function row(need) {
  const [sentence, ...more] = need.level === "is-taken" ? [need.text] : need.text.split(/(?<=\.)\s+|;\s+|(?<=。)|；/);
  const below = [...more, need.where].filter(Boolean).join(" ");
  const what = element("p", "what", sentence, below ? element("span", "where figures", below) : null);
  const acknowledge = need.alert ? button(say("acknowledge"), () => openAlert(need)) : null;
  acknowledge?.setAttribute("aria-label", `${say("acknowledge")}: ${need.text}`);
  return element("li", `need ${need.level}`, shape(need.mark), what, need.lasts ? element("span", "for figures", need.lasts) : null, acknowledge);
}

function openAlert(need) {
  const comment = element("textarea");
  comment.maxLength = COMMENT_CHARS_MAX;
  const told = element("div");
  const done = button(say("acknowledge"), null, "primary");
  const form = element("form", "", field(say("comment"), comment), told, element("p", "actions", closing(), done));
  const dialog = ask(need.text, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    done.disabled = true;
    try {
      await call("POST", `alerts/${encodeURIComponent(need.alert)}/acknowledge`, comment.value.trim() ? { comment: comment.value.trim() } : {});
      dialog.close();
    } catch (problem) {
      told.replaceChildren(refusal(problem));
      done.disabled = false;
    }
  });
}

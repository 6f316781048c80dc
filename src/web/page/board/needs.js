// What needs a person: alerts that nobody has taken notice of, machines and orders that nobody was told of, records that do
// not get away; the worst first. Then, quietly, what someone has taken on.
import { ask, call, element, flow, language, say, since, span } from "../shell.js";
import { lateness } from "./orders.js";
import { kindOf } from "./machines.js";

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
  const active = alerts.filter((alert) => alert.state === "active");
  const told = (name, value) => active.some((alert) => alert[name] === value);
  const found = active.map((alert) => ofAlert(now, alert));
  flow(feed).filter((line) => line.level).forEach((line) => {
    found.push({ key: `flow/${line.brief}`, mark: line.level === "alarm" ? "✖" : "▲", level: line.level, rank: line.level === "alarm" ? 0 : 2, text: line.text });
  });
  for (const [code, machine] of feed.entries("equipment/")) {
    const kind = kindOf(machine.state);
    if (!kind.level || told("equipment", code)) continue;
    const lasts = machine.state_since ? span(since(now, machine.state_since)) : "";
    found.push({ key: `machine/${code}`, ...kind, rank: kind.level === "alarm" ? 1 : 2, text: say("machineIs", code, machine.name ?? "", say(machine.state)), lasts });
  }
  for (const [orderNo, order] of feed.entries("order/")) {
    const late = lateness(now, order);
    if (!late || told("order_no", orderNo)) continue;
    found.push({ key: `order/${orderNo}`, mark: late.mark, level: late.level, rank: late.level === "alarm" ? 1 : 2, text: say(late.word, orderNo, span(late.ms)) });
  }
  found.sort((a, b) => a.rank - b.rank);
  const taken = alerts.filter((alert) => alert.state === "acknowledged").map((alert) => ({ key: `alert/${alert.alert_id}`, mark: "✔", level: "is-taken", text: `${words(alert)} — ${takenBy(alert)}` }));
  return { open: found.length, rows: [...found, ...taken].map((need) => [need.key, `${language}${JSON.stringify(need)}`, () => row(need)]) };
}

const words = (alert) => alert.words?.[language] ?? alert.message;
const takenBy = (alert) => (alert.comment ? say("taken", alert.acknowledged_by, alert.comment) : say("takenSilent", alert.acknowledged_by ?? ""));

function ofAlert(now, alert) {
  const where = [alert.equipment, alert.point, alert.order_no, alert.times > 1 ? `×${alert.times}` : null].filter(Boolean).join(" · ");
  const lasts = alert.began_at ? span(since(now, alert.began_at)) : "";
  const text = words(alert);
  return { key: `alert/${alert.alert_id}`, ...(SEVERITIES[alert.severity] ?? SEVERITIES.MEDIUM), text, where, lasts, alert: alert.alert_id };
}

function row(need) {
  const mark = element("span", "mark", need.mark);
  mark.setAttribute("aria-hidden", "true");
  const what = element("p", "what", need.text, need.where ? element("span", "where figures", need.where) : null);
  const made = element("li", `need ${need.level}`, mark, what, need.lasts ? element("span", "for figures", need.lasts) : null);
  if (need.alert) {
    const button = element("button", "", say("notice"));
    button.type = "button";
    button.addEventListener("click", () => takeNotice(need));
    made.append(button);
  }
  return made;
}

function takeNotice(need) {
  const comment = element("textarea");
  comment.maxLength = COMMENT_CHARS_MAX;
  const refusal = element("p", "field-error");
  refusal.setAttribute("role", "alert");
  refusal.hidden = true;
  const close = element("button", "", say("close"));
  close.type = "button";
  const done = element("button", "primary", say("noticed"));
  const form = element("form", "", element("label", "", say("comment"), comment), refusal, element("p", "actions", close, done));
  const dialog = ask(need.text, form);
  close.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    done.disabled = true;
    try {
      await call("POST", `alerts/${encodeURIComponent(need.alert)}/acknowledge`, comment.value.trim() ? { comment: comment.value.trim() } : {});
      dialog.close();
    } catch (problem) {
      refusal.replaceChildren(problem?.detail ? say("refused", problem.detail) : say("lost"));
      if (problem?.status === 401) refusal.append(" ", signIn());
      refusal.hidden = false;
      done.disabled = false;
    }
  });
}

function signIn() {
  const link = element("a", "", say("signIn"));
  link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  return link;
}

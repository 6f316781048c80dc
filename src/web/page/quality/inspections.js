// The latest inspections with what is done about their faults, and the paper to fill in for a new one.
import { reserve } from "../session.js";
import { button, call, element, grouped, language, marked, refusal, renew, say } from "../shell.js";
import { decide } from "./decide.js";
import { entry } from "./entry.js";
import { clock, DECIDERS, reasonText, reasons } from "./small.js";

const LOAD_EVERY_MS = 5000;
const SHOWN_MAX = 50;
const RESULTS = [{ mark: "◔", level: "", word: "waiting" }, { mark: "✔", level: "", word: "qualified" }, { mark: "✖", level: "", word: "failed" }];
const COLUMNS = ["when", "number", "order", "result", "faultsFound"];

export const openOf = (inspection) => inspection.faults.filter((fault) => !fault.disposition);

export function inspections(feed) {
  const body = element("tbody");
  const table = element("table", "latest", element("thead", "", element("tr", "", ...COLUMNS.map((word) => Object.assign(element("th", "", say(word)), { scope: "col" })))), body);
  const none = element("p", "empty", say("noInspections"));
  const told = element("div");
  none.hidden = true;
  let closed = false;
  // Times are the plant's once the gateway was heard.
  let isHeard = Boolean(feed.now().time);

  async function load() {
    try {
      const [{ inspections: latest }, known] = await Promise.all([call("GET", `inspections?limit=${SHOWN_MAX}`), reasons()]);
      if (closed) return;
      none.hidden = latest.length > 0;
      table.hidden = latest.length === 0;
      told.replaceChildren();
      renew(body, latest.map((inspection) => {
        const sign = JSON.stringify([language, known.length, clock(feed, inspection.at), inspection]);
        return [inspection.check_no, sign, () => row(feed, inspection, known, load)];
      }));
    } catch (problem) {
      told.replaceChildren(refusal(problem));
    }
  }
  const form = entry(feed, load);
  const timer = setInterval(() => { if (!document.hidden) load(); }, LOAD_EVERY_MS);
  load();
  return {
    node: element("div", "inspections", form.node,
      element("section", "latest-part", element("h2", "", say("latest")), told, none, element("div", "scroll", table))),
    update() {
      form.update();
      if (!isHeard && feed.now().time) load();
      isHeard = Boolean(feed.now().time);
    },
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

function row(feed, inspection, known, changed) {
  const { check_no: number, order_no: order, product_code: product, process_code: process, equipment, checker, at } = inspection;
  const result = RESULTS[inspection.check_result];
  const failed = Number(inspection.unqualified_quantity);
  const counted = failed > 0 ? say("failedPart", grouped(failed), grouped(inspection.check_quantity)) : grouped(inspection.check_quantity);
  const faults = element("ul", "found", ...inspection.faults.map((fault) => {
    const name = `${reasonText(known, fault.reason)} × ${grouped(fault.quantity)}`;
    const done = fault.disposition ? element("span", "badge", say(fault.disposition)) : element("span", "badge warn", `▲ ${say("open")}`);
    if (fault.decided_by) done.title = [fault.decided_by, fault.decided_at ? clock(feed, fault.decided_at) : null, fault.comment].filter(Boolean).join(" · ");
    return element("li", "", name, " ", done);
  }));
  const isOpen = openOf(inspection).length > 0;
  const cell = (...content) => element("td", "", ...content);
  return element("tr", "",
    cell(element("span", "figures", clock(feed, at)), element("small", "", checker ?? "")),
    cell(number),
    cell(order, element("small", "", [product, process, equipment].filter(Boolean).join(" · "))),
    cell(marked(result, say(result.word), ""), element("small", "figures", counted)),
    cell(faults, isOpen ? reserve(DECIDERS, button(say("decide"), () => decide(inspection, known, changed))) : null));
}

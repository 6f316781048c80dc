// Which faults are most of all (the Pareto, drawn by the gateway), in figures too, and what they come together with.
import { call, element, field, grouped, language, refusal, say } from "../shell.js";
import { drawing, percent, reasonText, reasons, select, term } from "./small.js";

const LOAD_EVERY_MS = 5000;
const DAYS = [1, 3, 7, 14, 31];
const USUAL_DAYS = 7;
const quantity = (value) => grouped(Number(value.toFixed(2)));

export function faults() {
  const days = select(DAYS.map((count) => [count, count === 1 ? say("today") : say("lastDays", count)]), USUAL_DAYS);
  const by = select([["inspections", say("byInspections")], ["reports", say("byReports")]]);
  const [product, process] = [select([["", say("every")]]), select([["", say("every")]])];
  const chosen = element("div", "choices", field(say("days"), days), field(say("toldBy"), by), field(say("product"), product), field(say("process"), process));
  const told = element("div");
  const rest = element("div", "faults");
  let [busy, again, closed, sign] = [false, false, false, ""];

  const query = () => {
    const wanted = { days: days.value, product: product.value, process: process.value };
    return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== ""));
  };
  async function load() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const asked = query();
      const [found, known] = await Promise.all([call("GET", `defects?${asked}`), reasons()]);
      const summary = found[by.value];
      const now = JSON.stringify([found, by.value, known.length]);
      told.replaceChildren();
      if (now === sign || closed) return;
      offer(product, found.products);
      offer(process, found.processes);
      asked.set("by", by.value);
      asked.set("language", language);
      const svg = summary.pareto.length > 0 ? await drawing(`defects/picture?${asked}`) : null;
      sign = now;
      rest.replaceChildren(figures(summary, by.value), svg ? Object.assign(element("figure", "pareto card", svg), { tabIndex: 0 }) : element("p", "empty", say("noFaults")),
        summary.pareto.length > 0 ? table(summary.pareto, known) : "", hints(found.hints));
    } catch (problem) {
      told.replaceChildren(refusal(problem));
    } finally {
      busy = false;
      if (again) {
        again = false;
        load();
      }
    }
  }
  chosen.addEventListener("change", load);
  const timer = setInterval(() => { if (!document.hidden) load(); }, LOAD_EVERY_MS);
  load();
  return {
    node: element("div", "", chosen, told, rest),
    update() {},
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

// What there are faults of; what is chosen stays chosen.
function offer(control, values) {
  const chosen = control.value;
  const all = [...new Set([...values, ...(chosen ? [chosen] : [])])].filter(Boolean);
  control.replaceChildren(...[["", say("every")], ...all.map((value) => [value, value])].map(([value, text]) => Object.assign(element("option", "", text), { value })));
  control.value = chosen;
}

function figures({ checked, unqualified, defect_rate: rate }, by) {
  return element("dl", "worth wide card", term("defectRate", percent(rate, 2)), term("unqualified", quantity(unqualified)), term(by === "reports" ? "reported" : "checked", quantity(checked)));
}

function table(shares, known) {
  const head = (word, className = "") => Object.assign(element("th", className, say(word)), { scope: "col" });
  const rows = shares.map(({ reason, quantity: count, share, cumulative }) => element("tr", "",
    element("td", "", reasonText(known, reason)), element("td", "number", quantity(count)),
    element("td", "number", percent(share)), element("td", "number", percent(cumulative))));
  return element("div", "scroll", element("table", "", element("thead", "", element("tr", "", head("reason"), head("quantity", "number"), head("share", "number"), head("cumulative", "number"))),
    element("tbody", "", ...rows)));
}

function hints(all) {
  const found = all.flatMap(({ product, hints: of }) => of.map((hint) => element("li", "", element("strong", "", product), " ", hint.words[language])));
  return element("section", "card hints", element("h2", "", say("hints")),
    found.length > 0 ? element("ul", "", ...found) : element("p", "", say("noHints")), element("p", "quiet", say("hintsOf")));
}

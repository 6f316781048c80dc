// An inspection, in the fields of `production_quality`. Sums are shown while one types; what the gateway objects to stands at its
// field. It counts as saved when the gateway has answered that its disk has it; the same form sent twice is one inspection.
import { forWhom, reserve } from "../session.js";
import { button, call, element, field, grouped, kept, say } from "../shell.js";
import { clearFindings, DECIDERS, input, newKey, reasonText, reasons, select, showFindings } from "./small.js";

const CHECKER_KEY = "lineside-checker";
const KINDS = ["rework", "concession", "scrap"];
const REST = [["tool", "tool"], ["worker", "worker_no"], ["lot", "material_lot"], ["remark", "remark"]];

export function entry(feed, saved) {
  const decimal = () => input({ inputMode: "decimal" });
  const [order, process, equipment] = [listed("orders"), listed("processes"), listed("machines")];
  const [checker, checked, qualified] = [input({ value: kept(CHECKER_KEY) ?? "" }), decimal(), decimal()];
  const [defects, measurements] = [element("div", "rows"), element("div", "rows")];
  const rest = REST.map(([word, name]) => [word, name, input()]);
  const sum = element("p", "sum-line figures");
  const told = element("div");
  told.setAttribute("role", "status");
  const submit = button(say("submit"), null, "primary large");
  let [key, known] = [newKey(), []];
  reasons().then((all) => { known = all; });

  const fields = element("fieldset", "entry-fields",
    element("div", "pair", field(say("order"), order.node, "order_no"), field(say("process"), process.node, "process_code"), field(say("equipment"), equipment.node, "equipment"), field(say("checker"), checker, "checker_no")),
    element("div", "pair", field(say("checkQuantity"), checked, "check_quantity"), field(say("qualifiedQuantity"), qualified, "qualified_quantity")),
    part("foundFaults", defects, "defects", button(say("addFault"), () => add(defects, fault(known)))),
    sum,
    part("measurements", measurements, "measurements", button(say("addMeasurement"), () => add(measurements, measurement()))),
    element("details", "", element("summary", "", say("more")), element("div", "pair", ...rest.map(([word, name, control]) => field(say(word), control, name)))),
    told, element("div", "actions", submit));
  const form = element("form", "entry card", element("h2", "", say("newInspection")), forWhom(DECIDERS), reserve(DECIDERS, fields));
  form.noValidate = true;

  function add(place, made) {
    place.append(made);
    made.querySelector("input, select").focus();
    name(place);
  }
  // Fields are named as the gateway names them in what it finds.
  function name(place) {
    const list = place === defects ? "defects" : "measurements";
    [...place.children].forEach((row, nth) => {
      for (const of of row.querySelectorAll("[data-of]")) of.dataset.field = `${list}[${nth}].${of.dataset.of}`;
    });
    count();
  }
  for (const place of [defects, measurements]) place.addEventListener("removed", () => name(place));

  const unqualified = () => [...defects.children].reduce((all, row) => all + (Number(row.read().quantity) || 0), 0);
  function count() {
    const [all, good, bad] = [Number(checked.value), Number(qualified.value), unqualified()];
    const isSaid = checked.value.trim() !== "" && qualified.value.trim() !== "";
    const isRight = Math.abs(all - good - bad) < 1e-9;
    sum.textContent = isSaid ? `${isRight ? "✔" : "▲"} ${say(isRight ? "sum" : "sumWrong", grouped(all), grouped(good), grouped(bad))}` : "";
    sum.classList.toggle("warn", isSaid && !isRight);
  }
  form.addEventListener("input", () => {
    count();
    showProcesses();
  });

  const orders = () => feed.entries("order/");
  function showProcesses() {
    const of = feed.value(`order/${order.input.value.trim()}`);
    process.offer((of?.processes ?? []).map(({ process_code: code, process_name: text }) => [code, text]));
  }
  function body() {
    const texts = { order_no: order.input, process_code: process.input, equipment: equipment.input, checker_no: checker, check_quantity: checked, qualified_quantity: qualified };
    for (const [, of, control] of rest) texts[of] = control;
    const said = Object.fromEntries(Object.entries(texts).map(([of, control]) => [of, control.value.trim()]).filter(([, value]) => value !== ""));
    const lists = { defects: [...defects.children].map((row) => row.read()), measurements: [...measurements.children].map((row) => row.read()) };
    return { ...said, ...Object.fromEntries(Object.entries(lists).filter(([, rows]) => rows.length > 0)) };
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    clearFindings(form, told);
    submit.disabled = true;
    told.replaceChildren(element("p", "quiet", say("saving")));
    try {
      const answer = await call("POST", "inspections", body(), { "idempotency-key": key });
      try { localStorage.setItem(CHECKER_KEY, checker.value.trim()); } catch { /* Then it is typed again. */ }
      empty();
      told.replaceChildren(...verdict(answer));
      saved();
    } catch (problem) {
      showFindings(form, told, problem);
    } finally {
      submit.disabled = false;
    }
  });
  // The next one is of the same order; what was counted and found is its own.
  function empty() {
    key = newKey();
    for (const control of [checked, qualified, ...rest.map(([, , of]) => of)]) control.value = "";
    for (const place of [defects, measurements]) place.replaceChildren();
    count();
  }
  const update = () => {
    order.offer(orders().map(([number, { product_name: text }]) => [number, text]));
    equipment.offer(feed.entries("equipment/").map(([code, { name: text }]) => [code, text ?? ""]));
  };
  update();
  return { node: form, update };
}

const RESULTS = ["waiting", "qualified", "failed"];
function verdict(answer) {
  const number = answer.check_no;
  const first = answer.repeated ? say("savedBefore", number) : say("saved", number, say(RESULTS[answer.check_result]));
  const told = [element("p", "saved", `✔ ${first}`)];
  const suggestion = answer.analysis?.suggestion?.[document.documentElement.lang];
  if (suggestion) told.push(element("p", "", suggestion));
  return told;
}

function part(word, rows, name, more) {
  const made = element("fieldset", "", element("legend", "", say(word)), rows, more);
  made.dataset.field = name;
  return made;
}

// A text with a list of what is known.
function listed(id) {
  const list = Object.assign(element("datalist"), { id: `known-${id}` });
  const control = input();
  control.setAttribute("list", list.id);
  let sign = "";
  return {
    node: element("span", "", control, list), input: control,
    offer(values) {
      const now = JSON.stringify(values);
      if (now === sign) return;
      sign = now;
      list.replaceChildren(...values.map(([value, text]) => Object.assign(element("option"), { value, label: text ? `${value} ${text}` : value })));
    },
  };
}

function line(className, read, ...fields) {
  const remove = button(say("remove"), () => {
    const place = made.parentElement;
    made.remove();
    place.dispatchEvent(new Event("removed"));
  });
  const made = element("div", className, ...fields, remove);
  made.read = read;
  return made;
}

function of(text, control, name) {
  const made = field(text, control);
  made.dataset.of = name;
  return made;
}

function fault(known) {
  const reason = known.length > 0 ? select(known.map(({ code }) => [code, reasonText(known, code)])) : input();
  const quantity = input({ inputMode: "decimal" });
  const kind = select([["", say("undecided")], ...KINDS.map((one) => [one, say(one)])]);
  const read = () => ({ reason: reason.value.trim(), quantity: quantity.value.trim(), ...(kind.value ? { kind: kind.value } : {}) });
  return line("row fault", read, of(say("reason"), reason, "reason"), of(say("quantity"), quantity, "quantity"), of(say("disposition"), kind, "kind"));
}

function measurement() {
  const [characteristic, values, lower, upper, unit] = [input(), input({ inputMode: "decimal" }), input({ inputMode: "decimal" }), input({ inputMode: "decimal" }), input()];
  values.placeholder = say("valuesHint");
  const read = () => {
    const rest = Object.entries({ lower, upper, unit }).map(([name, control]) => [name, control.value.trim()]).filter(([, value]) => value !== "");
    return { characteristic: characteristic.value.trim(), values: values.value.trim().split(/[\s,;，；]+/).filter(Boolean), ...Object.fromEntries(rest) };
  };
  return line("row measurement", read, of(say("characteristic"), characteristic, "characteristic"), of(say("values"), values, "values"),
    of(say("lowerLimit"), lower, "lower"), of(say("upperLimit"), upper, "upper"), of(say("unit"), unit, "unit"));
}

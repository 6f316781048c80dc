// What a device holds right now, in every type and byte order. Who finds the value that the machine's own display shows has
// found the line for the configuration.
import { button, call, element, field, refusal, say } from "../shell.js";

const TABLES = ["holding", "input", "coil", "discrete"];
const COUNT_MAX = { holding: 125, input: 125, coil: 2000, discrete: 2000 };

export function finder() {
  const device = element("select");
  const table = element("select", "", ...TABLES.map((name) => new Option(name, name)));
  const from = number(0, 65535, 0);
  const count = number(1, 125, 10);
  table.addEventListener("change", () => { count.max = COUNT_MAX[table.value]; });
  let polled = {};
  const begin = () => {
    const [, area, first, last] = /(\w+):(\d+)(?:\.\.(\d+))?/.exec(polled[device.value]?.[0]) ?? [];
    if (!area) return;
    table.value = area;
    from.value = first;
    count.value = Math.min(last === undefined ? 1 : last - first + 1, COUNT_MAX[area]);
  };
  device.addEventListener("change", begin);
  const read = button(say("readNow"));
  const told = element("div");
  told.setAttribute("aria-live", "polite");
  const form = element("form", "bar", field(say("device"), device), field(say("table"), table), field(say("address"), from), field(say("count"), count), read);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    read.disabled = true;
    try {
      const [connection, name] = device.value.split("/").map(encodeURIComponent);
      const wanted = { table: table.value, from: Number(from.value), count: Number(count.value) };
      const seen = await call("POST", `modbus/${connection}/${name}/registers`, wanted);
      told.replaceChildren(found(seen));
    } catch (problem) {
      const isAddress = problem?.status === 502 && problem.detail.includes("illegal");
      told.replaceChildren(refusal(problem), ...(isAddress ? [element("p", "quiet", say("tooMany"))] : []));
    }
    read.disabled = false;
  });
  const node = element("section", "panel", element("h3", "", say("finder")), element("p", "quiet", say("finderHint")), form, told);
  return {
    node,
    // Devices by `connection/device`, each with what it is polled for, which is a good place to begin.
    offer(devices) {
      const names = Object.keys(devices);
      polled = devices;
      if ([...device.options].map((option) => option.value).join() === names.join()) return;
      const before = device.value;
      device.replaceChildren(...names.map((name) => new Option(name, name)));
      if (names.includes(before)) device.value = before;
      else begin();
    },
  };
}

function number(min, max, value) {
  const input = element("input");
  Object.assign(input, { type: "number", min, max, required: true });
  input.value = value;
  return input;
}

function found(seen) {
  const line = element("input");
  line.readOnly = true;
  line.setAttribute("aria-label", say("configurationLine"));
  const copied = element("span", "quiet");
  copied.setAttribute("role", "status");
  const copy = button(say("copy"), async () => {
    line.select();
    try {
      await navigator.clipboard.writeText(line.value);
      copied.textContent = `✔ ${say("copied")}`;
    } catch {
      copied.textContent = say("selected");
    }
  });
  const bar = element("div", "line", line, copy, copied);
  bar.hidden = true;
  let pressed = null;
  const choose = (form, cell) => {
    pressed?.setAttribute("aria-pressed", "false");
    pressed = cell;
    cell.setAttribute("aria-pressed", "true");
    bar.hidden = false;
    copied.textContent = "";
    line.value = `${form.at.replace(/[:.]/g, "_")} = ${form.setting}  # ${form.text}`;
  };
  const byAddress = new Map();
  for (const form of seen.forms) byAddress.set(form.at, [...(byAddress.get(form.at) ?? []), form]);
  const addresses = [...byAddress].map(([at, forms], nth) => address(at, forms, seen.words[nth], choose));
  return element("div", "", element("p", "quiet", say("finderRead", seen.range)), ...addresses, bar);
}

// One address: what is most likely there, and, opened, everything it could be.
function address(at, forms, word, choose) {
  const isBit = forms[0].type === "bool";
  const likely = forms.find((form) => form.suggested);
  const raw = isBit ? String(word) : `0x${word.toString(16).padStart(4, "0").toUpperCase()}`;
  const hint = likely ? element("b", "", ` · ★ ${likely.type} ${likely.order} = ${likely.text}`) : "";
  const rows = new Map();
  for (const form of forms) rows.set(form.type, [...(rows.get(form.type) ?? []), form]);
  const lines = [...rows].map(([type, ofType]) => {
    const head = element("th", "", type);
    head.scope = "row";
    return element("tr", "", head, ...ofType.map((form) => element("td", "", cell(form, choose))));
  });
  const frame = element("div", "wide-table", element("table", "forms", element("tbody", "", ...lines)));
  const shown = element("details", "", element("summary", "", element("code", "", `${at}  ${raw}`), hint), frame);
  shown.open = Boolean(likely);
  return shown;
}

function cell(form, choose) {
  const mark = form.suggested ? "★ " : form.plausible ? "✓ " : "";
  const made = element("button", form.plausible ? "is-plausible" : "", `${mark}${form.text}`, element("small", "", form.order));
  made.type = "button";
  made.title = form.reason ?? "";
  made.setAttribute("aria-pressed", "false");
  made.addEventListener("click", () => choose(form, made));
  return made;
}

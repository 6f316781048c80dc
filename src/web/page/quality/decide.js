// What is done with pieces that an inspection left open: rework, concession or scrap, with who decided and why.
import { ask, button, call, element, field, grouped, say } from "../shell.js";
import { openOf } from "./inspections.js";
import { clearFindings, input, newKey, reasonText, select, showFindings } from "./small.js";

const KINDS = ["rework", "concession", "scrap"];
const COMMENT_CHARS_MAX = 500;

export function decide(inspection, known, changed) {
  // The same dialog is one decision, however often it is sent.
  const key = newKey();
  const open = openOf(inspection);
  const sum = open.reduce((all, fault) => all + Number(fault.quantity), 0);
  const which = select([["", say("allOpen", grouped(sum))], ...open.map(({ reason, quantity }) => [reason, `${reasonText(known, reason)} × ${grouped(quantity)}`])]);
  const quantity = input({ inputMode: "decimal", value: String(sum) });
  const comment = input({ maxLength: COMMENT_CHARS_MAX });
  const kinds = element("fieldset", "kinds", element("legend", "", say("disposition")), ...KINDS.map((kind, nth) => {
    const choice = input({ type: "radio", name: "disposition", value: kind, checked: nth === 0 });
    return element("label", "choice", choice, element("span", "", say(kind)));
  }));
  kinds.dataset.field = "disposition";
  const told = element("div");
  const save = button(say("saveIt"), null, "primary");
  const form = element("form", "", kinds, field(say("whichFault"), which, "reason"), field(say("quantity"), quantity, "quantity"), field(say("comment"), comment, "comment"), told,
    element("div", "actions", button(say("cancel"), () => dialog.close()), save));
  form.noValidate = true;
  which.addEventListener("change", () => {
    const fault = open.find(({ reason }) => reason === which.value);
    quantity.value = String(fault && which.selectedIndex > 0 ? Number(fault.quantity) : sum);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearFindings(form, told);
    save.disabled = true;
    const body = { disposition: form.elements.disposition.value, quantity: quantity.value.trim() };
    if (which.selectedIndex > 0) body.reason = which.value;
    if (comment.value.trim()) body.comment = comment.value.trim();
    try {
      await call("POST", `inspections/${encodeURIComponent(inspection.check_no)}/disposition`, body, { "idempotency-key": key });
      dialog.close();
      changed();
    } catch (problem) {
      showFindings(form, told, problem);
      save.disabled = false;
    }
  });
  const dialog = ask(say("decideOf", inspection.check_no), form);
}

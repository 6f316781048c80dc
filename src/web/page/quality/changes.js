// What people change of a chart, and say of its points: dialogs that say what will come of it.
import { ask, button, call, element, field, say } from "../shell.js";
import { clearFindings, input, showFindings } from "./small.js";

const NOTE_CHARS_MAX = 200;
const REASON_CHARS_MAX = 60;

function change(title, why, control, send, changed) {
  const told = element("div");
  const save = button(say("saveIt"), null, "primary");
  const form = element("form", "", why ? element("p", "", why) : null, control, told,
    element("div", "actions", button(say("cancel"), () => dialog.close()), save));
  form.noValidate = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearFindings(form, told);
    save.disabled = true;
    try {
      await send();
      dialog.close();
      changed();
    } catch (problem) {
      showFindings(form, told, problem);
      save.disabled = false;
    }
  });
  const dialog = ask(title, form);
  form.querySelector("input, textarea")?.focus();
}

export function writeNote(path, at, clock, before, changed) {
  const text = input({ maxLength: NOTE_CHARS_MAX, value: before ?? "" });
  change(say("noteOf", clock(at)), "", field(say("note"), text, "text"), () => call("POST", `${path}/annotations`, { at, text: text.value.trim() }), changed);
}

const phase = (path, body) => call("POST", `${path}/phase`, body);

export function leaveOut(path, point, changed) {
  const reason = input({ maxLength: REASON_CHARS_MAX });
  change(say("leaveOutOf", point), say("leaveOutWhy"), field(say("why"), reason, "reason"), () => phase(path, { action: "exclude", point, reason: reason.value.trim() }), changed);
}

export const takeBack = (path, point) => phase(path, { action: "include", point });

export function relearn(path, name, changed) {
  change(say("relearnTitle", name), say("relearnWhy"), null, () => phase(path, { action: "relearn" }), changed);
}

export function freeze(path, name, changed) {
  change(say("freezeTitle", name), say("freezeWhy"), null, () => phase(path, { action: "freeze" }), changed);
}

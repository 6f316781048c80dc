// Messages that were refused for good: why, and since when. One can be opened, corrected and sent again, or given up with a
// reason; what would change is shown before it is sent.
import { ask, button, call, closing, element, field, MARKS, plantClock, refusal, say, since, span } from "../shell.js";
import { filtering, grid } from "./grid.js";

const need = ({ status }) => status.buffer.dead_letters;

function make() {
  const table = grid([
    { word: "message", sort: true }, { word: "upstream", sort: true }, { word: "sinceWhen", sort: true }, { word: "reason", long: true, sort: true }, { word: "content", long: true },
  ], "noLetters");
  table.name(say("dead-letters-title"));
  const told = element("div");
  let all = [];
  let count = null;
  let status = null;
  const show = () => {
    const meant = all.filter((letter) => filter.has(JSON.stringify(letter)));
    table.update(meant.map((letter) => ({
      key: `${letter.message_id}/${letter.upstream}`,
      by: [letter.message_type, letter.upstream, letter.since, letter.code],
      cells: [
        { text: letter.message_type, small: letter.message_id, act: () => openLetter(letter, load) },
        letter.upstream,
        { text: plantClock(status, letter.since, false), small: say("ago", span(since(status, letter.since))) },
        { text: letter.code, small: letter.detail },
        { text: brief(letter.message.payload) },
      ],
    })));
  };
  async function load() {
    try {
      all = (await call("GET", "buffer/dead-letters")).dead_letters;
      filter.node.hidden = all.length === 0;
      told.replaceChildren();
      show();
    } catch (problem) {
      told.replaceChildren(refusal(problem));
    }
  }
  const filter = filtering(show);
  return {
    node: element("div", "", element("div", "bar", filter.node), told, table.node),
    update(last) {
      status = last.status;
      if (count === status.buffer.dead_letters) return;
      count = status.buffer.dead_letters;
      load();
    },
  };
}

const BRIEF = ["report_no", "order_no", "equipment", "worker_no", "alert_type"];
function brief(payload) {
  const shown = BRIEF.filter((key) => payload?.[key]).map((key) => payload[key]);
  return shown.length > 0 ? shown.join(" · ") : JSON.stringify(payload).slice(0, 80);
}

// Every place where two payloads are different, as `/defects/0/quantity`.
function differences(before, after, path = "") {
  if (before === after) return [];
  const isTree = (value) => typeof value === "object" && value !== null;
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path: path || "/", before, after }];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(before[key], after[key], `${path}/${key}`));
}

function openLetter(letter, changed) {
  const { payload, ...about } = letter.message;
  const text = element("textarea", "");
  text.spellcheck = false;
  text.value = JSON.stringify(payload, null, 2);
  const verdict = element("div");
  verdict.setAttribute("aria-live", "polite");
  const told = element("div");
  const reason = element("input");
  reason.maxLength = 500;
  const send = button(say("resubmit"), () => act("resubmit", differs() ? JSON.parse(text.value) : undefined), "primary");
  const discard = button(say("discard"), () => {
    if (!reason.value.trim()) {
      told.replaceChildren(warning(say("reasonNeeded")));
      reason.focus();
      return;
    }
    act("discard", { reason: reason.value.trim() });
  });
  const refusers = element("div", "", warning(`${letter.upstream}: ${letter.code}: ${letter.detail}`));
  // What is done here is done for all who refused the message.
  call("GET", `buffer/dead-letters/${encodeURIComponent(letter.message_id)}`).then(({ dead_letters: all }) => {
    refusers.replaceChildren(...all.map(({ upstream, code, detail }) => warning(`${upstream}: ${code}: ${detail}`)));
  }, () => {});
  const dialog = ask(letter.message_type,
    refusers,
    element("p", "quiet code", Object.entries(about).map(([key, value]) => `${key} ${value}`).join(" · ")),
    field(say("payloadJson"), text), verdict, told,
    element("p", "actions", send),
    element("div", "actions", field(say("discardReason"), reason), discard, closing()));
  dialog.classList.add("is-wide");

  function differs() {
    try {
      return differences(payload, JSON.parse(text.value)).length > 0;
    } catch {
      return false;
    }
  }
  function check() {
    try {
      const found = differences(payload, JSON.parse(text.value));
      send.disabled = false;
      send.textContent = found.length > 0 ? say("resubmitCorrected") : say("resubmit");
      verdict.replaceChildren(found.length === 0 ? element("p", "quiet", say("unchanged")) : element("ul", "plain change", ...found.map(({ path, before, after }) =>
        element("li", "", element("code", "", path), ": ", element("del", "", JSON.stringify(before) ?? "—"), " → ", element("ins", "", JSON.stringify(after) ?? "—")))));
    } catch (problem) {
      send.disabled = true;
      verdict.replaceChildren(warning(say("notJson", problem.message)));
    }
  }
  async function act(what, body) {
    send.disabled = discard.disabled = true;
    try {
      await call("POST", `buffer/dead-letters/${encodeURIComponent(letter.message_id)}/${what}`, body);
      dialog.close();
    } catch (problem) {
      told.replaceChildren(refusal(problem));
      send.disabled = discard.disabled = false;
    }
    changed();
  }
  text.addEventListener("input", check);
  check();
  text.setSelectionRange(0, 0);
  text.scrollTop = 0;
}

const warning = (text) => element("p", "note warn", `${MARKS.warn} ${text}`);

export const letters = { make, need };

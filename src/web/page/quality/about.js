// What a chart is worth: what the process can do beside what it should, where the limits come from, what must be minded.
import { forWhom, reserve } from "../session.js";
import { button, element, inWords, language, refusal, say } from "../shell.js";
import { freeze, relearn, takeBack } from "./changes.js";
import { DECIDERS, number, term } from "./small.js";

const INDICES = [["cpk", "Cpk"], ["ppk", "Ppk"], ["cp", "Cp"], ["pp", "Pp"], ["cpm", "Cpm"]];
const PERCENT_TO_MILLION = 10000;

export function about(view, histogram, chart) {
  return [capability(view), limits(view, chart), spread(histogram, chart), notes(view, chart)].filter(Boolean);
}

const section = (word, ...content) => element("section", "card", element("h2", "", say(word)), ...content);

function capability({ capability: told, spec, unit }) {
  const shown = told ? INDICES.filter(([key]) => typeof told[key] === "number") : [];
  if (shown.length === 0) return section("capability", element("p", "quiet", say("noCapability")));
  const figures = shown.map(([key, name]) => {
    const [low, high] = told.ci95[key] ?? [];
    return element("div", key.endsWith("pk") ? "is-main" : "", element("dt", "", name),
      element("dd", "", told[key].toFixed(2), element("small", "", `${low?.toFixed(2)} … ${high?.toFixed(2)}`)));
  });
  const outside = (told.expected_below_percent ?? 0) + (told.expected_above_percent ?? 0);
  const ofMillion = outside * PERCENT_TO_MILLION;
  figures.push(term("expected", ofMillion < 0.1 ? "< 0.1" : number(ofMillion, 3), element("small", "", say("ofMillion"))));
  const between = [spec.lower, spec.upper].map((limit) => number(limit)).join(" … ");
  return section("capability", element("dl", "worth indices", ...figures),
    element("p", "quiet", [say("ci"), `${say("specification")} ${between} ${unit ?? ""}`, typeof spec.target === "number" ? say("target", number(spec.target)) : null].filter(Boolean).join(" · ")),
    ...told.flags.map((flag) => element("p", "note", `▲ ${flagged(flag)}`)));
}

// Why the figures must be taken with care.
function flagged(flag) {
  const few = /^(\d+) subgroups are fewer than (\d+)/.exec(flag);
  return few ? say("few", few[1], few[2]) : flag.startsWith("phase I is out of control") ? say("unstable") : flag;
}

function limits(view, { clock, path, changed }) {
  const { limits: known, phase, name, learnt_from: learntFrom } = view;
  const told = element("div");
  const actions = reserve(DECIDERS, element("fieldset", "actions"));
  if (phase.name === "learning") actions.append(button(say("freeze"), () => freeze(path, name, changed)));
  if (known && !known.is_given) actions.append(button(say("relearn"), () => relearn(path, name, changed)));
  const rows = [];
  if (known) {
    rows.push(element("dl", "worth", term("center", number(known.center)),
      ...(typeof known.ucl === "number" ? [term("upper", number(known.ucl)), term("lower", number(known.lcl))] : [])),
    element("p", "", [say("version", known.version), known.is_given ? say("given") : say("learntFrom", learntFrom ?? "?"), say("frozenAt", clock(known.frozen_at))].join(" · ")));
  } else rows.push(element("p", "", say("learning", phase.learnt, phase.wanted)));
  if (phase.trouble) rows.push(element("p", "note", `▲ ${say("trouble", inWords(phase, "trouble"))}`));
  const { arl0, rules } = view;
  rows.push(element("p", "quiet", [say("rules", rules), arl0 ? say(arl0.basis === "at_least" ? "arlAtLeast" : "arl", Math.round(arl0.points)) : null].filter(Boolean).join(" · ")));
  if (view.excluded.length > 0) {
    rows.push(element("h3", "", say("leftOut")), element("ul", "left-out", ...view.excluded.map(({ point, reason, user }) => {
      const back = reserve(DECIDERS, button(say("takeBack"), async () => {
        back.disabled = true;
        try {
          await takeBack(path, point);
          changed();
        } catch (problem) {
          told.replaceChildren(refusal(problem));
          back.disabled = false;
        }
      }));
      return element("li", "", element("span", "", `${say("ofPhase1", point)} · ${reason} · ${say("byWhom", user)}`), back);
    })));
  }
  const isChangeable = actions.childElementCount + view.excluded.length > 0;
  return section("limits", ...rows, told, actions, isChangeable ? forWhom(DECIDERS) : null);
}

function spread(histogram, { isMeasured }) {
  const none = () => element("p", "quiet", say(isMeasured ? "histogramLater" : "noHistogram"));
  const made = section("histogram", histogram ? Object.assign(element("figure", "histogram", histogram), { tabIndex: 0 }) : none());
  made.classList.add("spread");
  return made;
}

function notes(view, { clock }) {
  const minded = view.notes.map((words) => element("li", "", `▲ ${words[language]}`));
  const said = [...view.annotations].sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .map(({ at, text, by }) => element("li", "", element("span", "figures quiet", clock(at)), ` ${text} `, element("small", "", say("byWhom", by))));
  if (minded.length + said.length === 0) return null;
  return section("notes", element("ul", "said", ...minded, ...said));
}

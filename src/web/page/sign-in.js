// Signing in: a person by name and password, the screen of a station by its token. Afterwards one is where one came from.

import { drawWho, roleName, whoami } from "./session.js";
import { call, inWords, put, say, startPage, worded } from "./shell.js";

const WORDS = {
  en: {
    title: "Sign in", person: "Sign in", name: "Name", password: "Password", signIn: "Sign in",
    device: "This screen stands at a station", deviceHow: "The token was shown when the screen was added. The screen then stays signed in.",
    token: "Token of the screen", setUp: "Set up this screen",
    ended: "You are signed out: the time is over, someone signed you out, or your account was changed.",
    nobody: "Nobody has an account yet.", now: "Signed in as {0}, {1}.",
    wrong: "Nobody has this name and this password.", wrongToken: "No screen has this token.",
    often: "Too many wrong attempts from here. Wait a little, then try again.", away: "The gateway does not answer. Try again.", refused: "Not signed in: {0}",
  },
  zh: {
    title: "登录", person: "登录", name: "姓名", password: "密码", signIn: "登录",
    device: "这是工位上的屏幕", deviceHow: "令牌在添加该屏幕时显示过一次。设置后屏幕保持登录。",
    token: "屏幕令牌", setUp: "设置本屏幕",
    ended: "已退出登录：会话到期、已被退出，或账户有变动。",
    nobody: "还没有任何账户。", now: "已登录：{0}（{1}）。",
    wrong: "姓名或密码不正确。", wrongToken: "没有使用此令牌的屏幕。",
    often: "错误次数过多，请稍候再试。", away: "网关无应答，请重试。", refused: "未能登录：{0}",
  },
};

const byId = (id) => document.getElementById(id);
// What stands below each form, said in the language of now.
const refusals = { person: null, screen: null };
let who = null;

// Where one came from, if that is a page of ours.
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const at = new URL(wanted, location.origin);
  return at.origin === location.origin && at.pathname !== "/sign-in" ? at.pathname + at.search + at.hash : "/";
}

function draw() {
  document.title = say("title");
  for (const [form, told] of Object.entries(refusals)) {
    const place = byId(`${form}-refused`);
    place.hidden = !told;
    put(place, told ? told() : "");
  }
  if (!who) return;
  byId("now").hidden = !who.name;
  put(byId("now"), who.name ? say("now", who.name, roleName(who.role)) : "");
  byId("nobody").hidden = !who.how_to_begin;
  put(byId("begin"), inWords(who, "how_to_begin"));
}

function why(problem, wrong) {
  if (problem?.status === 401) return () => say(wrong);
  if (problem?.status === 429) return () => say("often");
  return problem?.detail ? () => say("refused", worded(problem)) : () => say("away");
}

function start(form, wrong, shown, leave) {
  const button = byId(form).querySelector("button");
  byId(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    refusals[form] = null;
    try {
      leave(await call("POST", "session", shown()));
    } catch (problem) {
      refusals[form] = why(problem, wrong);
      button.disabled = false;
      const secret = byId(form).querySelector("[type=password]");
      secret.value = "";
      secret.focus();
    }
    draw();
  });
}

startPage(WORDS, draw);
byId("ended").hidden = !new URLSearchParams(location.search).has("ended");
start("person", "wrong", () => ({ name: byId("name").value.trim(), password: byId("password").value }), () => location.replace(next()));
start("screen", "wrongToken", () => ({ token: byId("token").value.trim() }), ({ station }) => location.replace(station ? `/station/${encodeURIComponent(station)}` : "/?tv"));
// A screen that has no keyboard is opened with its token, once.
const shownToken = new URLSearchParams(location.hash.slice(1)).get("token");
if (shownToken) {
  history.replaceState(null, "", location.pathname + location.search);
  byId("token").value = shownToken;
  byId("screen").requestSubmit();
}
whoami().then((told) => {
  who = told;
  drawWho();
  draw();
  byId("name").focus();
}, () => {});

// Who is signed in: shown in the head of every page, with the way out. Where nothing may be read without signing in, whoever
// has not is sent to the sign-in page.

import { LOST } from "./live.js";
import { button, call, element, language, say } from "./shell.js";

const WORDS = {
  en: { operator: "operator", quality: "quality", supervisor: "supervisor", admin: "admin", station: "station", display: "display" },
  zh: { operator: "操作工", quality: "质检", supervisor: "班组长", admin: "管理员", station: "工位", display: "看板" },
};

// Told to the window when someone signs out.
export const LEFT = "lineside-left";
// What a page leaves in its tab for whoever is signed in.
export const LEFT_IN_TAB = "lineside-trends";

let who = null;
// Whoever was signed in, and did not sign out, is told that this has ended.
let wasIn = false;

// {name, role, station, reads, how_to_begin}; no name: nobody has signed in.
export async function whoami() {
  who = await call("GET", "session");
  wasIn ||= Boolean(who.name);
  return who;
}

// The name of whoever is signed in, null if nobody is; undefined before that is known.
export const signedIn = () => (who ? who.name ?? null : undefined);

export const roleName = (role) => WORDS[document.documentElement.lang]?.[role] ?? role;

// Whether whoever is signed in has one of these roles; before that is known nobody is held up, for the gateway asks too.
export const mayAs = (roles) => !who || roles.includes(who.role);

// What is for some roles alone rests while nobody of these is signed in.
export function reserve(roles, control) {
  control.dataset.roles = roles.join(" ");
  showRight(control);
  return control;
}

// For whom it is, beside what rests.
export function forWhom(roles) {
  const way = link();
  way.className = "";
  return reserve(roles, element("p", "quiet for-whom", say("forWhom", roles.map(roleName).join(language === "zh" ? "、" : ", ")), " ", way));
}

function showRight(place) {
  const may = mayAs(place.dataset.roles.split(" "));
  if ("disabled" in place) place.disabled = !may;
  else place.hidden = may;
}

// The way to the sign-in page, and back to here.
export function signInAt() {
  const back = encodeURIComponent(location.pathname + location.search + location.hash);
  return `/sign-in?${wasIn ? "ended&" : ""}next=${back}`;
}

// Asks who one is, and shows it.
export async function showWho() {
  // A device that brings its token in the address signs in first.
  if (location.hash.startsWith("#token=")) return;
  try {
    await whoami();
  } catch {
    return;
  }
  if (!who.name && who.reads === "signed-in" && location.pathname !== "/sign-in") {
    const at = signInAt();
    forget();
    location.replace(at);
    return;
  }
  drawWho();
}

// In the language of now.
export function drawWho() {
  for (const place of document.querySelectorAll("[data-roles]")) showRight(place);
  const place = document.getElementById("who");
  if (!place || !who) return;
  const isSignIn = location.pathname === "/sign-in";
  if (!who.name) {
    // Without accounts there is nothing to sign in to.
    place.replaceChildren(...(who.how_to_begin || isSignIn ? [] : [link()]));
    return;
  }
  const role = roleName(who.role);
  const name = element("span", "name", who.name === role ? role : `${who.name} · ${role}`);
  // A station's or a wall's screen stays what it is; nobody sends it away by a touch.
  const stays = (who.role === "station" || who.role === "display") && !isSignIn;
  place.replaceChildren(name, ...(stays ? [] : [button(say("signOut"), signOut)]));
}

function link() {
  const made = element("a", "button", say("signIn"));
  made.href = signInAt();
  return made;
}

async function signOut() {
  wasIn = false;
  try {
    await call("DELETE", "session");
  } finally {
    forget();
    location.reload();
  }
}

// What this page holds, and what others have left in the tab, was for whoever has left.
function forget() {
  try { sessionStorage.removeItem(LEFT_IN_TAB); } catch { /* Then nothing was left. */ }
  dispatchEvent(new Event(LEFT));
}

// Live values stop when a session ends, and the browser does not tell why.
addEventListener(LOST, showWho);

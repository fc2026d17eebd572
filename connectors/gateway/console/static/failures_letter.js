// One dead letter: its tabs, its actions, its neighbours by key, and what others do to it meanwhile.
import { Refusal, call, letterPath } from "./failures_api.js";
import { openAct } from "./failures_act.js";
import { openEditor } from "./failures_editor.js";
import { listenToKeys } from "./failures_keys.js";
import { refresh, say } from "./live.js";

const byId = (id) => document.getElementById(id);
const letter = byId("letter");
const { id } = letter.dataset;
const version = () => Number(byId("state").dataset.version);
const mayAct = (action) => document.querySelector(`#state [data-act="${action}"]:not(:disabled)`) !== null;
let editor = null;
let isOpening = false;

const again = () => refresh(byId("state"));

async function edit() {
  if (editor || isOpening || !mayAct("edit_retry")) { byId("editor").querySelector("input, textarea, select")?.focus(); return; }
  isOpening = true;
  let told;
  try { told = await call(letterPath(id)); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(error.message, "bad");
    return;
  } finally { isOpening = false; }
  editor = openEditor(byId("editor"), told, { version, onDone: again, onClose: () => { editor = null; byId("do-edit")?.focus(); } });
}

function act(action) {
  if (!mayAct(action)) return;
  if (action === "edit_retry") edit();
  else openAct({ action, scope: { id, version: version() }, count: 1, about: document.querySelector(".verdict h1").textContent, onDone: again });
}

// -- tabs, as the pattern of the W3C asks: arrows move, one of them is in the order of tabs

const tabs = [...document.querySelectorAll(".message [role=tab]")];
function show(tab) {
  for (const each of tabs) {
    const isShown = each === tab;
    each.setAttribute("aria-selected", String(isShown));
    each.tabIndex = isShown ? 0 : -1;
    byId(each.getAttribute("aria-controls")).hidden = !isShown;
  }
}
for (const tab of tabs) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
    show(next);
    next.focus();
  });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("#state [data-act]");
  if (button) act(button.dataset.act);
});

// What somebody else did while one was editing is said at the editor, not only above it.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "state" && event.detail.elt?.id !== "state") return;
  refresh(byId("attempts"));
  editor?.othersActed();
});

listenToKeys({
  r: () => act("retry"), e: () => edit(),
  j: () => byId("earlier")?.click(), k: () => byId("later")?.click(),
  Escape: () => editor?.close(),
});
// A long message is scrolled to the fault within its frame; the page stays at the reason.
const frame = byId("readable");
const fault = byId("fault");
if (fault) frame.scrollTop = fault.getBoundingClientRect().top - frame.getBoundingClientRect().top - frame.clientHeight / 2;
if (location.hash === "#edit" && mayAct("edit_retry")) edit();

// What every page has: the live stream, parts of the page that follow it, ages that stay current, what was said, signing out.
//
// An element with data-live="work_order:WO-1 machine:*" and hx-get, hx-trigger="live" is fetched again when such a thing changes.
// Rows follow their events by some 100 ms, so it is fetched a little later, and once more a second after the last change.
import { follow } from "./api.js";
import { since } from "./dom.js";

const SOON_MS = 180;
const SETTLED_MS = 1_200;
const FULL_REFRESH_MS = 30_000;
const KINDS = { work_order: "work_order_id", machine: "machine_id", material: "material_id", operator: "operator_id" };
const pending = new Map();

/** The things that a change is about, as `kind:id`. */
function subjects({ type, id, payload }) {
  if (type === "integration.failed" || type.startsWith("repair.")) return [`failure:${payload?.failure_key ?? id}`];
  if (type === "alert.raised") return [`alert:${id}`];
  const named = Object.entries(KINDS).filter(([, field]) => payload?.[field]).map(([kind, field]) => `${kind}:${payload[field]}`);
  return named.length ? named : [`${type.split(".")[0]}:${id}`];
}

function fetchAgain(element) {
  if (element.isConnected && !element.contains(document.activeElement?.closest("input, textarea, select"))) htmx.trigger(element, "live");
}

function touch(element) {
  if (!pending.has(element)) pending.set(element, { soon: setTimeout(() => { pending.get(element).soon = null; fetchAgain(element); }, SOON_MS) });
  const timers = pending.get(element);
  timers.soon ??= setTimeout(() => { timers.soon = null; fetchAgain(element); }, SOON_MS * 3);
  clearTimeout(timers.settled);
  timers.settled = setTimeout(() => { pending.delete(element); fetchAgain(element); }, SETTLED_MS);
}

function onChanges(changes) {
  const changed = new Set(changes.flatMap(subjects));
  const kinds = new Set([...changed].map((subject) => subject.split(":")[0]));
  for (const element of document.querySelectorAll("[data-live]")) {
    const wants = element.dataset.live.split(" ");
    if (wants.some((want) => (want.endsWith(":*") ? kinds.has(want.slice(0, -2)) : changed.has(want)))) touch(element);
  }
  document.dispatchEvent(new CustomEvent("plant:changes", { detail: changes }));
}

function onState(state) {
  const link = document.getElementById("link");
  const lost = document.getElementById("lost");
  link.dataset.state = state;
  link.textContent = state === "live" ? "live" : "connection lost";
  document.body.classList.toggle("is-lost", state !== "live");
  if (state === "live") {
    if (!lost.hidden) document.querySelectorAll("[data-live]").forEach(fetchAgain);
    lost.hidden = true;
  } else if (lost.hidden) {
    document.getElementById("lost-at").textContent = new Date().toLocaleTimeString("en-GB", { timeZone: document.documentElement.dataset.zone || undefined });
    lost.hidden = false;
  }
  document.dispatchEvent(new CustomEvent("plant:state", { detail: state }));
}

/** Tell whoever looks, and whoever listens, what came of something. tone: good or bad. */
export function say(words, tone = "good") {
  const place = document.getElementById("said");
  const line = document.createElement("p");
  line.textContent = words;
  line.dataset.tone = tone;
  place.replaceChildren(line);
  setTimeout(() => line.remove(), tone === "bad" ? 15_000 : 6_000);
}

export const refresh = (element) => htmx.trigger(element, "live");

// What is searched for is asked as it is typed. Leaving the field says nothing new, and must not draw a list anew in which somebody
// is just clicking at something.
document.addEventListener("change", (event) => { if (event.target.matches?.("input[type=search]")) event.stopPropagation(); }, true);

if (document.getElementById("link")) {
  document.getElementById("sign-out")?.addEventListener("click", async () => { await fetch("/logout", { method: "POST" }); location.assign("/login"); });
  follow({ onState, onChanges, onPulse: (pulse) => document.dispatchEvent(new CustomEvent("plant:pulse", { detail: pulse })) });
  setInterval(() => document.querySelectorAll("time[data-since]").forEach((time) => { time.textContent = since(time.dateTime); }), 5_000);
  setInterval(() => document.querySelectorAll("[data-live]").forEach(fetchAgain), FULL_REFRESH_MS);
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.assign("/login");
    else say("This part of the page could not be fetched.", "bad");
  });
}

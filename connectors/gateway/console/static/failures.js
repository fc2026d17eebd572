// The workbench's list: what is selected, what is new, and the keys. Selection and scroll stay when the plant moves on.
import { figure } from "./dom.js";
import { Refusal, call } from "./failures_api.js";
import { openAct } from "./failures_act.js";
import { keepTrend, drawTrend } from "./failures_chart.js";
import { listenToKeys } from "./failures_keys.js";
import { refresh, say } from "./live.js";

const NEWS_MS = 250;
const FIGURES_MS = 1_500;
const LOOK_AGAIN_MS = 5_000;
const MOST_ROWS_AT_ONCE = 150;
const AHEAD = "1500px";
const chosen = new Map();
const byId = (id) => document.getElementById(id);
const list = () => byId("list");
const isRows = () => list()?.dataset.view === "rows";
const rowOf = (key) => document.querySelector(`#rows tr[data-key="${CSS.escape(key)}"]`);

// -- what is selected

let lastPicked = null;
function pick(row, isPicked, isRange = false) {
  const rows = [...document.querySelectorAll("#rows tr[data-key]")];
  const from = isRange && lastPicked ? rows.indexOf(rowOf(lastPicked)) : -1;
  const to = rows.indexOf(row);
  for (const each of from < 0 ? [row] : rows.slice(Math.min(from, to), Math.max(from, to) + 1)) {
    if (isPicked) chosen.set(each.dataset.key, each.dataset.id); else chosen.delete(each.dataset.key);
    each.querySelector("input").checked = isPicked;
    each.classList.toggle("picked", isPicked);
  }
  lastPicked = row.dataset.key;
  drawSelection();
}

let isAllMatching = false;
function drawSelection() {
  const bar = byId("selection");
  if (!bar) return;
  const matching = Number(list().dataset.matching);
  const shown = document.querySelectorAll("#rows tr[data-key]").length;
  isAllMatching &&= chosen.size >= shown;
  const count = isAllMatching ? matching : chosen.size;
  bar.hidden = count === 0;
  byId("selected").textContent = figure(count);
  const more = byId("select-matching");
  more.hidden = isAllMatching || chosen.size < shown || matching <= chosen.size || wanted().filters.status !== "pending_manual_review";
  more.textContent = `Select all ${figure(matching)} that match`;
  byId("all").checked = shown > 0 && chosen.size >= shown;
  byId("all").indeterminate = chosen.size > 0 && chosen.size < shown;
}

function pickNone() {
  chosen.clear();
  isAllMatching = false;
  lastPicked = null;
  for (const box of document.querySelectorAll("#rows tr.picked")) { box.classList.remove("picked"); box.querySelector("input").checked = false; }
  drawSelection();
}

/** What a fetched row must look like: as selected as the one it stands for. */
function dress(row) {
  if (!chosen.has(row.dataset.key)) return;
  row.classList.add("picked");
  row.querySelector("input").checked = true;
}

// -- what is done

function wanted() {
  return JSON.parse(list().dataset.wanted);
}

function settled() {
  for (const part of document.querySelectorAll("#causes, #group, #summary")) refresh(part);
  drawTrend();
  if (isRows()) { freshen([...document.querySelectorAll("#rows tr[data-key]")].map((row) => row.dataset.key).slice(0, MOST_ROWS_AT_ONCE)); lookForNews(); }
}

function actOn(action, row) {
  if (chosen.size && !row?.dataset.cause) {
    const scope = isAllMatching ? wanted() : { failure_ids: [...chosen.values()] };
    openAct({ action, scope, count: isAllMatching ? Number(list().dataset.matching) : chosen.size, onDone: () => { pickNone(); settled(); } });
  } else if (row?.dataset.cause) {
    openAct({ action, scope: { ...wanted(), cause_key: row.dataset.cause }, count: Number(row.dataset.count), about: row.dataset.words, onDone: settled });
  } else if (row?.dataset.key && action === "edit_retry") {
    location.assign(`/failures/${encodeURIComponent(row.dataset.id)}#edit`);
  } else if (row?.dataset.key) {
    openAct({ action, scope: { failure_ids: [row.dataset.id] }, count: 1, about: row.querySelector("a.open").textContent, onDone: settled });
  } else say("Select letters with x, or stand on one with j and k.");
}

// -- what is new

let held = [];
let newsTimer = null;

async function fetchRows(address) {
  const answer = await fetch(address, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return [];
  const body = new DOMParser().parseFromString(`<table><tbody>${await answer.text()}</tbody></table>`, "text/html");
  return [...body.querySelectorAll("tr[data-key]")].map((row) => document.adoptNode(row));
}

/** Rows that are not on the page yet: put on top where nobody would lose their place, else behind the button. */
async function lookForNews() {
  const found = await fetchRows(list().dataset.address);
  const known = new Set([...document.querySelectorAll("#rows tr[data-key]")].map((row) => row.dataset.key));
  const isEmpty = known.size === 0;
  held = [];
  for (const row of found) { if (known.has(row.dataset.key)) break; held.push(row); }
  const rows = byId("rows");
  const isCalm = scrollY < 40 && !chosen.size && !rows.matches(":hover") && !rows.contains(document.activeElement) && !document.querySelector("dialog[open]");
  if (held.length && (isCalm || isEmpty)) showNews(); else drawNews();
}

function drawNews() {
  const news = byId("news");
  news.hidden = !held.length;
  news.textContent = `${held.length >= 100 ? "100 or more" : held.length} new`;
}

function showNews() {
  if (held.length >= 100) { location.reload(); return; }
  for (const row of held) { dress(row); row.classList.add("fresh"); row.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true }); }
  byId("rows").prepend(...held);
  htmx.process(byId("rows"));
  list().querySelector(".nothing")?.remove();
  held = [];
  drawNews();
  drawSelection();
}

/** The rows of these letters as they are now; what is selected, focused and where one stands stays. */
async function freshen(keys) {
  if (!keys.length) return;
  const query = new URLSearchParams(keys.map((key) => ["key", key]));
  for (const row of await fetchRows(`${list().dataset.address}&${query}`)) {
    const old = rowOf(row.dataset.key);
    if (!old) continue;
    dress(row);
    if (old.dataset.status === row.dataset.status) { old.querySelector(".state").replaceWith(row.querySelector(".state")); continue; }
    old.dataset.status = row.dataset.status;
    old.querySelector(".state").replaceWith(row.querySelector(".state"));
    old.querySelector(".why-cell .open").replaceChildren(...row.querySelector(".why-cell .open").childNodes);
    old.classList.add("turned");
    old.addEventListener("animationend", () => old.classList.remove("turned"), { once: true });
  }
}

const waitingKeys = new Set();
document.addEventListener("plant:changes", ({ detail }) => {
  const failed = detail.filter((change) => change.type === "integration.failed" || change.type.startsWith("repair."));
  if (!failed.length) return;
  if (isRows()) for (const change of failed) { const key = change.payload?.failure_key ?? change.id; if (rowOf(key)) waitingKeys.add(key); }
  newsTimer ??= setTimeout(() => {
    newsTimer = null;
    if (isRows()) { freshen([...waitingKeys].slice(0, MOST_ROWS_AT_ONCE)); waitingKeys.clear(); lookForNews(); }
  }, NEWS_MS);
  figuresTimer ??= setTimeout(drawFigures, FIGURES_MS);
});

// The figures at the top cost more than a row: a flood of failures has them looked up every other second, not for each.
let figuresTimer = null;
function drawFigures() {
  figuresTimer = null;
  if (!byId("summary")) return;
  refresh(byId("summary"));
  drawTrend();
}

// -- lines that stand still

async function resume(button) {
  const line = button.dataset.resume;
  button.disabled = true;
  try { await call(`lines/${encodeURIComponent(line)}/resume`, {}); say(`${line} goes on.`); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(error.message, "bad");
  }
  refresh(byId("stopped"));
}

// -- listening

document.addEventListener("click", (event) => {
  const box = event.target.closest("#rows input[type=checkbox]");
  if (box) { pick(box.closest("tr"), box.checked, event.shiftKey); return; }
  const act = event.target.closest("[data-act]");
  if (act) { act.closest("details")?.removeAttribute("open"); actOn(act.dataset.act, act.closest("[data-cause]")); return; }
  const row = event.target.closest("#rows tr[data-key], li.cause-row");
  if (row && !event.target.closest("a, button, input, details, .do, .pick") && !getSelection().toString()) row.querySelector("a.open").click();
  if (!event.target.closest("details.menu")) for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  const id = event.target.closest("button")?.id;
  if (id === "news") { scrollTo({ top: 0 }); showNews(); }
  else if (event.target.closest("[data-resume]")) resume(event.target.closest("[data-resume]"));
  else if (id === "select-none") pickNone();
  else if (id === "select-matching") { isAllMatching = true; drawSelection(); }
});
document.addEventListener("change", (event) => {
  if (event.target.id !== "all") return;
  const isPicked = event.target.checked;
  lastPicked = null;
  if (!isPicked) pickNone();
  else for (const row of document.querySelectorAll("#rows tr[data-key]")) pick(row, true);
});

// The next page is fetched before its place comes into view, so that scrolling does not stop for it.
const ahead = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting) { ahead.unobserve(target); target.dataset.hxRevealed = "true"; htmx.trigger(target, "revealed"); }
}, { rootMargin: AHEAD });
const watchEnd = () => document.querySelectorAll(".more-rows").forEach((row) => ahead.observe(row));

// Counts that grew since the last look are shown to have.
let counts = new Map();
document.addEventListener("htmx:beforeSwap", () => { counts = new Map([...document.querySelectorAll("#causes [data-cause]")].map((row) => [row.dataset.cause, row.dataset.count])); });
document.addEventListener("htmx:afterSettle", (event) => {
  watchEnd();
  if (chosen.size) document.querySelectorAll("#rows tr[data-key]:not(.picked)").forEach(dress);
  for (const row of document.querySelectorAll("#causes [data-cause]")) if (counts.size && counts.get(row.dataset.cause) !== row.dataset.count) row.classList.add("fresh");
  const causes = byId("causes");
  if (causes && event.target.id === "causes") { byId("causes-count").textContent = figure(causes.querySelectorAll(".cause-row").length); byId("matching-count").textContent = figure(Number(causes.dataset.matching)); }
  if (event.target.id === "list") pickNone();
});
let wasLost = false;
document.addEventListener("plant:state", ({ detail }) => {
  if (detail === "live" && wasLost) { drawFigures(); if (isRows()) lookForNews(); }
  wasLost = detail !== "live";
});

const act = (name) => (row) => { if (byId("act")) actOn(name, row); };
listenToKeys({
  x: (row, event) => { if (row?.dataset.key && row.querySelector("input")) pick(row, !chosen.has(row.dataset.key), event.shiftKey); },
  r: act("retry"),
  e: act("edit_retry"),
  n: () => { if (held.length) { scrollTo({ top: 0 }); showNews(); } },
  Escape: () => pickNone(),
});
// Not everything that others do is an event of the plant: what is in sight is looked at again now and then.
setInterval(() => {
  if (!isRows() || document.hidden) return;
  freshen([...document.querySelectorAll("#rows tr[data-key]")].filter((row) => row.getBoundingClientRect().bottom > 0 && row.getBoundingClientRect().top < innerHeight).map((row) => row.dataset.key).slice(0, MOST_ROWS_AT_ONCE));
}, LOOK_AGAIN_MS);
watchEnd();
if (byId("trend")) keepTrend();

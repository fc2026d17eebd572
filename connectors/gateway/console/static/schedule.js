// The schedule's page: fetches schedules and proposals, follows what the planner says, and keeps chart, panel and tables agreed.
import { ask } from "./api.js";
import { figure, make } from "./dom.js";
import { makeGantt } from "./gantt.js";
import { atMoment } from "./gantt_scale.js";
import { sentence, span } from "./gantt_words.js";
import { say } from "./live.js";
import { hearScenarios, showCenters } from "./schedule_scenario.js";
import { showCompared } from "./schedule_compare.js";
import { goToDetails, showDetails } from "./schedule_details.js";
import { showProposals } from "./schedule_proposals.js";
import { showTable } from "./schedule_table.js";

const SOON_MS = 300;
const SETTLED_MS = 1_500;
const AGAIN_MS = 30_000;
const PROGRESS_MS = 5_000;
const SHARE_OF_TIME = 20;
const OF_PLANS = /^(plan|schedule|proposal|production_order|production_run|mrp)[._]/;
const OF_RUNS = /^work_order\./;
const UNDER_WAY = new Set(["queued", "running"]);
const byId = (id) => document.getElementById(id);
const mayPlan = byId("proposals").dataset.may === "plan";
const asked = () => new URLSearchParams(location.search).get("schedule") ?? "";
let heads = [];
let proposals = [];

const gantt = makeGantt(byId("gantt"), byId("tip"), mayPlan, { chosen, opened: goToDetails, verdict, moved, shown: pressed });

// -- what is chosen and what is moved

function chosen(operation, isKept = false) {
  const words = operation ? sentence(operation) : "No operation is selected.";
  if (byId("gantt-told").textContent !== words) byId("gantt-told").textContent = words;
  if (!isKept && !gantt.isMoving) byId("verdict").hidden = true;
  showDetails(operation, gantt.chart, { choose: gantt.choose, move: mayPlan ? gantt.take : null });
}

function verdict(move, ended = null) {
  const place = byId("verdict");
  const told = ended ?? move?.verdict;
  place.hidden = !move && !ended;
  place.dataset.tone = told ? { allowed: "good", refused: "bad" }[told.kind] : "";
  const head = move ? `${move.operation.told.order_number} ${move.operation.told.operation} to ${move.row.code}, ${atMoment(move.start)}` : null;
  place.replaceChildren(...[
    head ? make("b", {}, head) : null,
    move && !told ? make("p", {}, "Asking the planner…") : null,
    told ? make("ul", {}, ...told.words.map((words) => make("li", {}, words))) : null,
  ].filter(Boolean));
}

/** A move made a version; whoever looks at an older one by its address goes along. */
function moved(schedule) {
  if (asked()) address(schedule);
  load().catch(complain);
}

function pressed(name, isShown) {
  document.querySelector(`[data-show="${name}"]`).setAttribute("aria-pressed", String(isShown));
}

for (const button of document.querySelectorAll("[data-show]")) button.addEventListener("click", () => gantt.toggle(button.dataset.show));
const GO = { in: () => gantt.zoom(1.5), out: () => gantt.zoom(1 / 1.5), fit: () => gantt.fit(), now: () => gantt.goNow() };
for (const button of document.querySelectorAll("[data-go]")) button.addEventListener("click", GO[button.dataset.go]);

// -- which schedule

function address(schedule) {
  const url = new URL(location.href);
  if (schedule) url.searchParams.set("schedule", schedule);
  else url.searchParams.delete("schedule");
  history.pushState(null, "", url);
}

function showOther(schedule) {
  address(schedule);
  load().catch(complain);
  byId("gantt").focus();
}

byId("chosen").addEventListener("change", ({ target }) => showOther(target.value));
addEventListener("popstate", () => load().catch(complain));

function listChosen() {
  const option = (each) => make("option", { value: each.schedule_id }, `${each.scenario} · ${each.status} · ${atMoment(Date.parse(each.created_at))}`);
  byId("chosen").replaceChildren(make("option", { value: "" }, "the one in force"), ...heads.map(option));
  byId("chosen").value = asked();
}

// -- fetching

async function current() {
  try {
    return await ask(`schedules/${asked() ? encodeURIComponent(asked()) : "current"}`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

let latest = 0;
let tookMs = 0;
let shownText = "";
async function load() {
  const mine = (latest += 1);
  const began = performance.now();
  const [view, list, open] = await Promise.all([current(), ask("schedules"), ask("proposals?status=open")]);
  if (mine !== latest) return;
  [heads, proposals] = [list.schedules.filter((each) => each.objective), open.proposals];
  listChosen();
  byId("none").hidden = view !== null;
  byId("plan").hidden = view === null;
  byId("figures").hidden = !view?.objective;
  if (view && !isShown(view)) show(view);
  showCompared(heads, gantt.chart?.view.schedule_id, { mayPlan, onShow: showOther, onChange: () => load().catch(complain) });
  tookMs = performance.now() - began;
  if (heads.some((each) => UNDER_WAY.has(each.status))) loadLater();
  showProposals(proposals, { chart: gantt.chart, onPreview: gantt.preview, onDecided: () => load().catch(complain) });
}

/** A schedule that is shown already is not drawn anew; nor is one under somebody's hand. */
function isShown(view) {
  const shown = gantt.chart?.view;
  if (gantt.isMoving && shown?.schedule_id === view.schedule_id) return true;
  return shown !== undefined && shownText === JSON.stringify(view);
}

function show(view) {
  const other = gantt.chart && gantt.chart.view.schedule_id !== view.schedule_id;
  const arrived = gantt.show(view);
  shownText = JSON.stringify(view);
  const status = UNDER_WAY.has(view.status) ? `${view.status} (${figure(Math.round(view.progress_percentage))} %)` : view.status;
  byId("which").textContent = `${view.scenario}, ${status}${view.failure ? ` (${view.failure})` : ""}, made ${atMoment(Date.parse(view.created_at))} by ${view.created_by}`;
  byId("gantt-count").textContent = `${figure(view.operations.length)} at ${figure(view.work_centers.length)} work centres`;
  byId("families").replaceChildren(...[...gantt.chart.families].slice(0, 8).map(([name, hue]) => make("span", { className: `family f${hue}` }, name)));
  showFigures(view);
  showTable(gantt.chart, (operation) => { gantt.choose(operation); byId("gantt").focus(); });
  showCenters(view.work_centers);
  if (other && !byId("said").childElementCount) say(arrived ? `Another schedule is shown: ${figure(arrived)} of its operations are elsewhere.` : "Another schedule is shown.");
}

function showFigures({ objective, operations }) {
  byId("figures").hidden = objective === null;
  if (!objective) return;
  const tile = (name, value, more = "", tone = "") => {
    const place = document.querySelector(`[data-figure="${name}"]`);
    place.dataset.tone = tone;
    place.children[1].textContent = value;
    place.children[2].textContent = more;
  };
  const changed = operations.filter((each) => each.changeover_minutes > 0).length;
  const orders = new Set(operations.map((each) => each.production_order_id)).size;
  tile("tardiness", span(objective.weighted_tardiness_minutes), "lateness times weight, all orders");
  tile("late", figure(objective.late_orders), `of ${figure(orders)} orders`, objective.late_orders ? "warn" : "good");
  tile("makespan", span(objective.makespan_minutes), "from the first start to the last end");
  tile("setup", span(objective.setup_minutes), `${figure(changed)} changeovers`);
  const isKnown = objective.gap !== null;
  tile("gap", isKnown ? `${figure(Math.round(objective.gap * 1000) / 10)} %` : "–", isKnown ? `at least ${span(objective.lower_bound)} cannot be avoided` : "no bound was computed");
}

// -- what changes

const complain = (error) => say(error.message, "bad");
const timers = {};
function loadSoon() {
  timers.soon ??= setTimeout(() => { timers.soon = null; load().catch(complain); }, SOON_MS);
  clearTimeout(timers.settled);
  timers.settled = setTimeout(() => load().catch(complain), SETTLED_MS);
}

/** What is made changes all the time; a large schedule is fetched for it the more seldom. */
function loadLater() {
  timers.later ??= setTimeout(() => { timers.later = null; load().catch(complain); }, Math.max(PROGRESS_MS, SHARE_OF_TIME * tookMs));
}

const isOnChart = (order) => gantt.chart?.view.operations.some((each) => each.work_order_id === order);

document.addEventListener("plant:changes", ({ detail }) => {
  for (const { type, id, payload } of detail) {
    if (OF_PLANS.test(type)) loadSoon();
    else if (OF_RUNS.test(type) && !timers.later && isOnChart(id)) loadLater();
    else if (type.startsWith("machine.") && payload?.status) gantt.status(payload.machine_id, payload.status);
  }
});
let wasLost = false;
document.addEventListener("plant:state", ({ detail }) => { if (detail === "live" && wasLost) load().catch(complain); wasLost = detail !== "live"; });
setInterval(() => { if (!document.hidden) load().catch(complain); }, AGAIN_MS);

hearScenarios(() => load().catch(complain));
load().catch(complain);
ask("machines").then(({ machines }) => machines.forEach((each) => gantt.status(each.machine_id, each.status))).catch(complain);

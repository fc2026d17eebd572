// The panel beside the chart: the operation that is chosen, why it is there, what it waits for, and the rest of its order.
import { facts, figure, make } from "./dom.js";
import { whyFixed } from "./gantt_model.js";
import { atMoment } from "./gantt_scale.js";
import { span, stateOf } from "./gantt_words.js";
import { promiseOf, sayPromise, toneOf } from "./schedule_promises.js";

const title = document.getElementById("details-title");
const place = document.getElementById("details-told");

const tag = (words, tone = "") => make("span", { className: "tag", data: { tone } }, words);

function tagsOf(operation) {
  const { told } = operation;
  return make("p", { className: "tags" },
    operation.isLate ? tag(`order ${span(told.late_minutes)} late`, "warn") : tag("in time", "good"),
    ["urgent", "high"].includes(told.priority) ? tag(`${told.priority} priority`, told.priority === "urgent" ? "bad" : "warn") : null,
    told.is_critical ? tag("critical chain", "bad") : null,
    told.is_frozen ? tag("frozen", "idle") : null,
    stateOf(operation) ? tag(stateOf(operation)) : null);
}

/** How it differs from where it was planned before. */
function shiftOf(operation, chart) {
  const { was, start, row } = operation;
  if (!was) return null;
  const minutes = Math.round((start - was.start) / 60_000);
  const moved = minutes ? `${span(Math.abs(minutes))} ${minutes > 0 ? "later" : "earlier"}` : "same start";
  return was.row === row.id ? moved : `${moved}, was at ${chart.rowById.get(was.row)?.code ?? "another work centre"}`;
}

function linksTo(operations, onChoose, chosen) {
  return make("ol", { className: "steps-of" }, ...operations.map((each) => make("li", {},
    make("button", { className: "step", "aria-current": each === chosen ? "true" : "false", onclick: () => onChoose(each) },
      make("b", {}, `${each.told.sequence_number} ${each.told.operation}`), make("span", {}, `${each.row.code} · ${atMoment(each.start)}`)))));
}

/** How likely its order is late: written as soon as it is known, if the operation is still shown then. */
function riskOf(operation, chart) {
  const line = make("p", { className: "risk-of" }, "");
  line.hidden = true;
  promiseOf(chart.view, operation).then(
    (promise) => tell(line, promise && sayPromise(promise), promise && toneOf(promise)),
    (error) => tell(line, error.message, ""),
  );
  return line;
}

function tell(line, words, tone) {
  line.hidden = !words;
  line.textContent = words ?? "";
  line.dataset.tone = tone ?? "";
}

/** Tell of an operation. `can` holds choose(operation) and, for who may plan, move(). */
export function showDetails(operation, chart, can) {
  if (!operation) {
    title.textContent = "Details";
    place.replaceChildren(make("p", { className: "empty" }, "Choose an operation on the chart: its order, times, reason and what it waits for are told here."));
    return;
  }
  const { told, row } = operation;
  const before = told.predecessors.map((run) => chart.byRun.get(run)).filter(Boolean);
  title.textContent = `${told.order_number} · ${told.operation}`;
  place.replaceChildren(...[
    tagsOf(operation),
    told.reason ? make("p", { className: "reason-of" }, told.reason) : null,
    riskOf(operation, chart),
    facts([
      ["Work centre", `${row.code} ${row.name}`],
      ["Start", atMoment(operation.start)],
      ["End", atMoment(operation.end)],
      ["Changeover", told.changeover_minutes > 0 ? `${span(told.changeover_minutes)} before, from ${atMoment(operation.begin)}` : "none"],
      ["Due", operation.due === null ? "–" : atMoment(operation.due)],
      ["Baseline", shiftOf(operation, chart)],
      ["Product", told.product_id],
      ["Family", told.family],
      ["Made", told.actual ? `${figure(told.actual.quantity_good)} of ${figure(told.actual.quantity_planned)} good` : null],
      ["Work order", told.work_order_id ? make("a", { className: "mono", href: `/orders/${encodeURIComponent(told.work_order_id)}` }, told.work_order_id) : null],
      ["Also possible at", told.alternatives.filter((id) => id !== row.id).map((id) => chart.rowById.get(id)?.code ?? id).join(", ")],
    ]),
    can.move ? make("p", { className: "do" }, whyFixed(operation) ? make("small", {}, whyFixed(operation)) : make("button", { className: "quiet", onclick: can.move }, "Move it")) : null,
    make("h3", {}, "Waits for"),
    before.length ? linksTo(before, can.choose) : make("p", { className: "soft" }, "No operation comes before it."),
    make("h3", {}, `Operations of ${told.order_number}`),
    linksTo(chart.byOrder.get(told.production_order_id), can.choose, operation),
  ].filter(Boolean));
}

/** Put the keyboard there. */
export const goToDetails = () => title.focus();

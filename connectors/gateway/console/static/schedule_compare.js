// Schedules side by side: a column for each, and in each line the best figure is marked by a word.
import { ask } from "./api.js";
import { figure, make } from "./dom.js";
import { atMoment } from "./gantt_scale.js";
import { span } from "./gantt_words.js";
import { say } from "./live.js";

const MOST = 6;
const UNDER_WAY = new Set(["queued", "running"]);
const STILL = new Set(["accepted", "proposed", ...UNDER_WAY]);
const TONES = { accepted: "good", proposed: "warn", queued: "idle", running: "idle", failed: "bad" };
const share = (value) => (value === null ? "–" : `${figure(Math.round(value * 1000) / 10)} %`);

const FIGURES = [
  ["Weighted tardiness", "weighted_tardiness_minutes", span],
  ["Late orders", "late_orders", figure],
  ["All is done after", "makespan_minutes", span],
  ["Changing over", "setup_minutes", span],
  ["Least possible tardiness", "lower_bound", span, true],
  ["From the best possible", "gap", share],
];

function figureRow(schedules, [name, member, said, isBare]) {
  const values = schedules.map((each) => each.objective?.[member] ?? null);
  const known = values.filter((value) => value !== null);
  const best = Math.min(...known);
  const isTelling = !isBare && known.length > 1 && Math.max(...known) !== best;
  return make("tr", {}, make("th", { scope: "row" }, name), ...values.map((value) => make("td", {}, said(value),
    isTelling && value === best ? make("span", { className: "tag", data: { tone: "good" } }, "best") : null)));
}

function statusOf(each) {
  const words = UNDER_WAY.has(each.status) ? `${each.status}, ${figure(Math.round(each.progress_percentage))} %` : each.status;
  return make("span", {}, make("span", { className: "tag", data: { tone: TONES[each.status] ?? "" } }, words),
    each.is_what_if ? make("span", { className: "tag" }, "what if") : null);
}

async function post(each, verb, words, onChange) {
  try {
    await ask(`schedules/${encodeURIComponent(each.schedule_id)}/${verb}`, { method: "POST" });
    say(words);
  } catch (error) {
    say(error.message, "bad");
  }
  onChange();
}

function buttonsOf(each, shown, { mayPlan, onShow, onChange }) {
  const button = (words, name, onclick) => make("button", { className: "quiet", "aria-label": name, onclick }, words);
  return make("span", { className: "choices" },
    each.schedule_id === shown ? "shown above" : button("Show", `Show ${each.scenario} on the chart`, () => onShow(each.schedule_id)),
    mayPlan && each.status === "proposed" && !each.is_what_if
      ? button("Accept", `Accept ${each.scenario}`, () => post(each, "accept", `${each.scenario} is in force.`, onChange)) : null,
    mayPlan && UNDER_WAY.has(each.status)
      ? button("Stop", `Stop ${each.scenario}`, () => post(each, "cancel", `${each.scenario} is being stopped.`, onChange)) : null);
}

/** `shown` is the one on the chart; `can` holds mayPlan, onShow(schedule_id) and onChange(). */
export function showCompared(all, shown, can) {
  const wanted = all.filter((each) => STILL.has(each.status) || each.schedule_id === shown);
  const schedules = wanted.sort((a, b) => (b.schedule_id === shown) - (a.schedule_id === shown)).slice(0, MOST);
  document.getElementById("compare").hidden = !schedules.length;
  const line = (name, cell) => make("tr", {}, make("th", { scope: "row" }, name), ...schedules.map((each) => make("td", {}, cell(each))));
  const table = make("table", { className: "compared" },
    make("thead", {}, make("tr", {}, make("td", {}), ...schedules.map((each) => make("th", { scope: "col" }, each.scenario)))),
    make("tbody", {},
      line("Status", statusOf),
      line("Made", (each) => `${atMoment(Date.parse(each.created_at))} by ${each.created_by}`),
      line("By", (each) => [each.rule, each.engine].filter(Boolean).join(", then ") || "–"),
      line("Operations", (each) => figure(each.operation_count)),
      ...FIGURES.map((told) => figureRow(schedules, told)),
      line("On the chart", (each) => buttonsOf(each, shown, can))));
  const place = document.getElementById("compare-told");
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  place.replaceChildren(table);
  if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

// The schedule as a table, for whoever reads rather than looks: by time, a hundred operations at once.
import { make } from "./dom.js";
import { atMoment } from "./gantt_scale.js";
import { span, stateOf } from "./gantt_words.js";

const PAGE = 100;
const byId = (id) => document.getElementById(id);
const [listing, center, find, late, count, body, more] =
  ["listing", "listing-center", "listing-find", "listing-late", "listing-count", "listing-rows", "listing-more"].map(byId);
let chart = null;
let onChoose = () => {};
let shown = PAGE;

function found() {
  const text = find.value.trim().toLowerCase();
  const rows = center.value ? [chart.rowById.get(center.value)].filter(Boolean) : chart.rows;
  return rows.flatMap((row) => row.operations)
    .filter((each) => (!late.checked || each.isLate) && (!text || `${each.told.order_number} ${each.told.operation} ${each.told.product_id}`.toLowerCase().includes(text)))
    .sort((a, b) => a.start - b.start);
}

function rowOf(operation) {
  const { told, row } = operation;
  const state = [stateOf(operation), told.is_frozen ? "frozen" : null, told.is_critical ? "critical chain" : null].filter(Boolean).join(", ");
  return make("tr", {},
    make("td", {}, make("button", { className: "link-like mono", onclick: () => onChoose(operation) }, told.order_number)),
    make("td", {}, `${told.sequence_number} ${told.operation}`, make("span", { className: "sub" }, told.product_id)),
    make("td", {}, `${row.code}`, make("span", { className: "sub" }, row.name)),
    make("td", { className: "right" }, told.changeover_minutes > 0 ? span(told.changeover_minutes) : "–"),
    make("td", {}, atMoment(operation.start)), make("td", {}, atMoment(operation.end)),
    make("td", {}, operation.due === null ? "–" : atMoment(operation.due)),
    make("td", {}, operation.isLate ? make("span", { className: "tag late" }, span(told.late_minutes)) : "–"),
    make("td", {}, state || "planned"));
}

function fill() {
  if (!listing.open || !chart) return;
  const those = found();
  count.textContent = those.length === 1 ? "1 operation" : `${those.length} operations${those.length > shown ? `, the first ${shown} of them` : ""}`;
  body.replaceChildren(...those.slice(0, shown).map(rowOf));
  more.hidden = those.length <= shown;
}

function anew() { shown = PAGE; fill(); }

/** Another schedule, or the same one changed. */
export function showTable(told, choose) {
  [chart, onChoose] = [told, choose];
  const was = center.value;
  center.replaceChildren(make("option", { value: "" }, "all"), ...chart.rows.map((row) => make("option", { value: row.id }, `${row.code} ${row.name}`)));
  center.value = chart.rowById.has(was) ? was : "";
  listing.hidden = false;
  fill();
}

listing.addEventListener("toggle", fill);
for (const field of [center, find, late]) field.addEventListener("input", anew);
more.addEventListener("click", () => { shown += PAGE; fill(); });

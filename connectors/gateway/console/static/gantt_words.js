// What an operation is, in words: for the panel beside the chart, the line under it and whoever hears instead of seeing.
import { figure } from "./dom.js";
import { atMoment } from "./gantt_scale.js";

const NOT_BEGUN = new Set(["planned", "scheduled", "released"]);

/** A length of time in the unit that fits. */
export function span(minutes) {
  if (minutes === null || minutes === undefined) return "–";
  if (Math.abs(minutes) < 100) return `${figure(Math.round(minutes))} min`;
  if (Math.abs(minutes) < 48 * 60) return `${figure(Math.round(minutes / 6) / 10)} h`;
  return `${figure(Math.round(minutes / 144) / 10)} d`;
}

/** In a sentence, as it is read out when it is chosen. */
export function sentence(operation) {
  const { told, row } = operation;
  const state = [
    operation.isLate ? `its order gets ${span(told.late_minutes)} late` : "in time",
    told.is_frozen ? "frozen" : null,
    told.is_critical ? "on the critical chain" : null,
    stateOf(operation),
  ];
  return `${told.order_number}, ${told.operation}, at ${row.code} ${row.name}, ${atMoment(operation.start)} to ${atMoment(operation.end)}: ${state.filter(Boolean).join(", ")}.`;
}

/** How far it is, in words; none where nothing has begun. */
export function stateOf({ told: { actual } }) {
  if (!actual || NOT_BEGUN.has(actual.status)) return null;
  return `${actual.status.replaceAll("_", " ")}, ${figure(actual.quantity_good)} of ${figure(actual.quantity_planned)} good`;
}

export const brief = ({ told, start, end }) => `${told.order_number} ${told.operation} · ${atMoment(start)} – ${atMoment(end)}`;

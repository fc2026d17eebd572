// What a schedule promises of its orders: asked once for each schedule that is shown, when somebody first wants to know.
import { ask } from "./api.js";
import { figure } from "./dom.js";
import { atMoment } from "./gantt_scale.js";

const PROMISING = new Set(["proposed", "accepted"]);
const told = new WeakMap();

/** The promise of an operation's order in a view; null where the schedule promises nothing of it. */
export async function promiseOf(view, operation) {
  if (view.is_what_if || !PROMISING.has(view.status)) return null;
  if (!told.has(view)) told.set(view, ask(`schedules/${encodeURIComponent(view.schedule_id)}/promises`));
  const { orders } = await told.get(view);
  return orders.find((each) => each.production_order_id === operation.told.production_order_id) ?? null;
}

const RISKY = 0.5;
const SAFE = 0.1;

/** How bad a risk of being late is. */
export const toneOf = ({ late_probability: risk }) => (risk >= RISKY ? "bad" : risk >= SAFE ? "warn" : "good");

/** The same in words. */
export function sayPromise({ late_probability: risk, p10, p50, p90 }) {
  const [early, middle, late] = [p10, p50, p90].map((each) => atMoment(Date.parse(each)));
  return `Late with ${figure(Math.round(100 * risk))} %. Finished ${middle}, eight times in ten between ${early} and ${late}.`;
}

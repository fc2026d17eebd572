// What differs between two messages: field by field where both are JSON, else the stretch of text that differs.
import { make } from "./dom.js";
import { asValue, isObject, json, visible } from "./failures_api.js";

const MOST = 200;
const same = (one, other) => json(one) === json(other);

/** The differences as [{path, before?, after?}], paths as the plant writes them: work_order.lines[2].part */
export function differences(before, after, path = "") {
  if (same(before, after)) return [];
  const told = { path: path || "the message" };
  if (isObject(before) && isObject(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])]
      .flatMap((name) => differences(before[name], after[name], path ? `${path}.${name}` : name));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, at) => at)
      .flatMap((at) => differences(before[at], after[at], `${path}[${at}]`));
  }
  return [{ ...told, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

/** The one stretch that differs between two texts, with a little of what stands around it. */
export function textDifference(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  return { start, before: before.slice(start, before.length - end), after: after.slice(start, after.length - end), left: before.slice(Math.max(0, start - 40), start), right: before.slice(before.length - end, before.length - end + 40) };
}

const removed = (...nodes) => make("del", {}, make("span", { className: "hidden" }, "before "), ...nodes);
const added = (...nodes) => make("ins", {}, make("span", { className: "hidden" }, "after "), ...nodes);

function drawOne(told) {
  const kind = !("before" in told) ? "added" : !("after" in told) ? "removed" : "changed";
  return make("li", { data: { kind } }, make("code", {}, ...visible(told.path)), " ", make("span", { className: "kind" }, kind), " ",
    "before" in told ? removed(...asValue(told.before)) : null, " ", "after" in told ? added(...asValue(told.after)) : null);
}

export function drawDifferences(found) {
  if (!found.length) return make("p", { className: "empty" }, "Nothing is changed.");
  return make("ul", { className: "difference-list" }, ...found.slice(0, MOST).map(drawOne),
    found.length > MOST ? make("li", {}, `and ${found.length - MOST} more`) : null);
}

export function drawTextDifference(before, after) {
  if (before === after) return drawDifferences([]);
  const told = textDifference(before, after);
  return make("p", { className: "text-difference" }, ...visible(told.left),
    told.before ? removed(...visible(told.before.slice(0, 2000))) : null, told.after ? added(...visible(told.after.slice(0, 2000))) : null, ...visible(told.right));
}

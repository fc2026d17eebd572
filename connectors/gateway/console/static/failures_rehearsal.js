// Shows a rehearsal: what would take effect, what would be refused again and why, which rows would change and how.
import { figure, make } from "./dom.js";
import { asValue, plural, visible } from "./failures_api.js";

const words = (name) => name.replaceAll("_", " ");
const OUTCOMES = [
  ["applied", "good", (count) => `${plural(count, "message")} would take effect`],
  ["repeated", "idle", (count) => `${plural(count, "message")} took effect before and would change nothing`],
  ["refused", "bad", (count) => `${plural(count, "message")} would be refused again`],
];
const ROWS_SHOWN = 12;

export function drawRehearsal(told) {
  const messages = told.messages ?? [];
  const by = (outcome) => messages.filter((message) => message.outcome === outcome);
  return make("section", { className: "rehearsal", "aria-label": "What it would do" },
    make("ul", { className: "verdicts" }, ...OUTCOMES.filter(([outcome]) => by(outcome).length)
      .map(([outcome, tone, say]) => make("li", { className: "light", data: { tone, outcome } }, say(by(outcome).length)))),
    ...refusals(by("refused")), ...follows(messages), ...tables(told), says(told.says ?? []),
    make("p", { className: "fine" }, `Folded over a copy of the state as of ${new Date(told.as_of).toLocaleTimeString("en-GB", { timeZone: document.documentElement.dataset.zone || undefined })}; nothing was touched.`
      + (told.is_exact === false ? " What it concerns kept changing meanwhile, so a row of somebody else's may be among these." : "")
      + (told.records_waiting ? ` ${plural(told.records_waiting, "message")} had not been counted by then.` : "")));
}

/** Refusals of one kind together, with an example of its sentence. */
function refusals(refused) {
  const kinds = new Map();
  for (const each of refused) {
    const kind = `${each.code} ${each.path ?? ""}`;
    kinds.set(kind, { ...each, count: (kinds.get(kind)?.count ?? 0) + 1 });
  }
  return [...kinds.values()].map((kind) => make("p", { className: "refused" }, make("b", {}, `${figure(kind.count)}×`), " ", make("code", {}, kind.code ?? ""), " ",
    kind.path ? make("code", {}, ...visible(kind.path)) : null, kind.path ? " " : null, ...visible(kind.reason ?? "")));
}

function follows(messages) {
  const then = messages.flatMap((message) => message.then_refused ?? []);
  return then.length ? [make("p", { className: "refused" }, `Of what follows from it, ${plural(then.length, "message")} would be refused and become dead letters: `, ...visible(then[0].reason))] : [];
}

function tables({ rows = [], tables: counts = [] }) {
  if (!rows.length && !counts.length) return [make("p", { className: "empty" }, "No row would change.")];
  const names = [...new Set([...counts.map((count) => count.table), ...rows.map((row) => row.table)])];
  return names.map((name) => {
    const mine = rows.filter((row) => row.table === name);
    const told = counts.find((count) => count.table === name);
    const sums = told ? ["added", "changed", "removed"].filter((kind) => told[kind]).map((kind) => `${figure(told[kind])} ${kind}`).join(", ") : plural(mine.length, "row");
    const all = told ? told.added + told.changed + told.removed : mine.length;
    return make("details", { className: "would-change", open: names.length <= 4 },
      make("summary", {}, make("b", {}, words(name)), ` ${sums}`),
      make("ul", {}, ...mine.slice(0, ROWS_SHOWN).map(row)),
      all > Math.min(mine.length, ROWS_SHOWN) ? make("p", { className: "fine" }, `and ${plural(all - Math.min(mine.length, ROWS_SHOWN), "more row", "more rows")}`) : null);
  });
}

function row(told) {
  return make("li", { data: { kind: told.change } },
    make("p", {}, make("span", { className: "kind" }, told.change), " ", ...Object.entries(told.key).flatMap(([name, value]) => [make("span", { className: "key-name" }, words(name)), " ", make("code", {}, ...visible(value)), " "])),
    make("dl", { className: "columns-changed" }, ...told.columns.map((column) => make("div", {}, make("dt", {}, words(column.name)),
      make("dd", {}, told.change === "added" ? null : make("del", {}, ...asValue(column.before)), told.change === "added" ? null : " → ", told.change === "removed" ? null : make("ins", {}, ...asValue(column.after)))))));
}

function says(told) {
  if (!told.length) return null;
  const types = new Map();
  for (const each of told) types.set(each.type, (types.get(each.type) ?? 0) + each.count);
  return make("p", { className: "fine" }, "It would say: ", [...types].map(([type, count]) => `${figure(count)}× ${type}`).join(", "), ".");
}

// Edits of many messages at once, built in a form: each is one operation of the API. Three examples show before and after.
import { make } from "./dom.js";
import { Refusal, call, documentOf, isObject, parse, plural } from "./failures_api.js";
import { differences, drawDifferences, drawTextDifference } from "./failures_diff.js";

const PREVIEW_MS = 250;
const EXAMPLES = 3;
const OPERATIONS = {
  set: { words: "Set a field", fields: ["path", "value"] },
  to_number: { words: "Make a number of a text", fields: ["path"] },
  substitute: { words: "Replace by pattern", fields: ["path?", "pattern", "with?"] },
  rename: { words: "Rename a field", fields: ["path", "to"] },
  remove: { words: "Remove a field", fields: ["path"] },
};
const LABELS = { path: "Field", value: "Value", pattern: "Pattern", with: "By", to: "New name" };
const HINTS = { path: "work_order.due_date", value: "text, or JSON: 5, true, [1], \"5\"", pattern: "(\\d+),(\\d+)", with: "$1.$2", to: "due_date" };

class Incomplete extends Error {}

/** `work_order.lines[2].part` -> `/work_order/lines/2/part` */
export function pointerOf(path) {
  const steps = path.replaceAll("[", ".").replaceAll("]", "").split(".").filter((step) => step !== "");
  return steps.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

const valueOf = (text) => { try { return parse(text); } catch (error) { if (!(error instanceof SyntaxError)) throw error; return text; } };
const said = (value) => (typeof value === "string" ? "a text" : value === null ? "null" : isObject(value) ? "an object" : Array.isArray(value) ? "a list" : typeof value === "boolean" ? "true or false" : "a number");

function operation(kind, told) {
  const at = pointerOf(told.path ?? "");
  if (kind === "set") return { op: /\/\d+$/.test(at) ? "replace" : "add", path: at, value: valueOf(told.value) };
  if (kind === "to_number" || kind === "remove") return { op: kind, path: at };
  if (kind === "rename") return { op: "move", from: at, path: told.to.includes(".") ? pointerOf(told.to) : at.replace(/[^/]*$/, told.to.replaceAll("~", "~0").replaceAll("/", "~1")) };
  return { op: "substitute", path: told.path ? at : null, pattern: told.pattern, with: told.with ?? "" };
}

/** A form of edits over letters; `scopeOf` says which, `onChange` hears of every change. */
export function editsForm(scopeOf, onChange) {
  const list = make("ol", { className: "edits" });
  const preview = make("div", { className: "examples", "aria-live": "polite" });
  const paths = make("datalist", { id: "known-paths" });
  let examples = null;
  let timer = null;
  const changed = () => { onChange(); clearTimeout(timer); timer = setTimeout(() => drawPreview(), PREVIEW_MS); };

  function add(kind = "set") {
    const row = make("li", {});
    const choice = make("select", { "aria-label": "What to change" }, ...Object.entries(OPERATIONS).map(([name, { words }]) => make("option", { value: name }, words)));
    choice.value = kind;
    const fields = make("span", { className: "edit-fields" });
    const draw = () => fields.replaceChildren(...OPERATIONS[choice.value].fields.map((field) => input(field, row.told?.[field.replace("?", "")])));
    choice.addEventListener("change", () => { row.told = read(row); draw(); changed(); });
    row.append(choice, fields, make("button", { type: "button", className: "quiet", "aria-label": "Take this edit away", onclick: () => { row.remove(); changed(); } }, "✕"));
    draw();
    list.append(row);
    return choice;
  }

  function input(field, value = "") {
    const name = field.replace("?", "");
    const hint = make("small", {});
    const box = make("input", { name, value, placeholder: name === "path" && field.endsWith("?") ? "empty: the text of the whole message" : HINTS[name], autocomplete: "off", spellcheck: false, required: !field.endsWith("?") });
    if (name === "path") box.setAttribute("list", "known-paths");
    box.addEventListener("input", () => { if (name === "value") hint.textContent = box.value ? said(valueOf(box.value)) : ""; changed(); });
    return make("label", {}, LABELS[name], " ", hint, box);
  }

  const read = (row) => Object.fromEntries([...row.querySelectorAll("input")].map((box) => [box.name, box.value]));
  const isWhole = (row) => [...row.querySelectorAll("input")].every((box) => !box.required || box.value !== "");

  function operations() {
    const rows = [...list.children];
    if (!rows.length || !rows.every(isWhole)) throw new Incomplete("Fill in what is to be changed: a field is empty.");
    return rows.map((row) => operation(row.querySelector("select").value, read(row)));
  }

  async function ids() {
    const { failure_ids: chosen, cause_key: cause, filters } = scopeOf();
    if (chosen) return chosen.slice(0, EXAMPLES);
    const query = new URLSearchParams({ ...(cause ? { cause } : {}), ...filters, limit: EXAMPLES });
    return (await call(`failures?${query}`)).failures.map((letter) => letter.failure_id);
  }

  async function drawPreview() {
    const rows = [...list.children].filter(isWhole);
    const edits = rows.map((row) => operation(row.querySelector("select").value, read(row)));
    try {
      examples ??= await ids();
      const told = await call("/failures/edits", { failure_ids: examples, edits });
      paths.replaceChildren(...[...new Set(told.examples.flatMap((example) => leaves(documentOf(example.before))))].slice(0, 200).map((path) => make("option", { value: path })));
      preview.replaceChildren(make("h3", {}, plural(told.examples.length, "example")), ...told.examples.map(drawExample));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      preview.replaceChildren(make("p", { className: "complaint" }, error.message));
    }
  }

  const first = add();
  drawPreview();
  const more = make("button", { type: "button", className: "quiet", onclick: () => { add().focus(); changed(); } }, "Another edit");
  return { element: make("fieldset", { className: "edits-form" }, make("legend", {}, "What to change in each message"), list, more, paths, preview), operations, first, Incomplete };
}

function leaves(value, path = "") {
  if (isObject(value)) return Object.entries(value).flatMap(([name, each]) => leaves(each, path ? `${path}.${name}` : name));
  if (Array.isArray(value)) return value.slice(0, 3).flatMap((each, at) => leaves(each, `${path}[${at}]`));
  return path ? [path] : [];
}

function drawExample(told) {
  const [before, after] = [documentOf(told.before), documentOf(told.after ?? "")];
  return make("article", { className: "example" }, make("p", { className: "example-id" }, make("code", {}, told.failure_id)),
    told.complaint ? make("p", { className: "complaint" }, told.path ? `${told.path}: ` : "", told.complaint)
      : before !== undefined && after !== undefined ? drawDifferences(differences(before, after)) : drawTextDifference(told.before, told.after));
}

// A form made from a message's JSON schema. What a field holds is shown even where it is wrong, and nothing is changed that nobody touches.
import { make } from "./dom.js";
import { copy, isObject, isRaw, json, parse, visible } from "./failures_api.js";

const LONG = 80;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i;
const textOf = (value) => (value === undefined ? "" : typeof value === "string" ? value : isRaw(value) ? value.rawJSON : json(value));
const isNumber = (value) => typeof value === "number" || isRaw(value);
const HIDDEN_TOO = /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
let serial = 0;

/** What a schema says once references are followed and "or null" is set aside. */
export function plain(schema, root) {
  let told = schema ?? {};
  for (let depth = 0; told.$ref && depth < 20; depth += 1) told = { ...at(root, told.$ref), ...(told.description ? { description: told.description } : {}) };
  const choices = told.anyOf ?? told.oneOf;
  if (Array.isArray(told.type)) return { ...told, type: told.type.find((type) => type !== "null"), isNullable: told.type.includes("null") };
  if (!choices) return told;
  const real = choices.map((choice) => plain(choice, root)).filter((choice) => choice.type !== "null");
  return real.length === 1 ? { ...told, anyOf: undefined, oneOf: undefined, ...real[0], isNullable: real.length < choices.length } : { ...told, isNullable: real.length < choices.length, choices: real };
}

const at = (root, reference) => reference.slice(2).split("/").reduce((place, step) => place?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], root) ?? {};
const expected = (told) => {
  if (told.enum) return `one of ${told.enum.join(", ")}`;
  const range = [told.minimum !== undefined ? `at least ${told.minimum}` : null, told.exclusiveMinimum !== undefined ? `more than ${told.exclusiveMinimum}` : null, told.maximum !== undefined ? `at most ${told.maximum}` : null].filter(Boolean).join(", ");
  const kind = { integer: "a whole number", number: "a number", boolean: "true or false", string: told.format === "date-time" ? "a moment with its time zone" : "a text", array: "a list", object: "an object" }[told.type] ?? "";
  return range ? `${kind}, ${range}` : kind;
};

/** What is wrong with a value, as [{path, words}]; the plant checks more than this. */
export function complaints(schema, value, root = schema, path = "") {
  const told = plain(schema, root);
  const wrong = (words) => [{ path, words }];
  if (value === null && (told.isNullable || told.type === "null")) return [];
  if (told.choices) return told.choices.some((choice) => complaints(choice, value, root, path).length === 0) ? [] : wrong(`must be ${told.choices.map(expected).filter(Boolean).join(", or ")}`);
  if (told.const !== undefined && value !== told.const) return wrong(`must be ${json(told.const)}`);
  if (told.enum && !told.enum.includes(value)) return wrong(`must be ${expected(told)}`);
  const fits = { string: typeof value === "string", integer: isNumber(value) && /^-?\d+$/.test(textOf(value)), number: isNumber(value), boolean: typeof value === "boolean", array: Array.isArray(value), object: isObject(value) }[told.type];
  if (fits === false) return wrong(`must be ${expected(told)}`);
  if (told.type === "string") {
    if (told.format === "date-time" && !MOMENT.test(value)) return wrong("must be a moment with its time zone, as 2026-11-21T14:16:05Z");
    if (told.minLength !== undefined && value.length < told.minLength) return wrong(told.minLength === 1 ? "must not be empty" : `must have at least ${told.minLength} characters`);
    if (told.maxLength !== undefined && [...value].length > told.maxLength) return wrong(`must have at most ${told.maxLength} characters`);
  }
  if (isNumber(value)) {
    const number = Number(textOf(value));
    if (number < told.minimum || number <= told.exclusiveMinimum || number > told.maximum || number >= told.exclusiveMaximum) return wrong(`must be ${expected(told)}`);
  }
  if (Array.isArray(value) && told.items) return value.flatMap((item, index) => complaints(told.items, item, root, `${path}[${index}]`));
  if (!isObject(value)) return [];
  const below = (name) => (path ? `${path}.${name}` : name);
  return [...(told.required ?? []).filter((name) => value[name] === undefined).map((name) => ({ path: below(name), words: "is required" })),
    ...Object.entries(told.properties ?? {}).filter(([name]) => value[name] !== undefined).flatMap(([name, each]) => complaints(each, value[name], root, below(name)))];
}

/** The form over a model {get(), set(value)}; `changed` hears of every change. */
export function formOf(schema, model, changed) {
  const element = make("div", { className: "form" });
  const draw = () => element.replaceChildren(field(schema, model.get(), { path: "", name: null, isRequired: true, put: (value) => { model.set(value); changed(); } }));
  const redraw = () => { draw(); changed(); };

  function field(wanted, value, place) {
    const told = plain(wanted, schema);
    if (isObject(value) && (told.type === "object" || told.type === undefined)) return objectField(told, value, place);
    if (Array.isArray(value) && (told.type === "array" || told.type === undefined)) return listField(told, value, place);
    return leafField(told, value, place);
  }

  function objectField(told, value, place) {
    const properties = told.properties ?? {};
    const own = [...Object.keys(value), ...Object.keys(properties).filter((name) => !(name in value))];
    const below = (name) => (place.path ? `${place.path}.${name}` : name);
    const parts = own.map((name) => field(properties[name] ?? {}, value[name], {
      path: below(name), name, isRequired: (told.required ?? []).includes(name), isKnown: name in properties || !told.properties,
      put: (next) => { if (next === undefined) delete value[name]; else value[name] = next; place.put(value); },
      drop: () => { delete value[name]; place.put(value); redraw(); },
    }));
    if (place.name === null) return make("div", { className: "fields" }, ...parts);
    return make("fieldset", { data: { path: place.path } }, make("legend", {}, ...label(told, place), place.drop && !place.isRequired ? leaveOut(place) : ""), complaintPlace(), make("div", { className: "fields" }, ...parts));
  }

  function listField(told, value, place) {
    const items = value.map((item, index) => field(told.items ?? {}, item, {
      path: `${place.path}[${index}]`, name: String(index), isRequired: false, isKnown: true,
      put: (next) => { if (next === undefined) value.splice(index, 1); else value[index] = next; place.put(value); },
      drop: () => { value.splice(index, 1); place.put(value); redraw(); },
    }));
    const more = make("button", { type: "button", className: "quiet", onclick: () => { value.push(blank(told.items)); place.put(value); redraw(); } }, "Add one");
    return make("fieldset", { className: "list-field", data: { path: place.path } }, make("legend", {}, ...label(told, place), place.drop && !place.isRequired ? leaveOut(place) : ""), complaintPlace(), ...items, more);
  }

  function blank(items) {
    const told = plain(items ?? {}, schema);
    if (told.type === "object") return Object.fromEntries((told.required ?? []).map((name) => [name, blank(told.properties?.[name])]));
    return told.type === "array" ? [] : told.default ?? (told.enum ? told.enum[0] : "");
  }

  function leafField(told, value, place) {
    const id = `field-${serial += 1}`;
    const isAbsent = value === undefined;
    const put = (next) => { if (!place.isRequired && next === "" && (isAbsent || told.isNullable)) place.put(isAbsent ? undefined : null); else place.put(next); };
    const box = input(told, value, place, put);
    Object.assign(box, { id, required: place.isRequired });
    box.setAttribute("aria-describedby", `${id}-complaint`);
    return make("div", { className: "field", data: { path: place.path, absent: isAbsent ? "true" : "false" } }, make("label", { htmlFor: id }, ...label(told, place)), box,
      place.drop && !place.isRequired && !isAbsent ? leaveOut(place) : null, HIDDEN_TOO.test(textOf(value)) ? make("p", { className: "holds" }, "holds ", ...visible([...textOf(value)].filter((each) => HIDDEN_TOO.test(each)).join(""))) : null, complaintPlace(`${id}-complaint`));
  }

  function input(told, value, place, put) {
    const choices = told.enum ?? (told.type === "boolean" ? [true, false] : null);
    if (choices) {
      const held = choices.includes(value) || value === undefined || value === null ? [] : [value];
      const box = make("select", { onchange: () => put(box.value === "" ? "" : parse(box.value)) },
        ...(!choices.includes(value) && (value === undefined || value === null || !place.isRequired) || !place.isRequired ? [make("option", { value: "" }, value === null ? "null" : "not given")] : []),
        ...held.map((each) => make("option", { value: json(each) }, `${textOf(each)} (not allowed)`)), ...choices.map((choice) => make("option", { value: json(choice) }, String(choice))));
      box.value = value === undefined || value === null ? "" : json(value);
      return box;
    }
    if (isObject(value) || Array.isArray(value) || (["object", "array"].includes(told.type) && value === undefined)) return jsonBox(value, put);
    const text = value === null ? "" : textOf(value);
    const isLong = text.length > LONG || text.includes("\n");
    const box = make(isLong ? "textarea" : "input", { value: text, spellcheck: false, autocomplete: "off", placeholder: value === null ? "null" : value === undefined ? "not given" : "", dir: "auto" });
    if (isLong) box.rows = Math.min(10, 2 + Math.ceil(text.length / 90));
    if (["integer", "number"].includes(told.type)) box.inputMode = told.type === "integer" ? "numeric" : "decimal";
    box.addEventListener("input", () => put(typed(told, box.value, value)));
    return box;
  }

  function typed(told, text, before) {
    const wantsNumber = ["integer", "number"].includes(told.type) || (told.type === undefined && isNumber(before)) || told.choices?.some((choice) => ["integer", "number"].includes(choice.type));
    if (wantsNumber && NUMBER.test(text.trim())) return parse(text.trim());
    if (told.type === undefined && typeof before === "boolean" && ["true", "false"].includes(text)) return text === "true";
    return text;
  }

  function jsonBox(value, put) {
    const box = make("textarea", { value: value === undefined ? "" : json(value, 2), rows: 4, spellcheck: false, placeholder: "JSON; not given" });
    box.addEventListener("input", () => { try { put(box.value.trim() ? parse(box.value) : undefined); box.setCustomValidity(""); } catch (error) { if (!(error instanceof SyntaxError)) throw error; box.setCustomValidity("This is not JSON yet."); box.reportValidity(); } });
    return box;
  }

  draw();
  return { element, draw };
}

function label(told, place) {
  return [...visible(place.name), place.isRequired ? make("span", { className: "must" }, "required") : null,
    make("small", {}, [["object", "array"].includes(told.type) ? "" : expected(told), place.isKnown === false ? "not in the schema" : "", told.description ?? ""].filter(Boolean).join(" · "))].filter(Boolean);
}

const complaintPlace = (id = "") => make("p", { className: "complaint", ...(id ? { id } : {}) });
const leaveOut = (place) => make("button", { type: "button", className: "quiet leave-out", title: "Leave it out", "aria-label": `Leave ${place.name} out`, onclick: () => place.drop() }, "✕");

const steps = (path) => (path ?? "").replaceAll("[", ".").replaceAll("]", "").split(".").filter(Boolean);

/** Put complaints at their fields; those of fields that are not shown stand at the nearest one above. Returns what found no place. */
export function showComplaints(element, found) {
  for (const place of element.querySelectorAll(".complaint")) place.textContent = "";
  for (const box of element.querySelectorAll("[aria-invalid]")) box.removeAttribute("aria-invalid");
  const places = [...element.querySelectorAll("[data-path]")].map((place) => [steps(place.dataset.path), place]);
  return found.filter(({ path, words }) => {
    const way = steps(path);
    const candidates = [way, ["payload", ...way]].flatMap((want) => Array.from({ length: want.length }, (_, cut) => want.slice(0, want.length - cut)).map((part) => [part, want.length - part.length]));
    candidates.sort((one, other) => one[1] - other[1]);
    for (const [part] of candidates) {
      const place = places.find(([mine]) => mine.length === part.length && mine.every((step, index) => step === part[index]))?.[1];
      if (!place) continue;
      place.querySelector(".complaint").replaceChildren(...visible(words));
      place.querySelector("input, select, textarea")?.setAttribute("aria-invalid", "true");
      return false;
    }
    return true;
  });
}

export const modelOf = (value) => { let held = copy(value); return { get: () => held, set: (next) => { held = next; } }; };

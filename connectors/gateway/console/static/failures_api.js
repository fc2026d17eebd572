// Says to the API what a person wants done with dead letters, and hands back its answer or its complaint whole.
import { make } from "./dom.js";

/** A refusal: a sentence, the status, and the members of the problem document (path, reason, ...). */
export class Refusal extends Error {
  constructor(status, problem) {
    const [first] = problem.errors ?? [];
    super(first ? first.message.replace(/^Value error, /, "") : problem.detail ?? "The plant did not answer in a way this page understands.");
    this.status = status;
    this.problem = problem;
  }
}

export const ACTIONS = {
  retry: { path: "retry", one: "Retry", many: "Retry", tried: "retried", isRehearsed: true },
  edit_retry: { path: "edit-retry", one: "Edit & retry", many: "Edit & retry", tried: "edited and retried", isRehearsed: true },
  resolve: { path: "resolve", one: "Mark as resolved", many: "Mark as resolved", tried: "marked as resolved", isRehearsed: false },
  discard: { path: "discard", one: "Discard", many: "Discard", tried: "discarded", isRehearsed: false },
};

/** POST where there is a body, else GET; asked twice with the same `once`, it is done once.
 * Throws Refusal; a plant that cannot be reached is one with status 0. */
export async function call(path, body = undefined, once = undefined) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json", ...(once ? { "Idempotency-Key": once } : {}) }, body: json(body) };
  let answer;
  try {
    answer = await fetch(path.startsWith("/") ? path : `/api/v1/${path}`, options);
  } catch {
    throw new Refusal(0, { detail: "The plant cannot be reached. Nothing is known of what was asked; look again when the connection is back." });
  }
  if (answer.status === 401) location.assign("/login");
  const told = (answer.headers.get("content-type") ?? "").includes("json") ? await answer.json() : {};
  if (!answer.ok) throw new Refusal(answer.status, told);
  return told;
}

export const letterPath = (id, rest = "") => `failures/${encodeURIComponent(id)}${rest && `/${rest}`}`;

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** A text as nodes in which nothing hides: control, direction and zero-width characters are shown by their code. */
export function visible(text) {
  const nodes = [];
  let plain = "";
  for (const character of String(text)) {
    if (character === "\n" || character === "\t" || character === "\u200d" || !HIDDEN.test(character)) { plain += character; continue; }
    nodes.push(plain, make("span", { className: "glyph" }, `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`));
    plain = "";
  }
  return [...nodes, plain].filter((node) => node !== "");
}

const LONGEST = 300;
/** A value as JSON, cut where it is very long. */
export function asValue(value) {
  const text = value === undefined ? "nothing" : json(value);
  return visible(text.length > LONGEST ? `${text.slice(0, LONGEST)}… ${text.length - LONGEST} more` : text);
}

// Numbers stay as they were written (1.10, 12345678901234567890), where the browser can tell.
export const keepsNumbers = typeof JSON.rawJSON === "function";
const exactly = (_, value, context) => (typeof value === "number" && keepsNumbers && context?.source !== undefined && context.source !== String(value) ? JSON.rawJSON(context.source) : value);
export const parse = (text) => JSON.parse(text, exactly);
export const json = (value, indent) => JSON.stringify(value, undefined, indent);
/** A message as JSON with its numbers as they were written, or undefined where it is none. */
export function documentOf(text) {
  try { const told = parse(text); return typeof told === "object" && told !== null ? told : undefined; } catch (error) { if (!(error instanceof SyntaxError)) throw error; return undefined; }
}
export const isRaw = (value) => keepsNumbers && JSON.isRawJSON(value);
export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && !isRaw(value);
export const copy = (value) => (value === undefined ? undefined : parse(json(value)));

/** A name for one wish, so that asking for it again is not another wish. Pages without https have no randomUUID. */
export const onceName = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

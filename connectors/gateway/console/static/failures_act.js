// The dialog in which letters are retried, edited, resolved or discarded: one, a selection or a whole cause. It asks why, rehearses
// where something would be sent again, shows how far many are, and says what remained.
import { figure, make } from "./dom.js";
import { ACTIONS, Refusal, call, json, letterPath, onceName, plural, visible } from "./failures_api.js";
import { editsForm } from "./failures_edits.js";
import { drawRehearsal } from "./failures_rehearsal.js";
import { say } from "./live.js";

const POLL_MS = 400;
const REFUSALS_SHOWN = 8;
const REHEARSED_AT_MOST = 1_000;
const WHY_MATTERS = new Set(["resolve", "discard"]);
const EXPLAINED = {
  retry: "The original message is sent again, exactly as it came. It takes effect at most once.",
  edit_retry: "Every message is changed in the same way and sent again. Of an original and all its edits, one takes effect at most.",
  resolve: "Nothing is sent. The letter counts as dealt with, for a reason that others can read.",
  discard: "Nothing is sent, now or later. What took effect already cannot be discarded.",
};

/** scope: {id, version} for one letter, {failure_ids} for a selection, or the filters of the API ({cause_key, ...}). */
export function openAct({ action, scope, count, about, onDone }) {
  const dialog = document.getElementById("act");
  const kind = ACTIONS[action];
  const many = count === 1 ? "one letter" : plural(count, "letter");
  const why = make("textarea", { id: "why", rows: 2, maxLength: 1000, required: WHY_MATTERS.has(action) });
  const complaint = make("p", { className: "complaint", role: "alert" });
  const result = make("div", { className: "result", "aria-live": "polite" });
  const edits = action === "edit_retry" ? editsForm(() => scope, () => { result.replaceChildren(); }) : null;
  const go = make("button", { type: "submit", id: "do-it", className: action === "discard" ? "bad" : "" }, count === 1 ? kind.one : `${kind.many} ${figure(count)}`);
  const rehearse = kind.isRehearsed ? make("button", { type: "button", id: "rehearse", className: "quiet" }, "Rehearse first") : null;
  const close = make("button", { type: "button", className: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  const asked = make("div", { className: "asked" }, edits?.element ?? null,
    make("label", { htmlFor: "why", className: "why-label" }, WHY_MATTERS.has(action) ? "Why? Others will read it." : "Why? (may be empty)", why));
  const footer = make("footer", {}, rehearse, go);
  const form = make("form", { noValidate: true }, asked, complaint, result, footer);
  dialog.replaceChildren(make("header", {}, make("h2", { id: "act-title" }, `${kind.many} ${many}`), close),
    make("div", { className: "inside" }, about ? make("p", { className: "about-it" }, ...visible(about)) : null, make("p", { className: "explained" }, EXPLAINED[action]), form));

  const told = (isDry) => ({ reason: why.value.trim() || null, ...(edits ? { edits: edits.operations() } : {}), ...(isDry ? { dry_run: true } : {}) });
  // The same wish keeps its name while it is asked for again, as after a lost connection; a changed one is another.
  let wish = { name: null, told: null };
  const send = (isDry) => {
    const body = "id" in scope ? { ...told(isDry), expected_version: scope.version } : { action, ...scope, ...told(isDry) };
    if (json(body) !== wish.told) wish = { name: onceName(), told: json(body) };
    return call("id" in scope ? letterPath(scope.id, kind.path) : "failures/bulk", body, isDry ? undefined : wish.name);
  };

  async function guarded(work) {
    complaint.textContent = "";
    form.inert = true;
    dialog.setAttribute("aria-busy", "true");
    try { await work(); } catch (error) {
      if (!(error instanceof Refusal) && !(error instanceof edits?.Incomplete)) throw error;
      complaint.textContent = error.message;
      if (error.status === 409) onDone?.();
    } finally { form.inert = false; dialog.removeAttribute("aria-busy"); }
  }

  rehearse?.addEventListener("click", () => guarded(async () => {
    result.replaceChildren(make("p", { className: "empty" }, "Rehearsing…"));
    try {
      const { rehearsal } = await send(true);
      result.replaceChildren(count > REHEARSED_AT_MOST ? make("p", { className: "fine" }, `The first ${figure(REHEARSED_AT_MOST)} of ${figure(count)}:`) : "", drawRehearsal(rehearsal));
    } catch (error) { result.replaceChildren(); throw error; }
  }));

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (WHY_MATTERS.has(action) && !why.value.trim()) {
      complaint.textContent = "Say why: whoever looks at it next will ask.";
      why.focus();
      return;
    }
    guarded(async () => {
      if (count > 1) result.replaceChildren(make("p", { className: "progress-words" }, `${plural(count, "letter")}: each is checked and asked for…`));
      const answer = await send(false);
      if ("id" in scope) { dialog.close(); sayOne(answer, kind); onDone?.(answer); return; }
      asked.inert = true;
      asked.hidden = true;
      footer.replaceChildren(make("button", { type: "button", onclick: () => dialog.close() }, "Close"));
      await follow(answer, kind, result, dialog);
      onDone?.(answer);
    });
  });
  dialog.addEventListener("close", () => { dialog.replaceChildren(); }, { once: true });
  dialog.showModal();
  (edits?.first ?? why).focus();
}

/** What came of one. */
export function sayOne({ failure_id: id, outcome, outcome_reason: reason }, kind) {
  if (outcome === "refused") say(`${id} was refused again: ${reason}`, "bad");
  else if (outcome === "failed") say(`${id} could not be sent: ${reason}`, "bad");
  else if (outcome === "applied") say(`${id} took effect.`);
  else if (outcome === "done") say(`${id} was ${kind.tried}.`);
  else say(`${id} is on its way; this page shows what becomes of it.`);
}

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

async function follow(answer, kind, result, dialog) {
  const meter = make("meter", { className: "meter tall", min: 0, max: Math.max(1, answer.accepted), "aria-label": "How far it is" });
  const words = make("p", { className: "progress-words", id: "progress" });
  const refusedNow = make("div");
  drawRefusedNow(answer, refusedNow);
  result.replaceChildren(words, meter, refusedNow);
  let told = null;
  while (!told?.is_done) {
    if (told) await pause(POLL_MS);
    try { told = await call(`failures/bulk/${encodeURIComponent(answer.bulk_id)}`); } catch (error) {
      if (!(error instanceof Refusal) || error.status) throw error;
      words.textContent = "The connection is lost; what was begun goes on, and this looks again.";
      await pause(POLL_MS * 5);
      continue;
    }
    const settled = told.total - told.waiting;
    meter.value = settled;
    words.textContent = told.is_done ? summary(told, kind) : `${figure(settled)} of ${figure(told.total)}${told.refused ? `, ${figure(told.refused)} refused again` : ""}`;
  }
  if (!dialog.open) say(summary(told, kind), told.refused || told.failed ? "bad" : "good");
}

function summary(told, kind) {
  const parts = [kind.isRehearsed ? `${figure(told.applied)} took effect` : `${plural(told.total, "letter")} ${kind.tried}`];
  if (told.refused) parts.push(`${figure(told.refused)} were refused again and wait with their new reason`);
  if (told.failed) parts.push(`${figure(told.failed)} could not be sent`);
  return `${parts.join("; ")}.`;
}

function drawRefusedNow({ refused = [], refused_count: count = refused.length }, place) {
  if (!count) return;
  place.replaceChildren(make("p", { className: "fine" }, `${plural(count, "letter")} could not be asked for:`),
    make("ul", { className: "refused-now" }, ...refused.slice(0, REFUSALS_SHOWN).map((each) => make("li", {}, make("code", {}, each.failure_id), " ", ...visible(each.reason)))),
    count > REFUSALS_SHOWN ? make("p", { className: "fine" }, `and ${figure(count - REFUSALS_SHOWN)} more`) : "");
}

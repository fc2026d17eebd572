// Edit & retry of one letter: a form made from the message's schema and the JSON itself, in step with each other; for what is no JSON,
// its text. It shows what is changed, has the plant check it before anybody sends it, and says when somebody else was faster.
import { make } from "./dom.js";
import { Refusal, call, documentOf, json, letterPath, onceName, parse, visible } from "./failures_api.js";
import { sayOne } from "./failures_act.js";
import { differences, drawDifferences, drawTextDifference } from "./failures_diff.js";
import { complaints, formOf, modelOf, showComplaints } from "./failures_form.js";
import { drawRehearsal } from "./failures_rehearsal.js";

const CHECK_MS = 600;
const EDITED = { path: "edit-retry", tried: "edited and retried" };

function bytesOf(base64) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

export function openEditor(place, letter, { version, onDone, onClose }) {
  const original = bytesOf(letter.original_bytes_base64);
  const before = documentOf(original);
  const begun = version();
  const state = { model: modelOf(before), text: original, isJson: before !== undefined, broken: null };

  // -- the parts
  const status = make("p", { className: "check", id: "check", role: "status" });
  const general = make("p", { className: "complaint", role: "alert" });
  const conflict = make("p", { className: "conflict", role: "alert", hidden: true });
  const changes = make("div", { className: "changes" });
  const result = make("div", { className: "result", "aria-live": "polite" });
  const why = make("input", { id: "edit-why", maxLength: 1000, autocomplete: "off" });
  const rehearse = make("button", { type: "button", id: "edit-rehearse", className: "quiet" }, "Rehearse first");
  const send = make("button", { type: "submit", id: "edit-send" }, "Retry with these changes");
  const box = make("textarea", { id: "edit-json", className: "json-box", rows: 20, spellcheck: false, "aria-label": "The message as JSON", dir: "ltr" });
  const text = make("textarea", { id: "edit-text", className: "json-box", rows: 14, spellcheck: false, "aria-label": "The message as text", dir: "ltr" });
  const form = letter.schema && state.isJson ? formOf(letter.schema, state.model, () => changed("form")) : null;

  const panels = [
    ...(form ? [{ name: "Form", element: form.element }] : []),
    ...(state.isJson ? [{ name: "JSON", element: box }] : [{ name: "Text", element: text }]),
  ];
  const tabs = panels.map(({ name, element }, index) => make("button", { type: "button", role: "tab", id: `edit-tab-${name}`, "aria-controls": `edit-panel-${name}`, onclick: () => show(index), onkeydown: (event) => { if (["ArrowLeft", "ArrowRight"].includes(event.key)) { show((index + 1) % panels.length); tabs[(index + 1) % panels.length].focus(); } } }, name));
  const holders = panels.map(({ name, element }) => make("div", { role: "tabpanel", id: `edit-panel-${name}`, "aria-labelledby": `edit-tab-${name}` }, element));

  function show(chosen) {
    tabs.forEach((tab, index) => { tab.setAttribute("aria-selected", String(index === chosen)); tab.tabIndex = index === chosen ? 0 : -1; holders[index].hidden = index !== chosen; });
  }

  // -- in step
  function changed(from) {
    if (from === "form") { state.broken = null; box.value = json(state.model.get(), 2); }
    if (from === "json") {
      try { state.model.set(parse(box.value)); state.broken = null; form?.draw(); } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        state.broken = `This is not JSON: ${error.message}`;
      }
    }
    if (from === "text") state.text = text.value;
    once = onceName();
    result.replaceChildren();
    general.textContent = state.broken ?? "";
    drawChanges();
    check();
  }

  const edited = () => {
    // As text: the numbers reach the plant as they are written here.
    return { text: state.isJson ? json(state.model.get()) : text.value };
  };
  const isSame = () => (state.isJson ? json(state.model.get()) === json(before) : text.value === original);
  const drawChanges = () => changes.replaceChildren(make("h3", {}, "What is changed"), state.isJson ? drawDifferences(differences(before, state.model.get())) : drawTextDifference(original, text.value));

  // -- checked here first, then by the plant: its answer stands at the field it is about
  let timer = null;
  let asked = 0;
  let once = onceName();
  const busy = (words) => { status.dataset.tone = ""; status.textContent = words; };
  function complain(found) {
    const left = form ? showComplaints(form.element, found) : found;
    general.replaceChildren(...visible([state.broken, ...left.map(({ path, words }) => (path ? `${path}: ${words}` : words))].filter(Boolean).join(" ")));
    if (found.length) { status.dataset.tone = "bad"; status.textContent = found.length === 1 ? "One thing is not right yet." : `${found.length} things are not right yet.`; }
    return found.length === 0 && !state.broken;
  }
  const checkHere = () => complain(state.broken ? [] : state.isJson && letter.schema ? complaints(letter.schema, state.model.get()) : []);

  function check() {
    clearTimeout(timer);
    asked += 1;
    const mine = asked;
    if (!checkHere()) return;
    busy("Being checked…");
    timer = setTimeout(async () => {
      try {
        const { rehearsal } = await dry();
        if (mine === asked) verdict(rehearsal);
      } catch (error) { if (mine === asked) refused(error); }
    }, CHECK_MS);
  }

  const dry = () => call(letterPath(letter.failure_id, EDITED.path), { ...edited(), dry_run: true });
  function verdict(rehearsal) {
    const [told] = rehearsal.messages ?? [];
    const isRefused = told?.outcome === "refused";
    if (isRefused) complain([{ path: told.path, words: told.reason }]);
    status.dataset.tone = isRefused ? "bad" : "good";
    status.textContent = isRefused ? "It would be refused again." : told?.outcome === "repeated" ? "Accepted, but it took effect before and would change nothing." : "Checked: it would take effect.";
    return !isRefused;
  }
  function refused(error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 409) { others(error.message); onDone(); return; }
    const { path } = error.problem;
    complain([{ path: path ?? "", words: error.message }]);
  }

  // -- somebody else
  function others(words) {
    conflict.hidden = false;
    conflict.replaceChildren(...visible(words));
    send.disabled = rehearse.disabled = true;
    busy("");
  }
  function othersActed() {
    const now = document.getElementById("state");
    if (Number(now.dataset.version) !== begun && place.dataset.sent !== "true") others(`${now.querySelector(".now").textContent.replace(/\s+/g, " ").trim()} What you changed here is not sent; copy it if you need it.`);
  }

  async function guarded(work) {
    editor.inert = true;
    try { await work(); } catch (error) { refused(error); } finally { editor.inert = false; }
  }

  rehearse.addEventListener("click", () => guarded(async () => {
    clearTimeout(timer);
    asked += 1;
    if (!checkHere()) return;
    busy("Rehearsing…");
    const { rehearsal } = await dry();
    verdict(rehearsal);
    result.replaceChildren(drawRehearsal(rehearsal));
    result.scrollIntoView({ block: "nearest" });
  }));

  function close() {
    clearTimeout(timer);
    asked += 1;
    place.hidden = true;
    place.replaceChildren();
    onClose();
  }

  const columns = make("div", { className: "editor-columns" }, make("div", { className: "editing" }, make("div", { className: "tabs", role: "tablist", "aria-label": "How to edit" }, ...tabs), ...holders),
    make("div", { className: "checking" }, status, general, changes));
  const editor = make("form", { noValidate: true, onsubmit: (event) => {
    event.preventDefault();
    guarded(async () => {
      clearTimeout(timer);
      asked += 1;
      if (isSame()) { general.textContent = "Nothing is changed. To send it as it came, take Retry."; return; }
      if (!checkHere()) return;
      place.dataset.sent = "true";
      try {
        const answer = await call(letterPath(letter.failure_id, EDITED.path), { ...edited(), reason: why.value.trim() || null, expected_version: begun }, once);
        sayOne(answer, EDITED);
        onDone(answer);
        close();
      } finally { place.dataset.sent = "false"; }
    });
  } },
  make("header", { className: "editor-head" }, make("h2", { id: "editor-title" }, "Edit & retry"), make("button", { type: "button", className: "quiet", onclick: close }, "Close without sending")),
  conflict, columns, result,
  make("footer", { className: "editor-foot" }, make("label", { htmlFor: "edit-why" }, "Why? (may be empty)", why), rehearse, send));

  if (state.isJson) box.value = json(before, 2);
  text.value = original;
  box.addEventListener("input", () => changed("json"));
  text.addEventListener("input", () => changed("text"));
  place.replaceChildren(editor);
  place.hidden = false;
  show(0);
  drawChanges();
  complain([{ path: letter.error_path ?? "", words: letter.error_message }]);
  status.dataset.tone = "";
  status.textContent = "Change what is wrong; it is checked as you go.";
  const faulty = editor.querySelector("[aria-invalid]") ?? holders[0].querySelector("input, textarea, select");
  faulty?.focus();
  place.scrollIntoView({ block: "start" });
  return { close, othersActed };
}

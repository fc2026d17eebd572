// One order: its figure moves with the machine, its lists follow, and people say what is to become of it.
import { ask } from "./api.js";
import { figure } from "./dom.js";
import { refresh, say } from "./live.js";

const id = document.getElementById("order").dataset.order;
const address = `work-orders/${encodeURIComponent(id)}`;
const head = document.getElementById("order-head");
const lists = document.getElementById("order-lists");
const COUNTED_MS = 3_000;
const CHANGED_MS = 300;

// -- what changes

function showMade(order) {
  const told = (name) => head.querySelector(`[data-told="${name}"]`);
  const tail = told("made").textContent.split(" of ")[1];
  told("share").textContent = `${figure(order.progress_percentage)} %`;
  told("made").textContent = `${figure(order.quantity_produced)} of ${tail}`;
  head.querySelector("meter").value = order.progress_percentage;
}

let due = null;
let dueAt = Infinity;
function refreshLists(milliseconds) {
  const at = performance.now() + milliseconds;
  if (at >= dueAt) return;
  clearTimeout(due);
  dueAt = at;
  due = setTimeout(() => { dueAt = Infinity; refresh(lists); }, milliseconds);
}

document.addEventListener("plant:changes", ({ detail }) => {
  for (const { type, payload } of detail) {
    if (payload?.work_order_id !== id) continue;
    if (type === "work_order.progressed") showMade(payload);
    refreshLists(type === "work_order.progressed" ? COUNTED_MS : CHANGED_MS);
  }
});
setInterval(() => refreshLists(0), 30_000);

// -- what people write

function written(form, what, body) {
  const complaint = form.querySelector(".complaint");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    complaint.textContent = "";
    try {
      await ask(`${address}/${what}`, { method: "POST", body: JSON.stringify(body(new FormData(form))) });
      form.reset();
      refresh(lists);
    } catch (error) {
      complaint.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
}

const noteForm = document.getElementById("add-note");
const taskForm = document.getElementById("add-task");
if (noteForm) written(noteForm, "notes", (told) => ({ body: told.get("body") }));
if (taskForm) {
  written(taskForm, "tasks", (told) => ({
    title: told.get("title"),
    assigned_to: told.get("assigned_to").trim() || null,
    due_at: told.get("due_at") ? new Date(told.get("due_at")).toISOString() : null,
  }));
}

lists.addEventListener("click", async (event) => {
  const tick = event.target.closest("[data-task]");
  if (!tick) return;
  try {
    await ask(`${address}/tasks/${encodeURIComponent(tick.dataset.task)}`, { method: "PATCH", body: JSON.stringify({ status: tick.dataset.to }) });
    refresh(lists);
  } catch (error) {
    say(error.message, "bad");
  }
});

// -- what people say to it

const dialog = document.getElementById("say");
const form = document.getElementById("say-form");
const part = (name) => document.getElementById(`say-${name}`);
let verb = null;
let key = null;

/** A key for one intention: sending it twice acts once. (randomUUID is missing where the page came without TLS.) */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

head.addEventListener("click", (event) => {
  const button = event.target.closest("[data-verb]");
  if (!button || button.disabled) return;
  verb = button.dataset.verb;
  key = newKey();
  form.reset();
  part("title").textContent = `${button.dataset.words} ${id}`;
  part("meaning").textContent = button.dataset.meaning;
  part("do").textContent = button.dataset.words;
  part("do").className = button.dataset.final === undefined ? "" : "bad";
  part("assign").hidden = verb !== "assign";
  part("optional").hidden = button.dataset.needsReason !== undefined;
  part("reason").required = button.dataset.needsReason !== undefined;
  part("complaint").textContent = "";
  dialog.showModal();
});

dialog?.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
});

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = new FormData(form);
  const body = { reason: told.get("reason").trim() || null };
  if (verb === "assign") Object.assign(body, { machine_id: told.get("machine_id") || null, operator_id: told.get("operator_id") || null });
  part("do").disabled = true;
  part("complaint").textContent = "";
  try {
    const { status, order } = await ask(`${address}/${verb}`, { method: "POST", headers: { "Idempotency-Key": key }, body: JSON.stringify(body) });
    dialog.close();
    say(status === "done" ? `${id} is ${order.status.replaceAll("_", " ")}.` : `${id} was told; what becomes of it shows here as soon as it is known.`);
    refresh(head);
    refreshLists(CHANGED_MS);
  } catch (error) {
    part("complaint").textContent = error.message;
    refresh(head);
  } finally {
    part("do").disabled = false;
  }
});

// The floor: asks once, then follows what changes, and asks again now and then in case something was missed.
import { ask } from "./api.js";
import { figure, make, since, until } from "./dom.js";
import { say } from "./live.js";

const QUIET_AFTER_MS = 120_000;
const GAP_SHOWN_MS = 3_600_000;
const byId = (id) => document.getElementById(id);
const machines = new Map();
const orders = new Map();
const rates = [];
const CLOSED = new Set(["completed", "cancelled"]);
const TONES = { in_progress: "good", completed: "good", assigned: "idle", released: "idle", on_hold: "warn", cancelled: "bad" };
const KEEP_CLOSED_MS = 8_000;
const SHOWN = 40;
const RANK = { urgent: 0, high: 1, normal: 2, low: 3 };
const tenths = (value) => figure(Math.round(value * 10) / 10);
const inHall = new Intl.DateTimeFormat("en-GB", { timeZone: document.documentElement.dataset.zone || "UTC", hour: "2-digit", minute: "2-digit" });

// -- machines

const cards = new Map();

function drawFloor() {
  if (!machines.size) return;
  const now = Date.now();
  const sorted = [...machines.values()].sort((a, b) => (a.line ?? "").localeCompare(b.line ?? "") || a.machine_id.localeCompare(b.machine_id));
  const wanted = sorted.map((machine) => drawMachine(machine, now));
  if (wanted.some((card, index) => byId("floor").children[index] !== card)) byId("floor").replaceChildren(...wanted);
}

function newCard(id) {
  const parts = Object.fromEntries(["name", "id", "status", "job", "seen", "util"].map((name) => [name, make("span", { className: name })]));
  const card = make("a", { className: "machine", href: `/machines/${encodeURIComponent(id)}`, data: { machine: id } }, ...Object.values(parts));
  cards.set(id, Object.assign(card, { parts }));
  return card;
}

/** Only what is other than before is written: a card that did not change costs nothing. */
function write(part, ...told) {
  const text = told.map((each) => (each instanceof Node ? `<${each.textContent}>` : each)).join("");
  if (part.dataset.shown === text) return;
  part.dataset.shown = text;
  part.replaceChildren(...told);
}

function drawMachine(machine, now) {
  const card = cards.get(machine.machine_id) ?? newCard(machine.machine_id);
  const { parts } = card;
  const isStale = now - Date.parse(machine.last_seen_at) > QUIET_AFTER_MS;
  card.classList.toggle("stale", isStale);
  card.dataset.status = machine.status;
  write(parts.name, machine.machine_name);
  write(parts.id, `${machine.machine_id} · ${machine.line}`);
  write(parts.status, ...(isStale ? staleStatus(machine, `silent ${since(machine.last_seen_at, now).replace(" ago", "")}`) : [machine.status]));
  write(parts.job, ...jobOf(machine));
  const gap = machine.gap && now - Date.parse(machine.gap.to_at) < GAP_SHOWN_MS ? machine.gap : null;
  write(parts.seen, ...(gap ? [make("span", { className: "gap", title: gap.reason }, `gap ${inHall.format(Date.parse(gap.from_at))}–${inHall.format(Date.parse(gap.to_at))}`)]
    : isStale ? [`last seen ${inHall.format(Date.parse(machine.last_seen_at))}`] : [`seen ${since(machine.last_seen_at, now)}`]));
  write(parts.util, machine.utilization_percentage === null || machine.utilization_percentage === undefined
    ? `${figure(machine.total_units)} units` : `${Math.round(machine.utilization_percentage)} % used`);
  return card;
}

/** A machine that broke down and says nothing is still down; of any other nobody knows. */
function staleStatus(machine, silence) {
  const [first, second] = machine.status === "breakdown" ? [machine.status, silence] : [silence, `was ${machine.status}`];
  return [`${first} `, make("span", { className: "was" }, second)];
}

function jobOf(machine) {
  if (!machine.current_work_order_id) return [make("span", {}, "no order")];
  const order = orders.get(machine.current_work_order_id);
  const share = order?.progress_percentage ?? machine.current_progress_percentage;
  const what = order?.product_name ?? machine.product_name ?? machine.current_product_id ?? machine.current_work_order_id;
  return [...(share === null || share === undefined ? [] : [make("b", {}, `${Math.floor(share)} %`)]), make("span", {}, what)];
}

// -- work orders

function visible() {
  const now = Date.now();
  return [...orders.values()]
    .filter((order) => !CLOSED.has(order.status) || now - (order.closedAt ?? 0) < KEEP_CLOSED_MS)
    .sort((a, b) => CLOSED.has(a.status) - CLOSED.has(b.status) || (b.quantity_produced > 0) - (a.quantity_produced > 0) || RANK[a.priority] - RANK[b.priority]
      || Date.parse(a.due_date) - Date.parse(b.due_date) || a.work_order_id.localeCompare(b.work_order_id));
}

function drawOrders() {
  const those = visible();
  byId("orders-count").textContent = those.length || "";
  if (!those.length) return;
  const body = byId("orders");
  const rows = new Map([...body.children].map((row) => [row.dataset.order, row]));
  const wanted = those.slice(0, SHOWN).map((order) => drawOrder(rows.get(order.work_order_id), order));
  // Only what stands in the wrong place is moved: a row that is put in anew would begin its animations again.
  wanted.forEach((row, index) => { if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null); });
  while (body.children.length > wanted.length) body.lastElementChild.remove();
}

function drawOrder(row, order) {
  const is = row ?? newRow(order);
  const isLate = !CLOSED.has(order.status) && Date.parse(order.due_date) < Date.now();
  is.meter.value = order.progress_percentage;
  is.meter.dataset.tone = order.is_interrupted ? "bad" : "";
  write(is.share, `${tenths(order.progress_percentage)} %`);
  write(is.made, `${figure(order.quantity_produced)} / ${figure(order.quantity_ordered)}`);
  write(is.scrap, order.quantity_scrapped > 0 ? `${figure(order.quantity_scrapped)} scrap` : "");
  write(is.due, until(order.due_date));
  is.due.className = isLate ? "tag late" : "";
  const state = order.is_interrupted ? "interrupted" : order.status.replaceAll("_", " ");
  if (is.state.textContent !== state && row) is.classList.add("flash");
  write(is.state, state);
  is.state.dataset.tone = order.is_interrupted ? "bad" : TONES[order.status] ?? "";
  return is;
}

function newRow(order) {
  const id = order.work_order_id;
  const parts = {
    meter: make("meter", { className: "meter", min: 0, max: 100, "aria-label": `Progress of ${id}` }), share: make("span", { className: "amount" }),
    made: make("span"), scrap: make("span", { className: "sub" }), due: make("span"), state: make("span", { className: "tag" }),
  };
  const row = make("tr", { data: { order: id }, onanimationend: () => row.classList.remove("flash") },
    make("td", {}, make("a", { className: "mono", href: `/orders/${encodeURIComponent(id)}` }, id), make("span", { className: "sub" }, order.erp_work_order_id)),
    make("td", { className: "clip" }, order.product_name ?? order.product_id, make("span", { className: "sub" }, `${order.priority} priority`)),
    make("td", {}, make("div", { className: "track" }, parts.meter, parts.share)),
    make("td", { className: "right" }, parts.made, parts.scrap),
    make("td", {}, parts.due), make("td", {}, parts.state));
  return Object.assign(row, parts);
}

// -- dead letters and alerts

async function loadLetters() {
  const { groups } = await ask("failures?status=pending_manual_review&limit=1");
  const sum = groups.reduce((total, group) => total + group.failures, 0);
  byId("letters-count").textContent = sum ? figure(sum) : "";
  setFigure("dead_letters", sum);
  byId("causes").replaceChildren(...(sum ? groups.slice(0, 5).map(drawCause) : [make("p", { className: "empty" }, "Nothing failed.")]));
}

function drawCause(group) {
  const path = group.error_path ? ` · field ${group.error_path}` : "";
  return make("a", { className: "cause", title: group.example, href: `/failures/${encodeURIComponent(group.example_failure_id)}` },
    make("b", {}, figure(group.failures)), make("span", { className: "code" }, group.error_code),
    make("span", { className: "why" }, group.integration_type.replaceAll("_", " ") + path));
}

async function loadAlerts() {
  const { alerts } = await ask("alerts?limit=6");
  byId("alerts").replaceChildren(...(alerts.length ? alerts.map(drawAlert) : [make("li", { className: "empty" }, "All quiet.")]));
}

function drawAlert(alert) {
  return make("li", {}, make("span", { className: `what ${alert.severity}` }, alert.message), make("span", { className: "when" }, since(alert.raised_at)));
}

// -- head and path

function setFigure(name, value, text) {
  const place = document.querySelector(`[data-figure="${name}"]`);
  place.textContent = text ?? figure(value);
  place.classList.toggle("some", value > 0);
}

async function loadFigures() {
  const told = await ask("overview");
  setFigure("machines", told.running_machines, `${told.running_machines} / ${told.machines}`);
  for (const name of ["open_orders", "completed_orders", "dead_letters", "open_alerts"]) setFigure(name, told[name]);
  byId("alerts-count").textContent = told.open_alerts || "";
}

function setHop(name, text, tone = "") {
  const hop = document.querySelector(`[data-hop="${name}"]`);
  hop.querySelector("[data-value]").textContent = text;
  hop.dataset.tone = tone;
}

async function loadHealth() {
  const { parts, lag } = await ask("integrations/health");
  const waiting = (reader) => lag.filter((each) => each.reader === reader).reduce((sum, each) => sum + each.records, 0);
  const state = (name) => parts.find((part) => part.name === name)?.state ?? "unknown";
  const kafka = state("Kafka") === "up";
  setHop("inboxes", kafka ? "answers" : "does not answer", kafka ? "" : "bad");
  for (const [hop, reader] of [["agents", "agents"], ["projector", "projector"]]) {
    const records = waiting(reader);
    setHop(hop, lag.length ? (records ? `${figure(records)} wait` : "nothing waits") : "not known", records > 5000 ? "warn" : "");
  }
  setHop("rows", state("Postgres") === "up" ? "current" : "does not answer", state("Postgres") === "up" ? "" : "bad");
}

function onPulse(pulse) {
  const rate = Object.values(pulse.events_per_second).reduce((sum, value) => sum + value, 0);
  rates.push(rate);
  if (rates.length > 60) rates.shift();
  byId("rate").textContent = figure(Math.round(rate * 10) / 10);
  byId("delay").textContent = pulse.delay_p95_seconds === null ? "" : `· p95 ${figure(Math.round(pulse.delay_p95_seconds * 1000))} ms old`;
  const top = Math.max(1, ...rates) * 1.15;
  const x = (index) => 240 - (rates.length - 1 - index) * (240 / 59);
  const line = rates.map((value, index) => `${x(index).toFixed(1)},${(46 - (value / top) * 44).toFixed(1)}`);
  document.querySelector("#spark path").setAttribute("d", line.length > 1 ? `M${x(0).toFixed(1)},50 L${line.join(" L")} L240,50` : "");
}

// -- what changes

let isDue = false;
function drawSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; drawFloor(); drawOrders(); });
}

const later = new Map();
function soon(load, milliseconds) {
  if (later.has(load)) return;
  later.set(load, setTimeout(() => { later.delete(load); load().catch(complain); }, milliseconds));
}

function onChanges(changes) {
  for (const { type, payload } of changes) {
    if (type === "integration.failed" || type.startsWith("repair.")) { soon(loadLetters, 800); soon(loadFigures, 800); }
    else if (type === "alert.raised") { soon(loadAlerts, 500); soon(loadFigures, 500); }
    else if (type.startsWith("work_order.")) mergeOrder(payload);
    else if (type === "machine.gap_marked") mergeMachine({ machine_id: payload.machine_id, gap: payload });
    else if (type.startsWith("machine.") && payload.last_seen_at) mergeMachine(payload);
  }
  drawSoon();
}

function mergeMachine(payload) {
  const known = machines.get(payload.machine_id);
  if (!known && payload.gap) return;
  if (known?.status !== payload.status && payload.status) soon(loadFigures, 1000);
  machines.set(payload.machine_id, { ...known, ...payload });
}

function mergeOrder(payload) {
  const known = orders.get(payload.work_order_id);
  if (known && known.version >= payload.version) return;
  if (!known && !payload.product_id) { soon(loadOrders, 1000); return; }
  const order = { ...known, ...payload };
  if (CLOSED.has(order.status) && !CLOSED.has(known?.status)) { order.closedAt = Date.now(); soon(loadFigures, 1000); }
  if (!known) soon(loadFigures, 1000);
  orders.set(order.work_order_id, order);
}

async function loadFloor() {
  for (const machine of (await ask("machines")).machines) {
    if (!(machines.get(machine.machine_id)?.version > machine.version)) machines.set(machine.machine_id, { ...machines.get(machine.machine_id), ...machine });
  }
  drawSoon();
}

async function loadOrders() {
  const open = ["received", "released", "assigned", "in_progress", "on_hold"].map((status) => `status=${status}`).join("&");
  for (const order of (await ask(`work-orders?${open}&limit=200`)).work_orders) {
    if (!(orders.get(order.work_order_id)?.version > order.version)) orders.set(order.work_order_id, { ...orders.get(order.work_order_id), ...order });
  }
  for (const [id, order] of orders) if (CLOSED.has(order.status) && Date.now() - (order.closedAt ?? 0) > KEEP_CLOSED_MS) orders.delete(id);
  drawSoon();
}

const complain = (error) => say(error.message, "bad");
const loadAll = () => Promise.all([loadFloor(), loadOrders(), loadLetters(), loadAlerts(), loadFigures(), loadHealth()]).catch(complain);

let wasLost = false;
document.addEventListener("plant:changes", ({ detail }) => onChanges(detail));
document.addEventListener("plant:pulse", ({ detail }) => onPulse(detail));
document.addEventListener("plant:state", ({ detail }) => { if (detail === "live" && wasLost) loadAll(); wasLost = detail !== "live"; });
loadAll();
setInterval(() => loadHealth().catch(() => setHop("inboxes", "not known", "warn")), 5_000);
setInterval(loadAll, 20_000);
setInterval(drawSoon, 5_000);

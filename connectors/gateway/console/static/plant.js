// The plant at a glance: asks once, then follows what changes, and asks again now and then in case something was missed.
import { ask, follow } from "./api.js";
import { figure, make, since, until } from "./dom.js";
import { openFailure, openOrder } from "./sheets.js";

const QUIET_AFTER_MS = 120_000;
const byId = (id) => document.getElementById(id);
const machines = new Map();
const orders = new Map();
const rates = [];
const CLOSED = new Set(["completed", "cancelled"]);
const KEEP_CLOSED_MS = 8_000;
const RANK = { urgent: 0, high: 1, normal: 2, low: 3 };

// -- the floor

function drawFloor() {
  const halls = Map.groupBy([...machines.values()].sort((a, b) => a.machine_id.localeCompare(b.machine_id)), (machine) => machine.line);
  const now = Date.now();
  if (!machines.size) return;
  byId("floor").replaceChildren(...[...halls.entries()].sort().flatMap(([line, those]) => [
    make("p", { className: "hall" }, line), ...those.map((machine) => drawMachine(machine, now))]));
}

function drawMachine(machine, now) {
  const order = orders.get(machine.current_work_order_id);
  const isStale = now - Date.parse(machine.last_seen_at) > QUIET_AFTER_MS;
  const job = order ? `${Math.floor(order.progress_percentage)} % · ${order.product_name ?? order.product_id}`
    : machine.current_work_order_id ?? "no order";
  return make("div", { className: `machine${isStale ? " stale" : ""}`, data: { status: machine.status } },
    make("b", { title: machine.reason ?? "" }, machine.machine_name, make("span", { className: "id" }, machine.machine_id)),
    make("span", { className: "status" }, isStale ? `silent for ${since(machine.last_seen_at, now).replace(" ago", "")}` : machine.status),
    make("span", { className: "job" }, job),
    make("span", { className: "util" }, machine.utilization_percentage === null || machine.utilization_percentage === undefined
      ? `${figure(machine.total_units)} units` : `${figure(machine.utilization_percentage)} % used`));
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
  const wanted = those.slice(0, 60).map((order) => drawOrder(rows.get(order.work_order_id), order));
  // Only what stands in the wrong place is moved: a row that is put in anew would begin its animations again.
  wanted.forEach((row, index) => { if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null); });
  while (body.children.length > wanted.length) body.lastElementChild.remove();
}

function drawOrder(row, order) {
  const is = row ?? newRow(order);
  const isLate = !CLOSED.has(order.status) && Date.parse(order.due_date) < Date.now();
  is.track.firstChild.style.setProperty("--done", order.progress_percentage);
  is.track.classList.toggle("hurt", order.is_interrupted);
  is.share.textContent = `${figure(order.progress_percentage)} %`;
  is.made.textContent = `${figure(order.quantity_produced)} / ${figure(order.quantity_ordered)}`;
  is.scrap.textContent = order.quantity_scrapped > 0 ? `${figure(order.quantity_scrapped)} scrap` : "";
  is.due.textContent = until(order.due_date);
  is.due.className = isLate ? "tag late" : "";
  const state = order.is_interrupted ? "interrupted" : order.status.replaceAll("_", " ");
  if (is.state.textContent !== state && row) is.classList.add("flash");
  is.state.textContent = state;
  is.state.className = `tag ${order.is_interrupted ? "hurt" : order.status}`;
  return is;
}

function newRow(order) {
  const open = () => openOrder(order.work_order_id);
  const parts = {
    track: make("div", { className: "track" }, make("i")), share: make("span"), made: make("span"),
    scrap: make("span", { className: "sub" }), due: make("span"), state: make("span"),
  };
  const row = make("tr", { tabIndex: 0, data: { order: order.work_order_id },
    onanimationend: () => row.classList.remove("flash"), onclick: open, onkeydown: (event) => event.key === "Enter" && open() },
    make("td", {}, make("span", { className: "mono" }, order.work_order_id), make("span", { className: "sub" }, order.erp_work_order_id)),
    make("td", { className: "clip" }, order.product_name ?? order.product_id, make("span", { className: "sub" }, `${order.priority} priority`)),
    make("td", {}, parts.track, make("span", { className: "share" }, parts.share)),
    make("td", { className: "right" }, parts.made, parts.scrap),
    make("td", {}, parts.due), make("td", {}, parts.state));
  return Object.assign(row, parts);
}

// -- dead letters and alerts

async function loadLetters() {
  const { failures, groups } = await ask("failures?status=pending_manual_review&limit=5");
  const sum = groups.reduce((total, group) => total + group.failures, 0);
  byId("letters-count").textContent = sum ? figure(sum) : "";
  setFigure("dead_letters", sum);
  if (!sum) return;
  byId("causes").replaceChildren(...groups.slice(0, 7).map((group) => make("button",
    { className: "cause", title: group.example, onclick: () => openFailure(group.example_failure_id) },
    make("b", {}, figure(group.failures)), make("span", { className: "code" }, group.error_code),
    make("span", { className: "why" }, group.integration_type.replaceAll("_", " ") + (group.error_path ? ` · field ${group.error_path}` : "")))));
  byId("letters").replaceChildren(...failures.map((letter) => make("li", {},
    make("button", { className: "open what", onclick: () => openFailure(letter.failure_id) }, letter.error_message),
    make("span", { className: "when" }, since(letter.failed_at)))));
}

async function loadAlerts() {
  const { alerts } = await ask("alerts?limit=12");
  byId("alerts").replaceChildren(...(alerts.length ? alerts.map(drawAlert) : [make("li", { className: "empty" }, "All quiet.")]));
}

function drawAlert(alert) {
  const take = async () => {
    await ask(`alerts/${encodeURIComponent(alert.alert_id)}/acknowledge`, { method: "POST" });
    await Promise.all([loadAlerts(), loadFigures()]);
  };
  return make("li", {},
    make("span", { className: `what ${alert.severity}` }, alert.message),
    make("span", { className: "when" }, since(alert.raised_at), " ", make("button", { className: "quiet", title: "I take this on", onclick: take }, "✓")));
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
  setHop("inboxes", kafka ? "Kafka answers" : "Kafka does not answer", kafka ? "" : "bad");
  for (const [hop, reader] of [["agents", "agents"], ["projector", "projector"]]) {
    const records = waiting(reader);
    setHop(hop, lag.length ? (records ? `${figure(records)} on their way` : "nothing waits") : "not known", records > 5000 ? "warn" : "");
  }
  setHop("rows", state("Postgres") === "up" ? "current" : "does not answer", state("Postgres") === "up" ? "" : "bad");
}

function onPulse(pulse) {
  const rate = Object.values(pulse.events_per_second).reduce((sum, value) => sum + value, 0);
  rates.push(rate);
  if (rates.length > 60) rates.shift();
  byId("rate").textContent = figure(Math.round(rate * 10) / 10);
  byId("delay").textContent = pulse.delay_p95_seconds === null ? "" : `· p95 ${figure(Math.round(pulse.delay_p95_seconds * 1000))} ms old`;
  setHop("events", rate ? `${figure(Math.round(rate))} a second` : "quiet");
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
    if (type === "integration.failed") soon(loadLetters, 800);
    else if (type === "alert.raised") { soon(loadAlerts, 500); soon(loadFigures, 500); }
    else if (type.startsWith("work_order.")) mergeOrder(payload);
    else if (type.startsWith("machine.") && payload.last_seen_at) machines.set(payload.machine_id, { ...machines.get(payload.machine_id), ...payload });
  }
  drawSoon();
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
  for (const machine of (await ask("machines")).machines) machines.set(machine.machine_id, machine);
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

function complain(error) {
  const link = byId("link");
  link.dataset.state = "lost";
  link.textContent = error.message;
}

const loadAll = () => Promise.all([loadFloor(), loadOrders(), loadLetters(), loadAlerts(), loadFigures(), loadHealth()]).catch(complain);
const showState = (state) => {
  const link = byId("link");
  link.dataset.state = state;
  link.textContent = state === "live" ? "live" : "connection lost; trying again";
  if (state === "live") loadAll();
};

byId("sign-out").addEventListener("click", async () => { await fetch("/logout", { method: "POST" }); location.assign("/login"); });
loadAll();
follow({ onState: showState, onChanges, onPulse });
setInterval(() => loadHealth().catch(complain), 3_000);
setInterval(loadAll, 15_000);
setInterval(drawSoon, 5_000);

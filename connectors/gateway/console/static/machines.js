// Machines: states and counters follow what machines say; bands and charts are drawn anew now and then, and when a status changes.
import { figure, make } from "./dom.js";

const TONES = { running: "good", idle: "idle", stopped: "warn", breakdown: "bad" };
const SOON_MS = 800;
const mine = document.getElementById("machine")?.dataset.machine;

// -- what changes

function update(unit, machine) {
  unit.querySelector('[data-told="units"]').textContent = figure(machine.total_units);
  if (unit.dataset.status === machine.status && !unit.classList.contains("stale")) return;
  unit.dataset.status = machine.status;
  unit.classList.remove("stale");
  unit.querySelector('[data-told="state"]').replaceChildren(make("span", { className: "light", data: { tone: TONES[machine.status] ?? "" } }, machine.status));
}

let due = null;
const drawSoon = () => {
  due ??= setTimeout(() => { due = null; document.querySelectorAll("[data-every]").forEach((part) => htmx.trigger(part, "due")); }, SOON_MS);
};

document.addEventListener("plant:changes", ({ detail }) => {
  for (const { type, id, payload } of detail) {
    const unit = document.querySelector(`.unit[data-machine="${CSS.escape(payload?.machine_id ?? id)}"]`);
    if (unit && payload.last_seen_at) update(unit, payload);
    if (mine && payload?.machine_id === mine && (type === "machine.status_changed" || type.startsWith("downtime.") || type === "machine.gap_marked")) drawSoon();
  }
});

for (const part of document.querySelectorAll("[data-every]")) {
  setInterval(() => { if (!document.hidden) document.querySelectorAll(`#${part.id}`).forEach((now) => htmx.trigger(now, "due")); }, Number(part.dataset.every) * 1000);
}

// An opened list of figures stays open when its part of the page is drawn anew.
const opened = new Set();
document.addEventListener("htmx:beforeSwap", () => {
  opened.clear();
  for (const each of document.querySelectorAll("details[open] > summary")) opened.add(each.textContent);
});

// -- the cycle times

let chart = null;
function drawCycle() {
  chart?.destroy();
  chart = null;
  const place = document.getElementById("cycle");
  if (!place) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const zone = document.documentElement.dataset.zone || "UTC";
  const day = place.dataset.to - place.dataset.from > 90_000;
  const clock = new Intl.DateTimeFormat("en-GB", day ? { timeZone: zone, day: "2-digit", month: "short" } : { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  const exact = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const step = Number(place.dataset.step);
  const points = place.dataset.points.split(";").map((point) => point.split(",").map(Number));
  const rows = [];
  for (const point of points) {
    if (rows.length && point[0] - rows.at(-1)[0] > step * 1.5) rows.push([rows.at(-1)[0] + step, null, null, null]);
    rows.push(point);
  }
  const ideal = place.dataset.ideal ? Number(place.dataset.ideal) : null;
  const [x, median, least, most] = [0, 1, 2, 3].map((column) => rows.map((row) => row[column]));
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const seconds = (chart_, value) => (value === null || value === undefined ? "–" : `${figure(value)} s`);
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  chart = new uPlot({
    width: place.clientWidth, height: 230, cursor: { points: { size: 7 } }, legend: { live: true },
    tzDate: (stamp) => new Date(stamp * 1000),
    scales: { x: { range: [Number(place.dataset.from), Number(place.dataset.to)] }, y: { range: (self, low, high) => [0, Math.max(high, ideal ?? 0) * 1.12 || 1] } },
    axes: [{ ...axis, values: (self, stamps) => stamps.map((stamp) => clock.format(stamp * 1000)) }, { ...axis, size: 56, values: (self, values) => values.map((value) => `${figure(value)} s`) }],
    bands: [{ series: [3, 2], fill: `color-mix(in srgb, ${colour("--idle")} 22%, transparent)` }],
    series: [
      { label: "at", value: (self, stamp) => (stamp === null ? "–" : exact.format(stamp * 1000)) },
      { label: "median", stroke: colour("--idle"), width: 2, points: { show: rows.length < 60, size: 5, fill: colour("--idle") }, value: seconds },
      { label: "least", ...edge, value: seconds }, { label: "most", ...edge, value: seconds },
      ...(ideal ? [{ label: "ideal", stroke: colour("--good"), width: 2, dash: [7, 5], points: { show: false }, value: seconds }] : []),
    ],
  }, [x, median, least, most, ...(ideal ? [x.map(() => ideal)] : [])], place);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "machine-work") return;
  for (const each of document.querySelectorAll("details > summary")) if (opened.has(each.textContent)) each.parentElement.open = true;
  drawCycle();
});
if (mine) {
  drawCycle();
  addEventListener("resize", () => { if (chart) chart.setSize({ width: document.getElementById("cycle").clientWidth, height: 230 }); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCycle);
}

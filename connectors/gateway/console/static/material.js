// The stock of a material over time, drawn from what the plant remembers of it.
import { ask } from "./api.js";
import { figure } from "./dom.js";

const place = document.getElementById("stock-chart");
const words = document.getElementById("stock-words");
const zone = document.documentElement.dataset.zone || undefined;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plain = (told) => figure(told).replaceAll(",", "\u202f");
const STEPS = [1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 10080].map((minutes) => minutes * 60);
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" });
const time = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
let chart = null;
let drawn = null;

function options(width) {
  const { unit } = place.dataset;
  const axis = { stroke: token("--soft"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 }, font: "12px system-ui" };
  const stepped = uPlot.paths.stepped({ align: 1 });
  const value = (_, told) => (told === null || told === undefined ? "–" : `${plain(told)} ${unit}`);
  return {
    width, height: 220, tzDate: (seconds) => (zone ? uPlot.tzDate(new Date(seconds * 1000), zone) : new Date(seconds * 1000)),
    scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
    axes: [{ ...axis, space: 90, incrs: STEPS, values: (_, splits) => splits.map((at) => time.format(at * 1000)) }, { ...axis, size: 64, values: (_, splits) => splits.map(plain) }],
    series: [
      { label: "At", value: (_, at) => (at ? clock.format(at * 1000) : "–") },
      { label: "On hand", stroke: token("--accent"), width: 2, fill: `${token("--accent")}1f`, paths: stepped, points: { show: false }, value },
      { label: "Allocated", stroke: token("--idle"), width: 1.5, paths: stepped, points: { show: false }, value },
      { label: "Safety stock", stroke: token("--warn"), width: 1.5, dash: [6, 5], points: { show: false }, value },
    ],
  };
}

function draw() {
  if (!drawn) return;
  chart?.destroy();
  chart = new uPlot(options(Math.max(280, place.clientWidth)), drawn, place);
}

function tell(states) {
  const first = states[0];
  const last = states.at(-1);
  const least = Math.min(...states.map((state) => state.on_hand_quantity));
  words.textContent = `${states.length} ${states.length === 1 ? "moment" : "moments"} since ${clock.format(Date.parse(first.at))}: `
    + `from ${plain(first.on_hand_quantity)} to ${plain(last.on_hand_quantity)} ${place.dataset.unit} on hand, at least ${plain(least)}.`;
}

async function load() {
  try {
    const { states } = await ask(`materials/${encodeURIComponent(place.dataset.material)}/stock`);
    if (!states.length) { words.textContent = "Nothing is remembered of its past yet."; place.hidden = true; return; }
    place.hidden = false;
    const now = { ...states.at(-1), at: new Date().toISOString() };
    const all = [...states, now];
    drawn = [
      all.map((state) => Date.parse(state.at) / 1000), all.map((state) => state.on_hand_quantity),
      all.map((state) => state.allocated_quantity), all.map((state) => state.safety_stock),
    ];
    draw();
    tell(states);
  } catch (error) {
    words.textContent = `The past of the stock could not be fetched: ${error.message}`;
    words.className = "complaint";
  }
}

let later = null;
new ResizeObserver(() => chart?.setSize({ width: Math.max(280, place.clientWidth), height: 220 })).observe(place);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.addEventListener("plant:changes", ({ detail }) => {
  if (detail.some(({ payload }) => payload?.material_id === place.dataset.material)) later ??= setTimeout(() => { later = null; load(); }, 1_500);
});
load();

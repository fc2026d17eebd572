// The trend: how many failed and how many were repaired, in the last day. Colours come from the page, so dark and light work.
import { Refusal, call } from "./failures_api.js";

const HOURS = 24;
const POINTS = 48;
let plot = null;

const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(place) {
  const zone = document.documentElement.dataset.zone || "UTC";
  const axis = { stroke: tone("--soft"), grid: { stroke: tone("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width: place.clientWidth, height: place.clientHeight, cursor: { show: false }, legend: { show: false }, padding: [8, 6, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), zone),
    scales: { y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
    axes: [{ ...axis, space: 70, size: 26, values: (self, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone })) },
      { ...axis, size: 40, space: 28 }],
    series: [{}, { stroke: tone("--bad"), fill: `${tone("--bad")}55`, width: 1, paths: uPlot.paths.bars({ size: [0.8, 18] }), points: { show: false } },
      { stroke: tone("--good"), width: 2, dash: [6, 3], points: { show: false } }],
  };
}

function sums(trend) {
  const at = new Map();
  for (const each of trend) {
    const seconds = Date.parse(each.at) / 1000;
    const [failures, resolved] = at.get(seconds) ?? [0, 0];
    at.set(seconds, [failures + each.failures, resolved + each.resolved]);
  }
  // Spans without letters are left out of the answer; on the chart they are none, not absent.
  const step = (HOURS * 3600) / POINTS;
  const now = Date.now() / 1000;
  const phase = at.size ? [...at.keys()][0] % step : now % step;
  for (let moment = Math.ceil((now - HOURS * 3600 - phase) / step) * step + phase; moment <= now; moment += step) if (![...at.keys()].some((known) => Math.abs(known - moment) < step / 2)) at.set(moment, [0, 0]);
  const moments = [...at.keys()].sort((one, other) => one - other);
  return [moments, moments.map((moment) => at.get(moment)[0]), moments.map((moment) => at.get(moment)[1])];
}

export async function drawTrend() {
  const place = document.getElementById("trend");
  if (!place || typeof uPlot === "undefined") return;
  let trend;
  try { ({ trend } = await call(`failures/metrics?hours=${HOURS}`)); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (!plot) place.textContent = "The trend could not be fetched.";
    return;
  }
  const data = sums(trend);
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  place.setAttribute("aria-label", `${total(data[1])} failed and ${total(data[2])} repaired in the last ${HOURS} hours`);
  if (plot && place.contains(plot.root)) plot.setData(data);
  else { plot?.destroy(); plot = new uPlot(options(place), data, place); }
}

export function keepTrend() {
  const again = () => { plot?.destroy(); plot = null; drawTrend(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new ResizeObserver(([entry]) => plot && plot.setSize({ width: entry.contentRect.width, height: entry.contentRect.height })).observe(document.getElementById("trend"));
  again();
}

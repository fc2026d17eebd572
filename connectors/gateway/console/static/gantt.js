// The chart: what it shows, what is chosen on it, and one frame when any of it changes.
import { HEAD, ROW } from "./gantt_bars.js";
import { draw } from "./gantt_draw.js";
import { hearKeys } from "./gantt_keys.js";
import { across, alongOrder, beside, chartOf, firstOpen, operationAt } from "./gantt_model.js";
import { mover } from "./gantt_move.js";
import { hearPointer } from "./gantt_pointer.js";
import { Scale } from "./gantt_scale.js";
import { themeOf } from "./gantt_theme.js";
import { brief } from "./gantt_words.js";

const NAMES_PX = 168;
const NAMES_NARROW_PX = 104;
const NARROW_PX = 720;
const TALLEST_SHARE = 0.66;
const NEAR_PX = 3;
const ARRIVES_MS = 900;
const CLOCK_MS = 15_000;
const BEFORE_MS = 6 * 3_600_000;
const AFTER_MS = 42 * 3_600_000;
const EDGE_ROWS = 1;
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

/** `on` is told: chosen(operation), opened(), verdict(move, verdict), moved(schedule_id), shown(name, isShown). */
export function makeGantt(canvas, tip, mayMove, on) {
  const ink = canvas.getContext("2d", { alpha: false });
  const scale = new Scale();
  const state = {
    scale, chart: null, theme: themeOf(ink), scroll: 0, selected: null, hovered: null, move: null, moves: [], preview: [],
    shows: { critical: false, baseline: true }, arriving: null, statuses: new Map(), now: Date.now(),
  };
  let size = { width: 0, height: 0 };
  let isDue = false;

  function drawSoon() {
    if (isDue || !state.chart) return;
    isDue = true;
    requestAnimationFrame(frame);
  }

  function frame(at) {
    isDue = false;
    if (state.arriving) {
      state.arriving.done = Math.min(1, (at - (state.arriving.begun ??= at)) / ARRIVES_MS);
      if (state.arriving.done === 1) state.arriving = null;
    }
    state.moves = state.move?.verdict?.moved ?? state.preview;
    draw(ink, state, size.width, size.height);
    canvas.dataset.place = [scale.from, scale.msPerPx, scale.left, state.scroll].join(" ");
    if (state.arriving) drawSoon();
  }

  // -- its size

  function resize() {
    if (!state.chart) return;
    const wanted = HEAD + state.chart.rows.length * ROW + 2;
    const height = Math.max(HEAD + 3 * ROW, Math.min(wanted, Math.round(innerHeight * TALLEST_SHARE)));
    canvas.style.height = `${height}px`;
    size = { width: canvas.clientWidth, height };
    const sharpness = devicePixelRatio || 1;
    canvas.width = Math.round(size.width * sharpness);
    canvas.height = Math.round(height * sharpness);
    ink.setTransform(sharpness, 0, 0, sharpness, 0, 0);
    const names = size.width < NARROW_PX ? NAMES_NARROW_PX : NAMES_PX;
    if (scale.left !== names || scale.width !== size.width - names) {
      const [from, to] = [scale.from, scale.to];
      scale.resize(names, size.width - names);
      if (from) scale.show(from, to);
    }
    scrollTo(state.scroll);
  }

  function scrollTo(wanted) {
    const before = state.scroll;
    state.scroll = Math.max(0, Math.min(wanted, HEAD + state.chart.rows.length * ROW - size.height));
    drawSoon();
    return state.scroll !== before;
  }

  /** What is first seen: these two days, or all of it where they hold nothing. */
  function firstSight() {
    const [from, to] = [state.now - BEFORE_MS, state.now + AFTER_MS];
    if (from < state.chart.to && to > state.chart.from) scale.show(from, to);
    else scale.fit();
  }

  // -- what is chosen

  function choose(operation, isQuiet = false) {
    state.selected = operation;
    if (operation) bringInto(operation);
    drawSoon();
    if (!isQuiet) on.chosen(operation);
  }

  function bringInto({ begin, end, row }) {
    const [first, last] = [scale.x(begin), scale.x(end)];
    const isInside = first >= scale.left && last <= size.width;
    const isOver = first < scale.left && last > size.width;
    if (!isInside && !isOver) scale.centre(Math.min((begin + end) / 2, begin + scale.msPerPx * scale.width * 0.45));
    const top = row.index * ROW;
    if (top < state.scroll) scrollTo(top - EDGE_ROWS * ROW);
    else if (top + ROW > state.scroll + size.height - HEAD) scrollTo(top + (1 + EDGE_ROWS) * ROW - size.height + HEAD);
  }

  const follow = ({ operation, row, start }) => bringInto({ begin: start, end: start + operation.end - operation.start, row });
  const rowAt = (y) => state.chart.rows[Math.floor((y - HEAD + state.scroll) / ROW)] ?? null;

  function pick(x, y) {
    const row = y < HEAD || x < scale.left ? null : rowAt(y);
    return row && operationAt(row, scale.at(x), NEAR_PX * scale.msPerPx);
  }

  function step(way, by) {
    const from = state.selected;
    if (!from) choose(firstOpen(state.chart, state.now));
    else if (by === Infinity) choose(from.row.operations.at(-1));
    else if (by === -Infinity) choose(from.row.operations[0]);
    else choose({ beside, across: (each, step) => across(state.chart.rows, each, step), order: (each, step) => alongOrder(state.chart, each, step) }[way](from, by));
  }

  // -- moving

  const moves = mover({
    chartNow: () => state.chart,
    onChange(move, verdict) { state.move = move; drawSoon(); on.verdict(move, verdict); },
    onMoved: (schedule) => on.moved(schedule),
  });
  const snapped = (at) => Math.round(at / scale.grain) * scale.grain;

  const gantt = {
    scale, pick, step, choose,
    get isMoving() { return moves.now !== null; },
    get selected() { return state.selected; },
    get chart() { return state.chart; },
    open() { if (!state.selected) step("beside", 1); on.opened(); },
    hover(operation, x, y) {
      canvas.classList.toggle("over", Boolean(operation));
      tip.hidden = !operation;
      if (operation) {
        tip.textContent = brief(operation);
        tip.style.left = `${Math.min(x + 14, Math.max(0, size.width - tip.offsetWidth - 4))}px`;
        tip.style.top = `${y + 18 + tip.offsetHeight > size.height ? y - 12 - tip.offsetHeight : y + 18}px`;
      }
      if (operation !== state.hovered) { state.hovered = operation; drawSoon(); }
    },
    pan(x, y) { scale.pan(x); scrollTo(state.scroll + y); },
    scroll: (by) => scrollTo(state.scroll + by),
    zoom(factor, x) { scale.zoom(factor, x ?? (state.selected ? scale.x(state.selected.start) : undefined)); drawSoon(); },
    fit() { scale.fit(); drawSoon(); },
    goNow() { scale.centre(Date.now()); drawSoon(); },
    toggle(name) { state.shows[name] = !state.shows[name]; drawSoon(); on.shown(name, state.shows[name]); },
    /** By the mouse. */
    grab(operation) { if (!mayMove) return false; choose(operation); return moves.begin(operation); },
    carry(y, start) { moves.to(rowAt(Math.max(y, HEAD)) ?? moves.now.row, snapped(start)); },
    /** By keys, or by the button. */
    take() { if (mayMove && state.selected) { moves.begin(state.selected); canvas.focus(); } },
    nudge(steps) { moves.to(moves.now.row, snapped(moves.now.start + steps * scale.grain)); follow(moves.now); },
    change(step) {
      const able = state.chart.rows.filter((row) => moves.now.operation.told.alternatives.includes(row.id));
      moves.to(able[able.indexOf(moves.now.row) + step] ?? moves.now.row, moves.now.start);
      follow(moves.now);
    },
    drop: () => moves.drop(),
    letGo: () => moves.cancel(),
    /** Another schedule; zoom, scroll and what is chosen stay, and what has moved is seen to move. How many did? */
    show(view) {
      const before = state.chart;
      moves.cancel();
      state.chart = chartOf(view);
      state.hovered = null;
      tip.hidden = true;
      scale.bounds(state.chart.from, state.chart.to);
      resize();
      if (!before) firstSight();
      else scale.pan(0);
      const from = before ? arrivals(before, state.chart) : new Map();
      state.arriving = from.size && !isCalm.matches ? { from, done: 0 } : null;
      const selected = state.selected && state.chart.byRun.get(state.selected.id);
      state.selected = selected ?? null;
      on.chosen(state.selected, true);
      drawSoon();
      return from.size;
    },
    /** Places that a proposal would give to operations. */
    preview(those) { state.preview = those; drawSoon(); },
    status(machine, told) { state.statuses.set(machine, told); drawSoon(); },
  };
  hearPointer(canvas, gantt);
  hearKeys(canvas, gantt);
  new ResizeObserver(() => { if (state.chart && canvas.clientWidth !== size.width) resize(); }).observe(canvas);
  addEventListener("resize", resize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { state.theme = themeOf(ink); drawSoon(); });
  setInterval(() => { state.now = Date.now(); drawSoon(); }, CLOCK_MS);
  return gantt;
}

/** Where those that moved come from. */
function arrivals(before, after) {
  const from = new Map();
  for (const [run, each] of after.byRun) {
    const was = before.byRun.get(run);
    if (was && (was.start !== each.start || was.row.id !== each.row.id)) from.set(run, { start: was.start, index: after.rowById.get(was.row.id)?.index ?? each.row.index });
  }
  return from;
}

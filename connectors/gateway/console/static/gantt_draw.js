// One frame of the chart, from back to front: rows, closed time, the frozen zone, the clock, bars, what is chosen, now.
import { BAR, HEAD, ROW, barTop, drawActual, drawBar, drawGhosts, link, outline, strip } from "./gantt_bars.js";
import { atClock, atMoment } from "./gantt_scale.js";
import { firstAfter, seen } from "./gantt_model.js";

const STRIPE = 5;

/** Draws what `state` says: scale, chart, theme, scroll, selected, hovered, shows, move, moves, arriving, statuses, now. */
export function draw(ink, state, width, height) {
  const { theme } = state;
  ink.fillStyle = theme.panel;
  ink.fillRect(0, 0, width, height);
  ink.textBaseline = "middle";
  const rows = visibleRows(state, height);
  ink.save();
  clip(ink, state.scale.left, HEAD, width, height);
  for (const row of rows) drawGround(ink, state, row, width);
  drawFrozen(ink, state, height);
  const { ticks, days } = state.scale.lines();
  drawClockLines(ink, state, ticks, days, height);
  drawBars(ink, state, rows);
  if (state.shows.critical) drawChain(ink, state, rows);
  drawChosen(ink, state, height);
  drawMoves(ink, state);
  drawMove(ink, state, width);
  ink.restore();
  drawHead(ink, state, ticks, days, width);
  drawNow(ink, state, width, height);
  drawNames(ink, state, rows, height);
}

function clip(ink, x, y, right, bottom) {
  ink.beginPath();
  ink.rect(x, y, right - x, bottom - y);
  ink.clip();
}

const yOf = (state, index) => HEAD + index * ROW - state.scroll;

function visibleRows({ chart, scroll }, height) {
  return chart.rows.slice(Math.floor(scroll / ROW), Math.ceil((scroll + height - HEAD) / ROW));
}

function drawGround(ink, state, row, width) {
  const { theme, scale } = state;
  const y = yOf(state, row.index);
  ink.fillStyle = row.index % 2 ? theme.rowOdd : theme.rowEven;
  ink.fillRect(scale.left, y, width - scale.left, ROW);
  ink.fillStyle = theme.closed;
  for (let i = firstAfter(row.closed, scale.from); i < row.closed.length && row.closed[i].from < scale.to; i += 1) {
    const { from, to } = row.closed[i];
    strip(ink, scale.x(from), y, (to - from) / scale.msPerPx, ROW);
  }
  if (state.move && !state.move.operation.told.alternatives.includes(row.id)) {
    ink.globalAlpha = 0.5;
    ink.fillStyle = theme.ground;
    ink.fillRect(scale.left, y, width - scale.left, ROW);
    ink.globalAlpha = 1;
  }
}

function drawFrozen(ink, { chart, scale, theme }, height) {
  if (chart.frozenUntil === null || chart.frozenUntil <= scale.from) return;
  const x = scale.x(chart.frozenUntil);
  ink.fillStyle = theme.frozen;
  ink.fillRect(scale.left, HEAD, x - scale.left, height);
  ink.fillStyle = theme.idle;
  ink.fillRect(x - 1, HEAD, 2, height);
}

function drawClockLines(ink, { scale, theme }, ticks, days, height) {
  ink.fillStyle = theme.hourLine;
  for (const { at } of ticks) ink.fillRect(Math.round(scale.x(at)), HEAD, 1, height);
  ink.fillStyle = theme.dayLine;
  for (const { at } of days.slice(1)) ink.fillRect(Math.round(scale.x(at)), HEAD, 1, height);
}

/** Which operations stand out; none: all alike. */
function emphasis({ selected, shows, move, moves }) {
  if (move) return (each) => each.told.production_order_id === move.operation.told.production_order_id;
  if (selected) return (each) => each.told.production_order_id === selected.told.production_order_id || (shows.critical && each.told.is_critical);
  if (moves.length) {
    const those = new Set(moves.map((each) => each.run_id));
    return (each) => those.has(each.id);
  }
  return shows.critical ? (each) => each.told.is_critical : null;
}

function drawBars(ink, state, rows) {
  const { scale, theme, arriving, shows } = state;
  const stands = emphasis(state);
  ink.font = theme.small;
  for (const row of rows) {
    const y = yOf(state, row.index);
    ink.globalAlpha = stands ? theme.dimmed : 1;
    if (shows.baseline) drawGhosts(ink, scale, row, y, theme);
    // What is still on its way may begin outside; it is drawn after the rest.
    const [first, past] = seen(row, scale.from, scale.to);
    for (let i = first; i < past; i += 1) {
      const each = row.operations[i];
      if (arriving?.from.has(each.id)) continue;
      if (stands) ink.globalAlpha = stands(each) ? 1 : theme.dimmed;
      drawBar(ink, scale, each, y, theme);
      drawActual(ink, scale, each, y, theme, state.now);
    }
  }
  ink.globalAlpha = 1;
  if (arriving) drawArriving(ink, state);
}

/** Operations on the way from where they were in the schedule before. */
function drawArriving(ink, state) {
  const { arriving, chart, scale, theme } = state;
  const left = (1 - arriving.done) ** 3;
  for (const [run, from] of arriving.from) {
    const each = chart.byRun.get(run);
    const y = yOf(state, each.row.index + (from.index - each.row.index) * left);
    const shift = (from.start - each.start) * left;
    drawBar(ink, scale, each, y, theme, shift);
    outline(ink, scale, { begin: each.begin + shift, end: each.end + shift }, y, theme.accent, 1.5);
  }
}

const endOf = (state, each) => ({ x: state.scale.x(each.end), y: barTop(yOf(state, each.row.index)) + BAR / 2 });
const beginOf = (state, each) => ({ x: state.scale.x(each.begin), y: barTop(yOf(state, each.row.index)) + BAR / 2 });

/** The critical chain: outlined, and each operation joined with those it waits for. */
function drawChain(ink, state, rows) {
  const { chart, scale, theme } = state;
  ink.strokeStyle = theme.bad;
  ink.lineWidth = 1.5;
  for (const [before, each] of chart.chain) {
    if (each.begin > scale.from && before.end < scale.to) link(ink, endOf(state, before), beginOf(state, each));
  }
  for (const row of rows) {
    const [first, past] = seen(row, scale.from, scale.to);
    for (let i = first; i < past; i += 1) if (row.operations[i].told.is_critical) outline(ink, scale, row.operations[i], yOf(state, row.index), theme.bad, 2);
  }
}

function drawChosen(ink, state, height) {
  const { selected, hovered, scale, theme, chart } = state;
  if (hovered && hovered !== selected) outline(ink, scale, hovered, yOf(state, hovered.row.index), theme.soft, 1.5);
  if (!selected) return;
  ink.strokeStyle = theme.ink;
  ink.lineWidth = 1.2;
  for (const each of chart.byOrder.get(selected.told.production_order_id)) {
    for (const run of each.told.predecessors) {
      const before = chart.byRun.get(run);
      if (before) link(ink, endOf(state, before), beginOf(state, each));
    }
    outline(ink, scale, each, yOf(state, each.row.index), theme.ink, each === selected ? 1 : 1.2);
  }
  outline(ink, scale, selected, yOf(state, selected.row.index), theme.accent, 3);
  if (selected.due !== null) drawDue(ink, state, selected, height);
}

function drawDue(ink, { scale, theme }, operation, height) {
  const x = scale.x(operation.due);
  ink.strokeStyle = operation.isLate ? theme.warn : theme.soft;
  ink.lineWidth = 1.5;
  ink.setLineDash([5, 4]);
  ink.beginPath();
  ink.moveTo(x, HEAD);
  ink.lineTo(x, height);
  ink.stroke();
  ink.setLineDash([]);
  flag(ink, theme, x, height - 12, `due ${atMoment(operation.due)}`, operation.isLate ? theme.warn : theme.soft);
}

/** Words on a ground of their own, to the right of x, or to its left where they would not fit. */
function flag(ink, theme, x, y, words, colour) {
  ink.font = theme.small;
  const width = ink.measureText(words).width + 10;
  const from = x + width > ink.canvas.clientWidth ? x - width : x;
  ink.fillStyle = colour;
  ink.fillRect(from, y - 9, width, 18);
  ink.fillStyle = theme.panel;
  ink.fillText(words, from + 5, y + 0.5);
}

/** Where operations would go: by a proposal that is looked at, or along with the one that is moved. */
function drawMoves(ink, state) {
  const { chart, scale, theme } = state;
  const own = state.move?.operation.id;
  for (const { run_id: run, to_work_center_id: center, to_start_at: start } of state.moves) {
    const each = chart.byRun.get(run);
    const row = chart.rowById.get(center);
    if (!each || !row || run === own) continue;
    const shift = Date.parse(start) - each.start;
    const [y, target] = [yOf(state, row.index), { begin: each.start + shift, end: each.end + shift }];
    ink.strokeStyle = theme.accent;
    ink.lineWidth = 1;
    link(ink, endOf(state, each), { x: scale.x(target.begin), y: barTop(y) + BAR / 2 });
    ink.globalAlpha = 0.35;
    ink.fillStyle = theme.accent;
    ink.fillRect(scale.x(target.begin), barTop(y), (target.end - target.begin) / scale.msPerPx, BAR);
    ink.globalAlpha = 1;
    outline(ink, scale, target, y, theme.accent, 2, [4, 3]);
    outline(ink, scale, each, yOf(state, each.row.index), theme.soft, 1.5, [2, 3]);
  }
}

/** The operation that is being moved, at the place it would get. */
function drawMove(ink, state) {
  const { move, scale, theme } = state;
  if (!move) return;
  const { operation } = move;
  const y = yOf(state, move.row.index);
  const colour = { allowed: theme.good, refused: theme.bad }[move.verdict?.kind] ?? theme.soft;
  const end = move.start + operation.end - operation.start;
  outline(ink, scale, operation, yOf(state, operation.row.index), theme.soft, 1.5, [3, 3]);
  ink.fillStyle = theme.panel;
  ink.fillRect(scale.x(move.start), barTop(y), scale.x(end) - scale.x(move.start), BAR);
  drawBar(ink, scale, { ...operation, begin: move.start, setup: [], pieces: [], isLate: false, isDone: false }, y, theme, move.start - operation.start);
  outline(ink, scale, { begin: move.start, end }, y, colour, 3, move.verdict ? [] : [6, 4]);
  flag(ink, theme, scale.x(move.start), y < HEAD + 20 ? y + ROW + 4 : y - 4, `${sign(move)} ${atMoment(move.start)}`, colour);
}

const sign = ({ verdict }) => ({ allowed: "✓", refused: "✕" }[verdict?.kind] ?? "…");

function drawHead(ink, { scale, theme }, ticks, days, width) {
  ink.fillStyle = theme.panel;
  ink.fillRect(0, 0, width, HEAD);
  ink.save();
  clip(ink, scale.left, 0, width, HEAD);
  ink.font = theme.text;
  ink.fillStyle = theme.soft;
  for (const { at, label } of ticks) ink.fillText(label, scale.x(at) + 5, days.length ? HEAD - 12 : HEAD / 2);
  ink.fillStyle = theme.ink;
  ink.font = theme.strong;
  days.forEach(({ at, label }, i) => {
    const x = Math.max(scale.x(at), scale.left);
    const room = (i + 1 < days.length ? scale.x(days[i + 1].at) : width) - x;
    if (room > 84) ink.fillText(label, x + 5, 13);
  });
  ink.restore();
  ink.fillStyle = theme.line;
  ink.fillRect(0, HEAD - 1, width, 1);
}

function drawNow(ink, { scale, theme, now }, width, height) {
  const x = scale.x(now);
  if (x < scale.left || x > width) return;
  ink.fillStyle = theme.accent;
  ink.fillRect(x - 1, HEAD - 1, 2, height);
  flag(ink, theme, x, HEAD - 10, `now ${atClock(now)}`, theme.accent);
}

/** The work centres at the left, each with how its machine is. */
function drawNames(ink, state, rows, height) {
  const { theme, scale, statuses, selected } = state;
  const width = scale.left;
  ink.save();
  clip(ink, 0, HEAD, width, height);
  for (const row of rows) {
    const y = yOf(state, row.index);
    const status = row.machine && statuses.get(row.machine);
    ink.fillStyle = row === selected?.row ? theme.raised : theme.panel;
    ink.fillRect(0, y, width, ROW);
    ink.fillStyle = theme.states[status] ?? theme.none;
    ink.fillRect(0, y + 3, STRIPE, ROW - 6);
    ink.font = theme.strong;
    ink.fillStyle = theme.ink;
    ink.fillText(row.code, STRIPE + 9, y + 14, width - STRIPE - 16);
    ink.font = theme.small;
    ink.fillStyle = status === "breakdown" ? theme.bad : theme.soft;
    ink.fillText(status && status !== "running" ? `${status} · ${row.name}` : row.name, STRIPE + 9, y + 30, width - STRIPE - 16);
    ink.fillStyle = theme.line;
    ink.fillRect(0, y + ROW - 1, width, 1);
  }
  ink.restore();
  ink.fillStyle = theme.line;
  ink.fillRect(width - 1, 0, 1, height);
}

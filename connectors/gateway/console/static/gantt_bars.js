// Bars on the chart. What is narrow is drawn with little: thousands of operations are seen at once when all is shown.

export const ROW = 42;
export const HEAD = 46;
const BAR_TOP = 6;
export const BAR = 24;
const GHOST_TOP = 34;
const GHOST = 4;
const ROUNDED_FROM = 14;
const HATCHED_FROM = 3;
const PLAIN_BELOW = 5;
const LABEL_FROM = 30;
const LETTER = 6.5;
const PAUSE_INSET = 8;

export const barTop = (y) => y + BAR_TOP;

function box(ink, x, y, width, height, radius) {
  if (width < ROUNDED_FROM) { ink.fillRect(x, y, Math.max(1, width), height); return; }
  ink.beginPath();
  ink.roundRect(x, y, width, height, radius);
  ink.fill();
}

/** On whole pixels, which is crisp, and drawn in half the time. */
export function strip(ink, x, y, width, height) {
  const from = Math.round(x);
  ink.fillRect(from, y, Math.max(1, Math.round(x + width) - from), height);
}

/** Where operations of a row were planned before. */
export function drawGhosts(ink, scale, { ghosts }, y, theme) {
  ink.fillStyle = theme.ghost;
  for (const { start, end } of ghosts) {
    if (end > scale.from && start < scale.to) strip(ink, scale.x(start), y + GHOST_TOP, (end - start) / scale.msPerPx, GHOST);
  }
}

/** The colours of an operation: those of its family, or a warning's when its order gets late. */
const paint = (operation, theme) => (operation.isLate ? theme.late : theme.hues[operation.hue]);

/** An operation; a narrow one is its body and its mark. Its row's upper edge at y. A shift in time is only there while it moves to its place. */
export function drawBar(ink, scale, operation, y, theme, shift = 0) {
  const top = y + BAR_TOP;
  const x = scale.x(operation.start + shift);
  const width = (operation.end - operation.start) / scale.msPerPx;
  const { fill, made, pause, over } = paint(operation, theme);
  if (width < PLAIN_BELOW) {
    ink.fillStyle = operation.isDone ? over : fill;
    strip(ink, x, top, width, BAR);
    if (operation.isLate) drawLateMark(ink, x, x + width, top, theme);
    return;
  }
  if (operation.setup.length) drawSetup(ink, scale, operation, top, theme, shift);
  const body = operation.isDone ? over : fill;
  if (operation.pieces.length > 1 && width > ROUNDED_FROM) {
    ink.fillStyle = pause;
    ink.fillRect(x, top + PAUSE_INSET, width, BAR - 2 * PAUSE_INSET);
    ink.fillStyle = body;
    for (const [from, to] of operation.pieces) box(ink, scale.x(from + shift), top, (to - from) / scale.msPerPx, BAR, 3);
  } else {
    ink.fillStyle = body;
    box(ink, x, top, width, BAR, 4);
  }
  if (operation.share > 0) {
    ink.fillStyle = made;
    ink.fillRect(x, top + BAR - 9, Math.max(1, width * operation.share), 9);
  }
  if (operation.isLate) drawLateMark(ink, x, x + width, top, theme);
  if (width < LABEL_FROM) return;
  const [from, to] = operation.pieces.length > 1 ? roomiest(operation, scale) : [operation.start, operation.end];
  drawLabel(ink, operation, Math.max(scale.x(from + shift), scale.left), scale.x(to + shift), top, theme);
}

/** A changeover: hatched while it is worked on, a line while the work centre is closed. */
function drawSetup(ink, scale, { begin, start, setup }, top, theme, shift) {
  const width = (start - begin) / scale.msPerPx;
  ink.fillStyle = width < HATCHED_FROM ? theme.soft : theme.setup;
  for (const [from, to] of setup) ink.fillRect(scale.x(from + shift), top + 3, Math.max(1, (to - from) / scale.msPerPx), BAR - 6);
  if (setup.length < 2 && setup[0][1] === start && setup[0][0] === begin) return;
  ink.fillStyle = theme.soft;
  ink.fillRect(scale.x(begin + shift), top + BAR / 2 - 0.5, width, 1);
}

/** The piece that shows most of itself. */
function roomiest({ pieces }, scale) {
  const room = ([from, to]) => Math.min(to, scale.to) - Math.max(from, scale.from);
  return pieces.reduce((best, each) => (room(each) > room(best) ? each : best));
}

/** A notch at the end of the bar; where there is no room for one, a line over it. */
function drawLateMark(ink, x, end, top, theme) {
  ink.fillStyle = theme.warn;
  if (end - x < 12) { strip(ink, x, top - 3, end - x, 3); return; }
  ink.beginPath();
  ink.moveTo(end - 11, top - 3);
  ink.lineTo(end, top - 3);
  ink.lineTo(end, top + 8);
  ink.fill();
}

function drawLabel(ink, operation, from, to, top, theme) {
  const letters = Math.floor((to - from - 10 - (operation.isLate ? 9 : 0)) / LETTER);
  if (letters < 3) return;
  const { order_number: order, operation: name } = operation.told;
  const words = letters >= order.length + 4 ? `${order}  ${name}` : order;
  ink.fillStyle = operation.isDone ? theme.soft : theme.ink;
  ink.fillText(words.length > letters ? `${words.slice(0, letters - 1)}…` : words, from + 5, top + (operation.share > 0 ? 9 : BAR / 2 + 0.5));
}

/** What really happened: a line from its start to its end, or to now. */
export function drawActual(ink, scale, operation, y, theme, now) {
  if (operation.actualFrom === null || (operation.end - operation.start) / scale.msPerPx < PLAIN_BELOW) return;
  const to = operation.actualTo ?? now;
  ink.fillStyle = operation.told.actual.status === "on_hold" ? theme.warn : theme.good;
  ink.fillRect(scale.x(operation.actualFrom), y + BAR_TOP + BAR + 1, Math.max(1, (to - operation.actualFrom) / scale.msPerPx), 2);
}

/** A line around an operation, its changeover included. */
export function outline(ink, scale, { begin, end }, y, colour, thickness, dash = []) {
  const x = scale.x(begin);
  ink.strokeStyle = colour;
  ink.lineWidth = thickness;
  if (dash.length) ink.setLineDash(dash);
  const place = [x - thickness / 2, y + BAR_TOP - thickness / 2, Math.max(3, scale.x(end) - x + thickness), BAR + thickness];
  if (place[2] < ROUNDED_FROM) ink.strokeRect(...place);
  else {
    ink.beginPath();
    ink.roundRect(...place, 4);
    ink.stroke();
  }
  if (dash.length) ink.setLineDash([]);
}

/** A line from the end of one operation to the begin of another: over, then down or up, then over. */
export function link(ink, from, to) {
  const middle = Math.max(from.x + 5, Math.min(to.x - 6, (from.x + to.x) / 2));
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(middle, from.y);
  ink.lineTo(middle, to.y);
  ink.lineTo(to.x, to.y);
  ink.stroke();
}

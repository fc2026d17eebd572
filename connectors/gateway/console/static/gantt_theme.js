// The chart's colours and hatchings, taken from the page's own so that light and dark are one place.

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const long = (colour) => (colour.length === 4 ? `#${[...colour.slice(1)].map((each) => each + each).join("")}` : colour);

/** A colour that is so much the first and the rest the second. */
function mix(first, second, share) {
  const [a, b] = [rgb(first), rgb(second)];
  return `#${a.map((value, i) => Math.round(value * share + b[i] * (1 - share)).toString(16).padStart(2, "0")).join("")}`;
}

function hatch(context, colour, ground, size = 7, thickness = 2) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const ink = tile.getContext("2d");
  if (ground) { ink.fillStyle = ground; ink.fillRect(0, 0, size, size); }
  ink.strokeStyle = colour;
  ink.lineWidth = thickness;
  ink.beginPath();
  for (const shift of [-size, 0, size]) { ink.moveTo(shift - 1, size + 1); ink.lineTo(shift + size + 1, -1); }
  ink.stroke();
  return context.createPattern(tile, "repeat");
}

const bar = (base, panel, ink) => ({ base, fill: mix(base, panel, 0.3), made: mix(base, panel, 0.62), pause: mix(base, panel, 0.22), over: mix(base, panel, 0.13), edge: mix(base, ink, 0.82) });

/** To be made anew when light becomes dark. */
export function themeOf(context) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => long(style.getPropertyValue(`--${name}`).trim());
  const [panel, ground, ink, soft, line, raised, good, bad, warn, accent, idle, none] =
    ["panel", "ground", "ink", "soft", "line", "raised", "good", "bad", "warn", "accent", "idle", "none"].map(colour);
  const isDark = rgb(panel)[1] < 100;
  return {
    panel, ground, ink, soft, line, raised, good, bad, warn, accent, idle, none,
    dimmed: isDark ? 0.42 : 0.3,
    closed: isDark ? mix(ground, "#000000", 0.72) : mix(ground, "#b9c4cb", 0.7),
    rowEven: panel, rowOdd: mix(raised, panel, 0.55),
    dayLine: mix(soft, panel, 0.55), hourLine: mix(line, panel, 0.8),
    frozen: hatch(context, mix(idle, panel, 0.3), null, 11, 1.4),
    setup: hatch(context, mix(ink, panel, 0.62), mix(soft, panel, 0.12), 6, 1.5),
    ghost: mix(soft, panel, 0.62),
    late: bar(warn, panel, ink),
    hues: [0, 1, 2, 3, 4, 5, 6, 7].map((each) => bar(colour(`family-${each}`), panel, ink)),
    states: { running: good, idle, stopped: warn, breakdown: bad },
    small: '11px system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif',
    text: '12px system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif',
    strong: '600 13px system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif',
  };
}

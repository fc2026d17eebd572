// Time on the chart: a moment's place in pixels and back, and where the lines of the clock stand, on the plant's own clock.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 28 * DAY];
const LEAST_BETWEEN_PX = 54;
const NARROWEST_MS_PER_PX = 1_000;
const MARGIN = 0.02;

export const zone = document.documentElement.dataset.zone || "UTC";
const said = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
const parts = said({ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", hourCycle: "h23" });
const dayWords = said({ weekday: "short", day: "numeric", month: "short" });
const hourWords = said({ hour: "2-digit", minute: "2-digit" });
const fullWords = said({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const atClock = (at) => hourWords.format(at);
export const atMoment = (at) => fullWords.format(at);

const offsets = new Map();
/** How far the plant's clock is ahead of UTC at a moment; asked once for each quarter of an hour. */
function offset(at) {
  const key = Math.floor(at / (15 * MINUTE));
  if (!offsets.has(key)) {
    const told = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const minute = Math.floor(at / MINUTE) * MINUTE;
    offsets.set(key, Date.UTC(told.year, told.month - 1, told.day, told.hour, told.minute) - minute);
  }
  return offsets.get(key);
}

/** The moment at which the plant's clock shows this, told as if it were UTC. */
function moment(local) {
  const guess = local - offset(local);
  return local - offset(guess);
}

/** The moment of what a form says without a zone: on the plant's clock. */
export const momentOf = (told) => moment(Date.parse(`${told}Z`));

/** Moments between two others at which the plant's clock shows a multiple of the step. */
function marks(from, to, step) {
  const found = [];
  // Weeks begin on a Monday; 1 January 1970 was a Thursday.
  const origin = step >= 7 * DAY ? 4 * DAY : 0;
  for (let local = Math.ceil((from + offset(from) - origin) / step) * step + origin; ; local += step) {
    const at = moment(local);
    if (at > to) return found;
    if (at >= from) found.push(at);
  }
}

const words = new Map([[dayWords, new Map()], [hourWords, new Map()]]);
function written(format, at) {
  const known = words.get(format);
  if (!known.has(at)) known.set(at, format.format(at));
  return known.get(at);
}

/** What part of time is shown, between a left edge and the right one. */
export class Scale {
  from = 0;
  msPerPx = MINUTE;
  left = 0;
  width = 100;
  #whole = [0, DAY];

  get to() { return this.at(this.left + this.width); }
  x(at) { return this.left + (at - this.from) / this.msPerPx; }
  at(x) { return this.from + (x - this.left) * this.msPerPx; }

  resize(left, width) {
    Object.assign(this, { left, width: Math.max(50, width) });
  }

  /** All that there is, which is also as far as one can go. */
  bounds(from, to) {
    const margin = (to - from) * MARGIN;
    this.#whole = [from - margin, to + margin];
  }

  show(from, to) {
    this.msPerPx = (to - from) / this.width;
    this.from = from;
    this.#keepInside();
  }

  fit() { this.show(...this.#whole); }

  /** Nearer for a factor above 1; the moment at x stays where it is. */
  zoom(factor, x = this.left + this.width / 2) {
    const at = this.at(x);
    this.msPerPx = this.#allowed(this.msPerPx / factor);
    this.from = at - (x - this.left) * this.msPerPx;
    this.#keepInside();
  }

  pan(pixels) {
    this.from += pixels * this.msPerPx;
    this.#keepInside();
  }

  centre(at) {
    this.from = at - (this.width / 2) * this.msPerPx;
    this.#keepInside();
  }

  #allowed(msPerPx) {
    const [from, to] = this.#whole;
    return Math.min((to - from) / this.width, Math.max(NARROWEST_MS_PER_PX, msPerPx));
  }

  #keepInside() {
    const [from, to] = this.#whole;
    this.msPerPx = this.#allowed(this.msPerPx);
    this.from = Math.min(to - this.width * this.msPerPx, Math.max(from, this.from));
  }

  /** How finely an operation can be placed: a few pixels, in whole minutes of the clock. */
  get grain() {
    return [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR].find((grain) => grain / this.msPerPx >= 3) ?? HOUR;
  }

  /** The lines of the clock, and the days above them. */
  lines() {
    const { from, to } = this;
    const step = STEPS.find((each) => each / this.msPerPx >= LEAST_BETWEEN_PX) ?? STEPS.at(-1);
    const format = step >= DAY ? dayWords : hourWords;
    const ticks = marks(from, to, step).map((at) => ({ at, label: written(format, at) }));
    const days = step >= DAY ? [] : [from, ...marks(from, to, DAY)].map((at) => ({ at, label: written(dayWords, at) }));
    return { ticks, days };
  }
}

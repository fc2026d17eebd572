// Moving an operation: each place it is held over is asked about, and where it is let go it stays only if that is allowed.
import { ask } from "./api.js";
import { whyFixed } from "./gantt_model.js";
import { atMoment } from "./gantt_scale.js";
import { span } from "./gantt_words.js";

const STILL_MS = 120;
const NEVER = new AbortController().signal;

const json = (body, signal) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
const refused = (...words) => ({ kind: "refused", words, moved: [] });

/** What the planner says of a move, in words. */
function verdictOf(check, start) {
  if (!check.is_allowed) return { kind: "refused", words: check.violations, moved: check.moved };
  const others = check.moved.length - 1;
  const along = others > 0 ? `${others} other ${others === 1 ? "operation moves" : "operations move"} along.` : "Nothing else moves.";
  const late = check.late_orders.map((each) => `${each.order_number} gets ${span(each.late_minutes_after)} late. ${each.reason}`);
  const begin = check.moved.length ? Date.parse(check.moved[0].to_start_at) : start;
  const when = Math.abs(begin - start) < 60_000 ? "" : ` It begins ${atMoment(begin)}.`;
  return { kind: "allowed", words: [`Allowed.${when} ${along}`, ...late], moved: check.moved };
}

/** `chartNow()` is the chart, `onChange(move)` is told of each change, `onMoved(schedule_id)` of a new version. */
export function mover({ chartNow, onChange, onMoved }) {
  let move = null;
  let timer = null;
  let asked = null;

  const body = () => ({ run_id: move.operation.id, work_center_id: move.row.id, start_at: new Date(move.start).toISOString() });
  const path = (verb) => `schedules/${encodeURIComponent(chartNow().view.schedule_id)}/${verb}`;

  function forget() {
    clearTimeout(timer);
    asked?.abort();
    asked = null;
  }

  async function check() {
    forget();
    const mine = move;
    asked = new AbortController();
    try {
      const told = verdictOf(await ask(path("check"), json(body(), asked.signal)), mine.start);
      if (move === mine) settle(told);
    } catch (error) {
      if (error.name !== "AbortError" && move === mine) settle(refused(error.message));
    }
  }

  function settle(verdict) {
    move = { ...move, verdict };
    onChange(move);
  }

  function local() {
    const { operation, row } = move;
    if (!operation.told.alternatives.includes(row.id)) return refused(`${row.code} cannot do this operation: ${operation.told.operation}.`);
    return null;
  }

  function end(verdict) {
    forget();
    move = null;
    onChange(null, verdict);
  }

  return {
    get now() { return move; },

    /** Begin; tells why not where an operation stays. */
    begin(operation) {
      const why = whyFixed(operation);
      if (why) { onChange(null, refused(why)); return false; }
      move = { operation, row: operation.row, start: operation.start, verdict: null };
      onChange(move);
      return true;
    },

    /** To another place; the planner is asked when it is held still. */
    to(row, start) {
      if (!move || (row === move.row && start === move.start)) return;
      forget();
      move = { ...move, row, start, verdict: null };
      const verdict = local();
      if (verdict) { settle(verdict); return; }
      timer = setTimeout(check, STILL_MS);
      onChange(move);
    },

    cancel() { if (move) end(null); },

    /** Let go: it stays there if it may. */
    async drop() {
      const { operation, row, start } = move;
      if (row === operation.row && start === operation.start) { end(null); return; }
      if (!move.verdict) await check();
      if (!move) return;
      if (move.verdict.kind === "refused") { end({ ...move.verdict, words: ["Not moved.", ...move.verdict.words], moved: [] }); return; }
      try {
        const accepted = await ask(path("moves"), json(body(), NEVER));
        end({ kind: "allowed", words: [`${operation.told.order_number}, ${operation.told.operation}, is moved.`], moved: [] });
        onMoved(accepted.schedule_id);
      } catch (error) {
        end(refused("Not moved.", error.message));
      }
    },
  };
}

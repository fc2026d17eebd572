// Proposals that wait for a decision: what happened, what would move, who gets late, what doing nothing costs.
import { ask } from "./api.js";
import { make } from "./dom.js";
import { atMoment } from "./gantt_scale.js";
import { span } from "./gantt_words.js";
import { say } from "./live.js";

const place = document.getElementById("proposals");
const CAUSES = { breakdown: "Breakdown", rush: "Rush order", late_material: "Late material" };
const SHOWN = 3;
const previewed = new Set();
const opened = new Set();

function moveLine(chart, move) {
  const at = (id) => chart?.rowById.get(id)?.code ?? "another work centre";
  const operation = chart?.byRun.get(move.run_id)?.told.operation;
  const where = !move.from_work_center_id || move.from_work_center_id === move.to_work_center_id ? at(move.to_work_center_id) : `${at(move.from_work_center_id)} → ${at(move.to_work_center_id)}`;
  return make("li", {}, make("b", {}, [move.order_number, operation].filter(Boolean).join(" ")), ` ${where}, `,
    `${move.from_start_at ? `${atMoment(Date.parse(move.from_start_at))} → ` : ""}${atMoment(Date.parse(move.to_start_at))}`);
}

function orderLine(order) {
  const ends = order.end_after ? `ends ${atMoment(Date.parse(order.end_after))}${order.end_before ? ` instead of ${atMoment(Date.parse(order.end_before))}` : ""}` : "has no end";
  return make("li", {}, make("b", {}, order.order_number), " ",
    order.late_minutes_after > 0 ? make("span", { className: "tag late" }, `${span(order.late_minutes_after)} late`) : make("span", { className: "tag", data: { tone: "good" } }, "in time"),
    ` ${ends}. `, make("span", { className: "soft" }, order.reason));
}

function list(name, lines, key) {
  if (!lines.length) return null;
  const rest = lines.length > SHOWN ? make("details", { open: opened.has(key), ontoggle: (event) => (event.target.open ? opened.add(key) : opened.delete(key)) },
    make("summary", {}, `${lines.length - SHOWN} more`), make("ul", {}, ...lines.slice(SHOWN))) : null;
  return make("div", {}, make("h3", {}, name), make("ul", {}, ...lines.slice(0, SHOWN)), rest);
}

function cost(proposal) {
  const [nothing, after] = [proposal.cost_of_doing_nothing_minutes, proposal.cost_of_proposal_minutes];
  const saved = nothing - after;
  return make("div", { className: "costs" }, make("dl", {},
    make("div", {}, make("dt", {}, "doing nothing costs"), make("dd", { className: "nothing-done" }, span(nothing))),
    make("div", {}, make("dt", {}, "with the proposal"), make("dd", {}, span(after))),
    make("div", {}, make("dt", {}, "it saves"), make("dd", { className: saved > 0 ? "saves" : "" }, span(saved)))),
    make("p", { className: "soft" }, "weighted tardiness of all orders"));
}

async function decide(proposal, verb, words, box, onDecided) {
  for (const button of box.querySelectorAll("button")) button.disabled = true;
  try {
    await ask(`proposals/${encodeURIComponent(proposal.proposal_id)}/${verb}`, { method: "POST" });
    say(words);
  } catch (error) {
    say(error.message, "bad");
  }
  onDecided();
}

function drawn(proposal, { chart, onPreview, onDecided }) {
  const id = proposal.proposal_id;
  const mayPlan = place.dataset.may === "plan";
  const box = make("article", { className: "panel proposal", "aria-labelledby": `proposal-${id}`, data: { proposal: id } });
  const peek = make("button", { className: "quiet", "aria-pressed": String(previewed.has(id)), onclick: () => {
    const isOn = !previewed.has(id);
    previewed.clear();
    if (isOn) previewed.add(id);
    for (const each of place.querySelectorAll("[aria-pressed]")) each.setAttribute("aria-pressed", String(each === peek && isOn));
    onPreview(isOn ? proposal.moves : []);
  } }, "See it on the chart");
  box.append(...[
    make("header", {}, make("span", { className: "tag late" }, CAUSES[proposal.cause] ?? proposal.cause), make("h2", { id: `proposal-${id}` }, proposal.cause_text),
      make("small", { className: "soft" }, atMoment(Date.parse(proposal.created_at)))),
    make("div", { className: "sides-of" },
      list(`${proposal.orders.length === 1 ? "1 order ends" : `${proposal.orders.length} orders end`} at another time`, proposal.orders.map(orderLine), `${id} orders`),
      list(`${proposal.moves.length === 1 ? "1 operation moves" : `${proposal.moves.length} operations move`}`, proposal.moves.map((each) => moveLine(chart, each)), `${id} moves`),
      cost(proposal)),
    make("p", { className: "do" },
      mayPlan ? make("button", { onclick: () => decide(proposal, "accept", "Accepted. The schedule is being changed.", box, onDecided) }, "Accept") : null,
      mayPlan ? make("button", { className: "quiet", onclick: () => decide(proposal, "dismiss", "Dismissed. The schedule stays as it is.", box, onDecided) }, "Dismiss") : null,
      peek),
  ]);
  return box;
}

/** All that are open, latest first. */
export function showProposals(proposals, told) {
  const open = proposals.filter((each) => each.status === "open");
  for (const id of previewed) if (!open.some((each) => each.proposal_id === id)) { previewed.delete(id); told.onPreview([]); }
  const focused = document.activeElement?.closest?.("[data-proposal]")?.dataset.proposal;
  const label = document.activeElement?.textContent;
  place.replaceChildren(...open.map((each) => drawn(each, told)));
  if (focused) [...place.querySelectorAll(`[data-proposal="${CSS.escape(focused)}"] button`)].find((each) => each.textContent === label)?.focus();
}

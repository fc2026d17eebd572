// Asks for another scenario: by a rule or improved, and with a work centre closed or open at other times.
import { ask } from "./api.js";
import { make } from "./dom.js";
import { momentOf } from "./gantt_scale.js";
import { say } from "./live.js";

const form = document.getElementById("ask");
const conditions = form ? [...form.querySelectorAll("label.if")] : [];

/** The work centres that a scenario can be about. */
export function showCenters(centers) {
  if (!form) return;
  const was = form.elements.center.value;
  form.elements.center.replaceChildren(...centers.map((each) => make("option", { value: each.work_center_id }, `${each.code} ${each.name}`)));
  if (was) form.elements.center.value = was;
}

/** What the form says, as the API wants it. */
function wanted() {
  const told = Object.fromEntries(new FormData(form));
  const body = { scenario: told.scenario.trim(), seconds: Number(told.seconds) };
  if (told.rule) body.rule = told.rule;
  if (told.times) {
    const span = { from_at: new Date(momentOf(told.from)).toISOString(), to_at: new Date(momentOf(told.to)).toISOString() };
    body.what_if = { reason: told.scenario.trim(), work_centers: [{ work_center_id: told.center, [told.times]: [span] }] };
  }
  return body;
}

/** `onAsked` is told when the planner has taken it. */
export function hearScenarios(onAsked) {
  if (!form) return;
  form.elements.times.addEventListener("change", ({ target }) => {
    for (const label of conditions) {
      label.hidden = !target.value;
      label.lastElementChild.required = Boolean(target.value);
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await ask("schedules", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wanted()) });
      say("The planner computes it; it appears here by itself.");
      onAsked();
    } catch (error) {
      say(error.message, "bad");
    } finally {
      button.disabled = false;
    }
  });
}

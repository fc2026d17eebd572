// Says to the API what a person decides about a discrepancy, and asks for a new reconciliation.

import { ask } from "./api.js";
import { say } from "./live.js";

const json = (document) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(document) });

for (const form of document.querySelectorAll("form.decide")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { report } = form.closest("[data-report]").dataset;
    const { item } = form.closest("[data-item]").dataset;
    const told = { choice: event.submitter.value, note: form.elements.note.value.trim() || null };
    form.inert = true;
    try {
      await ask(`reconciliations/${encodeURIComponent(report)}/items/${item}/resolve`, json(told));
      location.reload();
    } catch (error) {
      form.querySelector(".complaint").textContent = error.message;
      form.inert = false;
    }
  });
}

let look = null;

async function reconcileNow(button) {
  button.disabled = true;
  try {
    const before = (await ask("reconciliations?limit=1")).reconciliations[0]?.report_id;
    await ask("reconciliations", { method: "POST" });
    say("The ERP is being asked; the report opens when it has answered.");
    look ??= setInterval(async () => {
      const latest = (await ask("reconciliations?limit=1")).reconciliations[0];
      if (latest && latest.report_id !== before) location.assign(`/reconciliations/${latest.report_id}`);
    }, 1_000);
  } catch (error) {
    say(error.message, "bad");
    button.disabled = false;
  }
}

document.addEventListener("click", ({ target }) => { if (target.id === "reconcile") reconcileNow(target); });

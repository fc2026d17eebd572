// Alerts: chosen ones stay chosen while new ones arrive, and are taken on with one click.
import "./parts.js";
import { ask } from "./api.js";
import { refresh, say } from "./live.js";

const SOON_MS = 150;
const SETTLED_MS = 900;
const chosen = new Set();
const list = () => document.getElementById("list");
const boxes = () => [...document.querySelectorAll("input[name=alert]")];

function show() {
  for (const box of boxes()) box.checked = chosen.has(box.value);
  const there = boxes().map((box) => box.value);
  for (const id of chosen) if (!there.includes(id)) chosen.delete(id);
  const button = document.getElementById("take-chosen");
  const all = document.getElementById("choose-all");
  if (button) {
    button.disabled = !chosen.size;
    button.textContent = chosen.size ? `Acknowledge ${chosen.size} chosen` : "Acknowledge chosen";
  }
  if (all) {
    all.checked = there.length > 0 && chosen.size === there.length;
    all.indeterminate = chosen.size > 0 && !all.checked;
    all.disabled = !there.length;
  }
}

async function take(told) {
  try {
    const { taken } = await ask("alerts/acknowledge", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(told),
    });
    chosen.clear();
    say(taken === 1 ? "One alert is taken on." : `${taken} alerts are taken on.`);
  } catch (error) {
    say(error.message, "bad");
  }
  refresh(list());
}

function takeLike({ dataset }) {
  const told = { until: dataset.until };
  for (const name of ["severity", "kind", "q"]) if (dataset[name]) told[name] = dataset[name];
  take({ like: told });
}

document.addEventListener("change", ({ target }) => {
  if (target.id === "choose-all") boxes().forEach((box) => (target.checked ? chosen.add(box.value) : chosen.delete(box.value)));
  else if (target.name === "alert") target.checked ? chosen.add(target.value) : chosen.delete(target.value);
  else return;
  show();
});

document.addEventListener("click", (event) => {
  const one = event.target.closest?.("button[data-take]");
  if (one) { one.disabled = true; take({ alert_ids: [one.dataset.take] }); }
  if (event.target.closest?.("#take-chosen")) take({ alert_ids: [...chosen] });
  const like = event.target.closest?.("#take-like");
  if (like) { like.disabled = true; takeLike(like); }
});

document.addEventListener("htmx:afterSwap", show);

// A part with an input that has the focus is left alone by live.js; a ticked box need not stop the alerts from coming.
document.addEventListener("plant:changes", ({ detail }) => {
  const isHere = detail.some(({ type }) => type === "alert.raised") && list().contains(document.activeElement?.closest("input[type=checkbox]"));
  if (isHere) for (const wait of [SOON_MS, SETTLED_MS]) setTimeout(() => refresh(list()), wait);
});

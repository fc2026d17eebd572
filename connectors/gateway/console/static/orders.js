// The list of orders: rows follow what machines count; new orders are announced, not pushed in under a finger.
import { figure, make } from "./dom.js";

const TONES = { in_progress: "good", completed: "good", assigned: "idle", released: "idle", on_hold: "warn", cancelled: "bad" };
const fresh = new Set();

// An empty field is no filter: it is left out of the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.matches("form.filters")) {
    for (const name of [...event.detail.formData.keys()]) {
      const told = event.detail.formData.getAll(name).filter((value) => value !== "");
      event.detail.formData.delete(name);
      for (const value of told) event.detail.formData.append(name, value);
    }
  }
});

// The files hold what the list holds.
document.addEventListener("htmx:pushedIntoHistory", () => {
  fresh.clear();
  for (const link of document.querySelectorAll(".exports a")) link.search = location.search;
});

function update(row, order) {
  if (Number(row.dataset.version) >= order.version) return;
  row.dataset.version = order.version;
  const told = (name) => row.querySelector(`[data-told="${name}"]`);
  if (order.progress_percentage !== undefined) {
    row.querySelector("meter").value = order.progress_percentage;
    told("share").textContent = `${figure(order.progress_percentage)} %`;
    const ordered = order.quantity_ordered === undefined ? told("made").textContent.split(" / ")[1] : figure(order.quantity_ordered);
    told("made").textContent = `${figure(order.quantity_produced)} / ${ordered}`;
    told("scrap").textContent = order.quantity_scrapped > 0 ? `, ${figure(order.quantity_scrapped)} scrap` : "";
  }
  if (order.machine_id) told("machine").textContent = order.machine_id;
  const state = order.is_interrupted ? "interrupted" : order.status;
  if (state) told("state").replaceChildren(make("span", { className: "tag", data: { tone: order.is_interrupted ? "bad" : TONES[state] ?? "" } }, state.replaceAll("_", " ")));
  row.classList.remove("moved");
  requestAnimationFrame(() => row.classList.add("moved"));
}

document.addEventListener("plant:changes", ({ detail }) => {
  for (const { type, id, payload } of detail) {
    if (!type.startsWith("work_order.")) continue;
    const row = document.querySelector(`tr[data-order="${CSS.escape(id)}"]`);
    if (row) update(row, payload);
    else if (payload.version === 1) fresh.add(id);
  }
  const button = document.getElementById("show-new");
  if (!button || !fresh.size) return;
  button.textContent = fresh.size === 1 ? "1 new order: show it" : `${figure(fresh.size)} new orders: show them`;
  button.parentElement.hidden = false;
});

document.addEventListener("click", (event) => {
  if (event.target.id !== "show-new") return;
  fresh.clear();
  htmx.ajax("GET", location.pathname + location.search, { target: "#orders", select: "#orders", swap: "outerHTML" });
});

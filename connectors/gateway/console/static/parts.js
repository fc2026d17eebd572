// What lists and standing pages share: parts that are fetched again every few seconds, lists that keep what was scrolled to,
// lines that open in their place, buttons that post, and addresses without empty filters.
import { ask } from "./api.js";
import { make } from "./dom.js";
import { refresh, say } from "./live.js";

const MOST_ROWS = 500;

// Going back shows the page that the address names, with its filters as they were.
htmx.config.refreshOnHistoryMiss = true;

// -- parts that no event tells of: data-every="4" is fetched again every four seconds, while somebody looks.

let ticks = 0;
setInterval(() => {
  ticks += 1;
  if (document.hidden || document.body.classList.contains("is-lost")) return;
  for (const part of document.querySelectorAll("[data-every]")) {
    const isBusy = part.querySelector(".opened") || part.contains(document.activeElement?.closest("input, textarea, select"));
    if (ticks % Number(part.dataset.every) === 0 && !isBusy) refresh(part);
  }
}, 1_000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) document.querySelectorAll("[data-every]").forEach(refresh); });

// -- what is asked for: no empty filters; a list that follows the plant keeps as many rows as were scrolled to.

document.addEventListener("htmx:configRequest", ({ detail }) => {
  for (const [name, value] of [...detail.formData.entries()]) if (value === "") detail.formData.delete(name);
  if (detail.elt.id !== "list" || detail.verb !== "get") return;
  const rows = detail.elt.querySelectorAll("#rows > tr:not(.more-rows):not(.opened)").length;
  if (rows > 50) detail.formData.set("rows", Math.min(rows, MOST_ROWS));
});

// Beyond what one answer may hold, the list stays as it is: whoever has scrolled that far is not thrown back.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  if (elt.id === "list" && elt.querySelectorAll("#rows > tr").length > MOST_ROWS) event.preventDefault();
});

// -- a line that opens below itself; without this script its link leads to a page of its own.

async function openLine(link) {
  const row = link.closest("tr");
  if (row.nextElementSibling?.classList.contains("opened")) {
    row.nextElementSibling.remove();
    link.setAttribute("aria-expanded", "false");
    return;
  }
  const place = make("td", { colSpan: row.cells.length }, make("p", { className: "soft" }, "Fetching…"));
  row.after(make("tr", { className: "opened" }, place));
  link.setAttribute("aria-expanded", "true");
  const answer = await fetch(link.href);
  const line = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("line");
  place.replaceChildren(...(answer.ok && line ? line.childNodes : ["This call could not be fetched."]));
}

// -- buttons that post: data-post="jobs/watch/run", data-done="said when it worked".

async function post(button) {
  button.disabled = true;
  try {
    await ask(button.dataset.post, { method: "POST" });
    say(button.dataset.done);
  } catch (error) {
    say(error.message, "bad");
  } finally {
    button.disabled = false;
  }
  const part = button.closest("[data-every], [data-live]");
  if (part) refresh(part);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-opens]");
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (link && isPlain) {
    event.preventDefault();
    openLine(link);
  }
  const button = event.target.closest?.("button[data-post]");
  if (button) post(button);
});

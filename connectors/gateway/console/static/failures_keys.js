// Keys of the workbench: j and k through what can be opened, x selects, r and e act, ? explains. They can be switched off.
const STORE = "failures-keys";

const isOn = () => localStorage.getItem(STORE) !== "off";
const isTyping = (element) => element?.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null && element !== null;

/** What j and k go through: the links that open something, in the order they stand. */
const stops = () => [...document.querySelectorAll("#causes a.open, #letters a.open")].filter((stop) => stop.checkVisibility());

function go(step) {
  const all = stops();
  if (!all.length) return;
  const here = document.activeElement?.closest(".cause-row, tr")?.querySelector("a.open");
  const next = all[Math.min(all.length - 1, Math.max(0, here ? all.indexOf(here) + step : step > 0 ? 0 : all.length - 1))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** acts: what other keys do, by key; each gets the row that has the focus, or null. */
export function listenToKeys(acts) {
  const help = document.getElementById("help");
  const on = document.getElementById("keys-on");
  on.checked = isOn();
  on.addEventListener("change", () => localStorage.setItem(STORE, on.checked ? "on" : "off"));
  document.getElementById("keys")?.addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || isTyping(document.activeElement)) return;
    if (event.key === "Escape") { acts.Escape?.(null, event); return; }
    if (!isOn()) return;
    const row = document.activeElement?.closest("[data-cause], tr[data-key]") ?? null;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = { j: () => go(1), k: () => go(-1), "?": () => help.showModal(), "/": () => document.getElementById("q")?.focus(), u: () => document.querySelector(".crumbs a:last-of-type")?.click(), ...acts }[key];
    if (!act) return;
    event.preventDefault();
    act(row, event);
  });
}

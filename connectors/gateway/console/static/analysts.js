// The dictionary narrows as one types; what is to be copied is copied.

const seek = document.getElementById("seek");
const entries = [...document.querySelectorAll(".entry")].map((entry) => ({
  entry,
  words: entry.textContent.toLowerCase(),
  head: entry.querySelector("summary").textContent.toLowerCase(),
  rows: [...entry.querySelectorAll(":scope > .scroll tbody tr")].map((row) => ({ row, words: row.textContent.toLowerCase() })),
}));

function narrow(text) {
  const wanted = text.trim().toLowerCase();
  let shown = 0;
  for (const { entry, words, head, rows } of entries) {
    const fits = words.includes(wanted);
    entry.hidden = !fits;
    entry.open = Boolean(wanted) && fits && !head.includes(wanted);
    for (const each of rows) each.row.classList.toggle("is-sought", Boolean(wanted) && each.words.includes(wanted));
    shown += fits ? 1 : 0;
  }
  document.getElementById("sought").textContent = wanted ? `${shown} of ${entries.length}` : "";
  document.getElementById("nothing-found").hidden = shown > 0;
}

function openNamed() {
  const entry = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (entry?.matches(".entry")) entry.open = true;
}

async function copy(button) {
  const told = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(told.textContent);
    button.textContent = "Copied";
  } catch {
    // Without the right to write to the clipboard it is marked, ready for Ctrl-C.
    getSelection().selectAllChildren(told);
    button.textContent = "Marked";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

seek?.addEventListener("input", () => narrow(seek.value));
addEventListener("hashchange", openNamed);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
openNamed();
if (seek?.value) narrow(seek.value);

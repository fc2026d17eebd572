// Steps from change to change with the arrow keys, wherever nothing is being typed.
const TARGETS = { ArrowLeft: "previous", ArrowRight: "next" };

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, pre, .scroll");
  if (!TARGETS[event.key] || isTyping || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = document.getElementById(TARGETS[event.key]);
  if (link?.href) {
    event.preventDefault();
    link.click();
  }
});

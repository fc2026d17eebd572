// Trades a person's token for a session. A link `/login#token=...` signs in by itself; the part after # never leaves the browser.
const form = document.getElementById("form");
const complaint = document.getElementById("complaint");

async function signIn(token) {
  const answer = await fetch("/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) {
    location.replace("/");
    return;
  }
  const problem = await answer.json();
  complaint.textContent = answer.status === 401 ? "This token is not known here." : problem.detail;
  complaint.hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(form.token.value.trim());
});

function takeLink() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  history.replaceState(null, "", "/login");
  signIn(given);
}

addEventListener("hashchange", takeLink);
takeLink();

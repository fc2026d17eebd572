// Asks the API, and follows the live stream. Whoever is not signed in goes to the sign-in page.

export async function ask(path, options = {}) {
  const answer = await fetch(`/api/v1/${path}`, options);
  if (answer.status === 401) {
    location.assign("/login");
    throw new Error("not signed in");
  }
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  return told;
}

export function follow({ onState, onChanges, onPulse }) {
  const source = new EventSource("/api/v1/live");
  source.addEventListener("hello", () => onState("live"));
  source.addEventListener("changes", (event) => onChanges(JSON.parse(event.data)));
  source.addEventListener("pulse", (event) => onPulse(JSON.parse(event.data)));
  source.onerror = () => onState("lost");
}

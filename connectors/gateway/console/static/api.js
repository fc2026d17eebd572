// Asks the API, and follows the live stream. Whoever is not signed in goes to the sign-in page.

export async function ask(path, options = {}) {
  const answer = await fetch(`/api/v1/${path}`, options);
  if (answer.status === 401) {
    location.assign("/login");
    throw new Error("not signed in");
  }
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.detail), { status: answer.status });
  return told;
}

const REOPEN_MS = 2_000;

/** Follow the live stream. A browser tries again by itself when the line breaks, but not after an answer that is no stream. */
export function follow({ onState, onChanges, onPulse }) {
  const source = new EventSource("/api/v1/live");
  source.addEventListener("hello", () => onState("live"));
  source.addEventListener("changes", (event) => onChanges(JSON.parse(event.data)));
  source.addEventListener("pulse", (event) => onPulse(JSON.parse(event.data)));
  source.onerror = () => {
    onState("lost");
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow({ onState, onChanges, onPulse }), REOPEN_MS);
  };
}

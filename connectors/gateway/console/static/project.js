// A project's runway, fetched again whenever the plant says that it changed.
import { refresh } from "./live.js";

const project = document.getElementById("project")?.dataset.project;
if (project) {
  let told = 0;
  const stream = new EventSource(`/api/projects/${project}/live`);
  // The first one tells what the page already shows.
  stream.addEventListener("runway", () => { told += 1; if (told > 1) refresh(document.getElementById("runway")); });
}

/** Begins to ask for what the address shows while the app's own program is still on its way. It must stay small. */
import { ask } from "./api/early";
import { placeOf } from "./api/place";
import { urlOf } from "./api/url";
import { columnsIn, fieldsIn, type KeyNames, KEYS, keysRequest, RUNS, runsRequest, viewOf } from "./rooms/tracking/request";

function askRuns(project: string, url: URLSearchParams): void {
  const askFor = (keys: KeyNames) => ask(urlOf(RUNS, runsRequest(viewOf(project, url), fieldsIn(url, keys), "")));
  const chosen = columnsIn(url) !== null;
  ask(urlOf(KEYS, keysRequest(project)), chosen ? undefined : async (answer) => askFor((await answer.json()) as KeyNames));
  if (chosen) askFor({ params: [], metrics: [] });
}

/** Fetches the files of a page, which the build wrote down beside this script. */
function fetchFiles(page: "project" | "run"): void {
  for (const href of document.getElementById("early")?.dataset[page]?.split(" ") ?? []) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", crossOrigin: "", href }));
  }
}

const { project, run, known } = placeOf(window.location.pathname);
if (known) ask("/api/v1/me");
if (project) {
  askRuns(project, new URLSearchParams(window.location.search));
  fetchFiles("project");
}
if (run) {
  ask(urlOf("/api/v1/runs/{run_id}", { path: { run_id: run } }));
  fetchFiles("run");
}

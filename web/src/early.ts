/** Begins to ask for what the address shows while the app's own program is still on its way. It must stay small. */
import { ask } from "./api/early";
import { placeOf } from "./api/place";
import { urlOf } from "./api/url";
import { columnsIn, fieldsIn, KEYS, keysRequest, RUNS, runsRequest, viewOf } from "./rooms/tracking/request";

async function askRuns(project: string, url: URLSearchParams): Promise<void> {
  const found = ask(urlOf(KEYS, keysRequest(project)));
  const keys = columnsIn(url) ? { params: [], metrics: [] } : await found.then((answer) => answer.clone().json());
  ask(urlOf(RUNS, runsRequest(viewOf(project, url), fieldsIn(url, keys), "")));
}

/** Fetches the files of a page, which the build wrote down beside this script. */
function fetchFiles(page: "project" | "run"): void {
  for (const href of document.getElementById("early")?.dataset[page]?.split(" ") ?? []) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", crossOrigin: "", href }));
  }
}

const { project, run, known } = placeOf(window.location.pathname);
if (known) void ask("/api/v1/me");
if (project) {
  askRuns(project, new URLSearchParams(window.location.search)).catch(() => undefined);
  fetchFiles("project");
}
if (run) {
  void ask(urlOf("/api/v1/runs/{run_id}", { path: { run_id: run } }));
  fetchFiles("run");
}

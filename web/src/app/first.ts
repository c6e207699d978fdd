import { forget } from "@/api/early";
import { placeOf } from "@/api/place";
import { runQuery } from "@/api/queries";
import { meQuery } from "@/api/session";
import { keysQuery, runsQuery } from "@/rooms/tracking/runList";
import { fieldsIn, viewOf } from "@/rooms/tracking/request";
import { queryClient as client } from "./queryClient";
import { ProjectPage, RunPage } from "./Routes";

/** How long the first picture may wait for its data, so that it is drawn once instead of twice. */
const PATIENCE_MS = 100;

async function runs(project: string): Promise<void> {
  const url = new URLSearchParams(window.location.search);
  const keys = await client.fetchQuery(keysQuery(project));
  await client.prefetchInfiniteQuery(runsQuery(viewOf(project, url), fieldsIn(url, keys)));
}

/** Fetches the program and the data of the page that was opened, as far as they are known before it is drawn. */
export async function first(): Promise<void> {
  const { project, run, known } = placeOf(window.location.pathname);
  const page = project ? ProjectPage.load() : run ? RunPage.load() : undefined;
  const asked = [known && client.prefetchQuery(meQuery), project && runs(project), run && client.prefetchQuery(runQuery(run))];
  const data = Promise.allSettled(asked);
  void data.then(forget);
  // Who opens the page without it says what went wrong.
  await page?.catch(() => undefined);
  await Promise.race([data, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
}

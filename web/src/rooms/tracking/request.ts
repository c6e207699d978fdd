/** What the run list asks for. It stands apart, because it is asked for before the list's own program has arrived. */
import { columnIdOf, defaultColumns, keyedFields, splitFields } from "./fields";

/** About three screens; larger pages are for who scrolls on. */
const FIRST_PAGE = 100;
const LATER_PAGES = 400;

export interface View {
  project: string;
  where: string;
  sort: string;
}

/** The keys that decide which columns are shown where nobody has chosen any. */
export interface KeyNames {
  params: string[];
  metrics: string[];
}

/** What an address shows of a project. */
export const viewOf = (project: string, url: URLSearchParams): View => ({ project, where: url.get("q") ?? "", sort: url.get("sort") ?? "" });

/** The columns of an address, in their order; null where nobody has chosen any. */
export const columnsIn = (url: URLSearchParams): string[] | null => (url.has("cols") ? splitFields(url.get("cols") ?? "").map(columnIdOf) : null);

/** What the server is to send with each run, which depends on the keys only where nobody has chosen columns. */
export const fieldsIn = (url: URLSearchParams, keys: KeyNames): string => keyedFields(columnsIn(url) ?? defaultColumns(keys));

export const KEYS = "/api/v1/projects/{project}/keys";
export const keysRequest = (project: string) => ({ path: { project } });

export const RUNS = "/api/v1/runs";
export const runsRequest = (view: View, columns: string, cursor: string) => ({ query: { ...view, columns, limit: cursor ? LATER_PAGES : FIRST_PAGE, cursor } });

import { infiniteQueryOptions, keepPreviousData, queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { pythonString, shellQuote } from "@/ui/CopyAs";
import { KEYS, keysRequest, RUNS, runsRequest, type View } from "./request";

/** Runs of a project with the shown columns and the exact total: a small first page, larger ones for who scrolls on. */
export const runsQuery = (view: View, columns: string) =>
  infiniteQueryOptions({
    queryKey: ["runs", view, columns],
    queryFn: ({ pageParam, signal }) => api.get(RUNS, { ...runsRequest(view, columns, pageParam), signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const useRuns = (view: View, columns: string, enabled = true) =>
  useInfiniteQuery({ ...runsQuery(view, columns), enabled, placeholderData: keepPreviousData, refetchOnWindowFocus: false });

/** The keys that the project's runs have, for columns and for the filter. */
export const keysQuery = (project: string) =>
  queryOptions({
    queryKey: ["runs", "keys", project],
    queryFn: ({ signal }) => api.get(KEYS, { ...keysRequest(project), signal }),
    staleTime: 60_000,
  });

export const useKnownKeys = (project: string) => useQuery(keysQuery(project));

/** The view as a command and as Python. */
export function recipeOf({ project, where, sort }: View, columns: string[] = []): { cli: string; python: string } {
  const flags = [`--project ${shellQuote(project)}`, where && `--where ${shellQuote(where)}`, sort && `--sort ${shellQuote(sort)}`, columns.length > 0 && `--columns ${shellQuote(columns.join(","))}`];
  const args = [`project=${pythonString(project)}`, where && `where=${pythonString(where)}`, sort && `sort=${pythonString(sort)}`];
  return {
    cli: ["runward runs list", ...flags.filter(Boolean)].join(" "),
    python: `page = workspace.tracking.search_runs(${args.filter(Boolean).join(", ")})\n`,
  };
}

/** Sorting by a column: downwards first, then upwards, then as before. */
export function nextSort(current: string, field: string): string {
  if (current === `-${field}`) return field;
  return current === field ? "" : `-${field}`;
}

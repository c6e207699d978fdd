import { useQuery } from "@tanstack/react-query";
import { api, send } from "./client";
import { urlOf } from "./url";
import type { components } from "./schema";

export type MediaFile = components["schemas"]["MediaFile"];
export type RunMedia = components["schemas"]["RunMedia"];

/** The address of a run's file. `inline` shows pictures, sounds and text; `page` shows HTML locked up. */
export const fileUrl = (runId: string, path: string, as: "" | "inline" | "page" = "") =>
  urlOf(`/api/v1/runs/${encodeURIComponent(runId)}/files/${path.split("/").map(encodeURIComponent).join("/")}`, { query: as ? { [as]: 1 } : {} });

/** The text of a run's file. Content never changes under a digest or a step, so it is read once. */
export const useFileText = (runId: string, path: string, version = "") =>
  useQuery({
    queryKey: ["file", runId, path, version],
    queryFn: async ({ signal }) => (await send("GET", fileUrl(runId, path), { signal })).text(),
    staleTime: 60_000,
  });

/** The media of some runs. */
export const useMedia = (ids: string[]) =>
  useQuery({
    queryKey: ["run", ids.length === 1 ? ids[0] : ids, "media"],
    queryFn: ({ signal }) => api.get("/api/v1/media", { query: { run_ids: ids }, signal }),
    enabled: ids.length > 0,
  });

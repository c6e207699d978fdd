import { queryOptions } from "@tanstack/react-query";
import { api } from "@/api/client";

/** The label that holds for a thing (`run:ID`), with where it comes from. */
export const labelQuery = (thing: string) =>
  queryOptions({ queryKey: ["label", thing], queryFn: ({ signal }) => api.get("/api/v1/labels/{thing}", { path: { thing }, signal }), staleTime: 30_000 });

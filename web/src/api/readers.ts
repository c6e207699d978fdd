import { useQuery } from "@tanstack/react-query";
import { api } from "./client";

/** The members whom an @ reaches in a project. */
export const useReaders = (project: string, wanted: boolean) =>
  useQuery({
    queryKey: ["readers", project],
    queryFn: ({ signal }) => api.get("/api/v1/projects/{project}/readers", { path: { project }, signal }),
    enabled: wanted,
    staleTime: 300_000,
    retry: false,
  });

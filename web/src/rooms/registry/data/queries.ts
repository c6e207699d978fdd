import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { VersionLine } from "@/api/types";

const PAGE = 100;
const FILES = 200;

/** The datasets that the reader may see, a page at a time. */
export const useDatasets = (search: string, project: string) =>
  useInfiniteQuery({
    queryKey: ["datasets", search, project],
    queryFn: ({ pageParam, signal }) => api.get("/api/v1/datasets", { query: { search, project, after: pageParam, limit: PAGE }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  });

/** A dataset by id or by `project:name`. */
export const useDataset = (dataset: string) =>
  useQuery({
    queryKey: ["dataset", dataset],
    queryFn: ({ signal }) => api.get("/api/v1/datasets/{dataset}", { path: { dataset }, signal }),
  });

/** Its versions in one line each, newest first. */
export const useHistory = (dataset: string) =>
  useInfiniteQuery({
    queryKey: ["dataset", dataset, "history"],
    queryFn: ({ pageParam, signal }) => api.get("/api/v1/datasets/{dataset}/history", { path: { dataset }, query: { before: pageParam, limit: PAGE }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page[page.length - 1]?.digest),
  });

/** A version by any of its names. */
export const useVersion = (dataset: string, version: string, enabled = true) =>
  useQuery({
    enabled,
    queryKey: ["dataset", dataset, "version", version],
    queryFn: ({ signal }) => api.get("/api/v1/datasets/{dataset}/versions/{version}", { path: { dataset, version }, signal }),
    placeholderData: keepPreviousData,
  });

/** Files of a version whose path has a text, a page at a time. */
export const useFiles = (dataset: string, version: string, search: string) =>
  useInfiniteQuery({
    queryKey: ["dataset", dataset, "files", version, search],
    queryFn: ({ pageParam, signal }) => api.get("/api/v1/datasets/{dataset}/versions/{version}/file-page", { path: { dataset, version }, query: { search, after: pageParam, limit: FILES }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  });

/** What changed between two versions, as far as it is known without reading the files. */
export const useVersionDiff = (dataset: string, version: string, other: string) =>
  useQuery({
    queryKey: ["dataset", dataset, "diff", version, other],
    queryFn: ({ signal }) => api.get("/api/v1/datasets/{dataset}/versions/{version}/diff", { path: { dataset, version }, query: { other, limit: 100 }, signal }),
    placeholderData: keepPreviousData,
  });

/** A table of two versions, compared row by row when somebody asks for it. */
export const useTableDiff = (dataset: string, version: string, other: string, path: string, purpose: string, enabled: boolean) =>
  useQuery({
    queryKey: ["dataset", dataset, "table-diff", version, other, path, purpose],
    queryFn: ({ signal }) => api.get("/api/v1/datasets/{dataset}/versions/{version}/table-diff", { path: { dataset, version }, query: { other, path, purpose }, signal }),
    enabled,
    retry: false,
    staleTime: Infinity,
  });

/** The name that people would use: a number, another name, or the digest's beginning. */
export const titleOf = ({ names, digest }: Pick<VersionLine, "names" | "digest">): string =>
  names.findLast((name) => /^\d/.test(name)) ?? names[names.length - 1] ?? digest.slice(0, 12);

import { api } from "@/api/client";

interface Context {
  signal: AbortSignal;
}

/** The registered models that the reader may see. */
export const modelsQuery = () => ({
  queryKey: ["models"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models", { signal }),
});

/** One model by name or id. */
export const modelQuery = (model: string) => ({
  queryKey: ["models", model],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}", { path: { model }, signal }),
});

/** Every move of its aliases, newest first. */
export const aliasMovesQuery = (model: string) => ({
  queryKey: ["models", model, "moves"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/alias-moves", { path: { model }, signal }),
});

/** Where its versions were deployed, newest first. */
export const deploymentsQuery = (model: string) => ({
  queryKey: ["models", model, "deployments"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/deployments", { path: { model }, signal }),
});

/** What serves each target now. */
export const servingQuery = (model: string) => ({
  queryKey: ["models", model, "serving"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/serving", { path: { model }, signal }),
});

/** All that is known of one version. */
export const modelVersionQuery = (model: string, version: number) => ({
  queryKey: ["models", model, "versions", version],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/versions/{version}", { path: { model, version }, signal }),
});

/** Its card. */
export const cardQuery = (model: string, version: number) => ({
  queryKey: ["models", model, "versions", version, "card"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/versions/{version}/card", { path: { model, version }, signal }),
});

/** Bundles of it that were handed over. */
export const handoffsQuery = (model: string, version: number) => ({
  queryKey: ["models", model, "versions", version, "handoffs"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/handoffs", { path: { model }, query: { version }, signal }),
});

/** Where a version's page is. */
export const hrefOfVersion = (model: string, version: number | string) => `/models/${encodeURIComponent(model)}/${version}`;

/** Its versions, newest first. */
export const modelVersionsQuery = (model: string) => ({
  queryKey: ["models", model, "versions"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/versions", { path: { model }, signal }),
});

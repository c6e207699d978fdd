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

/** Its versions, newest first. */
export const modelVersionsQuery = (model: string) => ({
  queryKey: ["models", model, "versions"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/models/{model}/versions", { path: { model }, signal }),
});

import type { QueryFunctionContext } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { OutputChunk } from "@/api/types";

export interface Output {
  chunks: OutputChunk[];
  next: number;
}

const MOST_PAGES = 50;

/** What a run printed so far. A later call asks only for what came after. */
export const outputQuery = (id: string) => ({
  queryKey: ["output", id],
  queryFn: async ({ client, queryKey, signal }: QueryFunctionContext<string[]>): Promise<Output> => {
    const before = client.getQueryData<Output>(queryKey) ?? { chunks: [], next: 0 };
    const chunks = [...before.chunks];
    let next = before.next;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const got = await api.get("/api/v1/runs/{run_id}/output", { path: { run_id: id }, query: { after: next }, signal });
      chunks.push(...got.chunks);
      next = got.next;
      if (!got.more) break;
    }
    return { chunks, next };
  },
});

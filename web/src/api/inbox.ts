import { useQuery } from "@tanstack/react-query";
import { api } from "./client";

/** What waits for the reader. */
export const inboxQuery = (unread: boolean) => ({
  queryKey: ["inbox", { unread }],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/inbox", { query: { unread, limit: 200 }, signal }),
});

/** How many lines of the inbox are unread. */
export const useUnread = () => useQuery({ ...inboxQuery(true), select: (inbox) => inbox.unread });

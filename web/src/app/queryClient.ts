import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/api/client";
import { OPEN_PAGES } from "@/api/place";
import { setReachable } from "./connection";

/** Sends a signed-out reader to the sign-in page, which brings them back to what they wanted. */
function onError(error: unknown): void {
  if (!(error instanceof ApiError)) return;
  if (error.unreachable) setReachable(false);
  const { pathname, search } = window.location;
  if (error.status === 401 && !OPEN_PAGES.includes(pathname)) {
    window.history.replaceState(null, "", `/sign-in?next=${encodeURIComponent(pathname + search)}`);
  }
}

const retry = (count: number, error: unknown): boolean =>
  !(error instanceof ApiError && error.status >= 400 && error.status < 500) && count < 2;

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError, onSuccess: () => setReachable(true) }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: { queries: { retry, staleTime: 10_000, refetchOnWindowFocus: true } },
});

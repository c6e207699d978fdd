import { useQuery } from "@tanstack/react-query";
import { api, send } from "./client";

/** Who is signed in. */
export const meQuery = { queryKey: ["me"], queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/me", { signal }), staleTime: 300_000 };
export const useMe = () => useQuery(meQuery);

/** Starts a session with name and password. */
export const signIn = (name: string, password: string) => send("POST", "/api/v1/session", { body: { name, password } });

/** Starts a session with a one-time link's secret. */
export const enterByLink = (secret: string) => send("POST", "/api/v1/session/link", { body: { secret } });

/** Chooses a password with an invitation's secret, which also signs in. */
export const acceptInvitation = (secret: string, password: string) =>
  send("POST", "/api/v1/session/invitation", { body: { secret, password } });

/** Ends the session. */
export const signOut = () => send("DELETE", "/api/v1/session");

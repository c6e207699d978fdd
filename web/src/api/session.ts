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

export interface Ways {
  password: boolean;
  /** What the provider is called; null where there is none. */
  provider: string | null;
}

/** How one can sign in here. */
export const waysQuery = {
  queryKey: ["ways"],
  queryFn: async ({ signal }: { signal: AbortSignal }) => (await send("GET", "/api/v1/session/ways", { signal })).json() as Promise<Ways>,
  staleTime: 300_000,
};

/** Where to go to sign in with the provider, or to connect it with who is signed in. */
export async function providerUrl(next: string, connect = false): Promise<string> {
  const response = await send("POST", "/api/v1/session/oidc", { body: { next, connect } });
  return ((await response.json()) as { location: string }).location;
}

/** Changes the own password; other sessions end. */
export const changePassword = (present: string, password: string) => send("PUT", "/api/v1/session/password", { body: { present, password } });

/** A command line that waits to be let in. */
export interface AskingLogin {
  code: string;
  label: string;
  address: string;
  created_at: string;
}

/** What waits with a code. */
export async function lookAtLogin(code: string): Promise<AskingLogin> {
  return (await (await send("POST", "/api/v1/session/logins/look", { body: { code } })).json()) as AskingLogin;
}

/** Lets a command line in as the reader, or turns it away. */
export const decideLogin = (code: string, allow: boolean) => send("POST", "/api/v1/session/logins/decision", { body: { code, allow } });

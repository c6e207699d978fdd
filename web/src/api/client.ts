import { HEADERS, take } from "./early";
import type { paths } from "./schema";
import { type Filled, urlOf } from "./url";

/** A refusal or failure of the server, as problem+json tells it. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly hint = "",
    readonly details: Record<string, unknown> = {},
    /** Under which the server's log has the request. */
    readonly requestId = "",
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether somebody else changed what this change was made from. */
  get edited(): boolean {
    return this.code === "edited_meanwhile";
  }

  /** Whether no answer came at all. */
  get unreachable(): boolean {
    return this.code === "unreachable";
  }
}

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
/** An answer that says which state it shows: a change sends that along, so that it overwrites nothing that nobody here saw. */
export type Tagged<T> = T & { readonly etag: string };
type Content<O> = O extends { responses: { 200: { content: { "application/json": infer T } } } } ? T : undefined;
type Answer<O> = O extends { responses: { 200: { headers: { ETag?: string } } } } ? (Content<O> extends object ? Tagged<Content<O>> : Content<O>) : Content<O>;
type PathOf<O> = O extends { parameters: { path: infer T } } ? { path: T } : { path?: undefined };
type QueryOf<O> = O extends { parameters: { query?: infer T } } ? { query?: Partial<T> } : { query?: undefined };
type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer T } } } ? { body: Partial<T> } : { body?: undefined };
/** The `etag` of what was read, or `*` to overwrite whatever is there. */
type MatchOf<O> = O extends { parameters: { header: { "If-Match": string } } } ? { match: string } : { match?: undefined };
export type Options<O> = PathOf<O> & QueryOf<O> & BodyOf<O> & MatchOf<O> & { signal?: AbortSignal };

interface Raw extends Filled {
  body?: unknown;
  match?: string;
  signal?: AbortSignal;
}

async function problem(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const detail = String(body.detail ?? body.title ?? `The server answered ${response.status}.`);
  return new ApiError(
    detail,
    response.status,
    String(body.code ?? "unknown"),
    String(body.hint ?? ""),
    (body.details as Record<string, unknown>) ?? {},
    String(body.request_id ?? ""),
  );
}

/** One request with the headers that the server asks of browsers. Throws ApiError for everything but success. */
export async function send(method: string, template: string, raw: Raw = {}): Promise<Response> {
  const headers: Record<string, string> = { ...HEADERS };
  if (raw.body !== undefined) headers["Content-Type"] = "application/json";
  if (raw.match !== undefined) headers["If-Match"] = raw.match;
  const url = urlOf(template, raw);
  let response: Response;
  try {
    response = await ((method === "GET" && take(url)) || fetch(url, {
      method,
      headers,
      body: raw.body === undefined ? undefined : JSON.stringify(raw.body),
      signal: raw.signal,
      credentials: "same-origin",
    }));
  } catch (error) {
    if (raw.signal?.aborted) throw error;
    throw new ApiError("The server does not answer.", 0, "unreachable", "Check that it runs; the page tries again by itself.");
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function call<T>(method: Method, template: string, raw: Raw): Promise<T> {
  const response = await send(method.toUpperCase(), template, raw);
  const text = await response.text();
  const found: unknown = text ? JSON.parse(text) : undefined;
  const etag = response.headers.get("ETag");
  // On the answer itself, which is kept with it: what is written later was made from what is shown, and not from what was read last.
  return (etag && typeof found === "object" && found !== null ? Object.assign(found, { etag }) : found) as T;
}

/** The operations of the server, typed by its OpenAPI document. */
export const api = {
  get: <P extends PathsWith<"get">>(path: P, options: Options<paths[P]["get"]>) =>
    call<Answer<paths[P]["get"]>>("get", path, options as Raw),
  post: <P extends PathsWith<"post">>(path: P, options: Options<paths[P]["post"]>) =>
    call<Answer<paths[P]["post"]>>("post", path, options as Raw),
  put: <P extends PathsWith<"put">>(path: P, options: Options<paths[P]["put"]>) =>
    call<Answer<paths[P]["put"]>>("put", path, options as Raw),
  patch: <P extends PathsWith<"patch">>(path: P, options: Options<paths[P]["patch"]>) =>
    call<Answer<paths[P]["patch"]>>("patch", path, options as Raw),
  delete: <P extends PathsWith<"delete">>(path: P, options: Options<paths[P]["delete"]>) =>
    call<Answer<paths[P]["delete"]>>("delete", path, options as Raw),
};

import { afterEach, describe, expect, it, vi } from "vitest";
import { api, ApiError } from "./client";
import { urlOf } from "./url";

afterEach(() => vi.unstubAllGlobals());

describe("urlOf", () => {
  it("writes a project's path with colons and repeats lists", () => {
    expect(urlOf("/p/{project}/keys", { path: { project: "vision/digits" }, query: { keys: ["a", "b/c"], where: "", n: 0 } })).toBe(
      "/p/vision%3Adigits/keys?keys=a&keys=b%2Fc&n=0",
    );
  });
});

describe("api", () => {
  const answer = (body: unknown, status: number) => vi.stubGlobal("fetch", vi.fn(async () => new Response(JSON.stringify(body), { status })));
  it("sends the header that the server asks of pages", async () => {
    answer({ items: [], unread: 0 }, 200);
    await api.post("/api/v1/inbox/read", { body: { ids: [1] } });
    const [url, options] = vi.mocked(fetch).mock.calls[0] ?? [];
    expect(url).toBe("/api/v1/inbox/read");
    expect(options).toMatchObject({ method: "POST", body: '{"ids":[1]}', headers: { "X-Runward": "web" } });
  });
  it("keeps the ETag with an answer, of a list too, and sends what it is given", async () => {
    const say = (body: unknown) => vi.stubGlobal("fetch", vi.fn(async () => new Response(JSON.stringify(body), { headers: { ETag: '"7"' } })));
    say({ name: "m" });
    const model = await api.get("/api/v1/models/{model}", { path: { model: "m" } });
    expect(model).toMatchObject({ name: "m", etag: '"7"' });
    say([]);
    expect((await api.get("/api/v1/members", {})).etag).toBe('"7"');
    await api.patch("/api/v1/models/{model}", { path: { model: "m" }, body: { description: "d" }, match: model.etag });
    expect(vi.mocked(fetch).mock.calls.at(-1)?.[1]).toMatchObject({ method: "PATCH", headers: { "If-Match": '"7"' } });
  });
  it("raises what the server refused, with its hint", async () => {
    answer({ detail: "no", code: "invalid", hint: "say yes", details: { at: 3 } }, 422);
    await expect(api.get("/api/v1/me", {})).rejects.toMatchObject({ message: "no", code: "invalid", hint: "say yes", details: { at: 3 }, status: 422 });
  });
  it("knows an absent server", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => Promise.reject(new TypeError("failed"))));
    const error = await api.get("/api/v1/me", {}).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).unreachable).toBe(true);
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { api } from "./client";
import { ask, forget, take } from "./early";
import { placeOf } from "./place";

afterEach(() => {
  forget();
  vi.unstubAllGlobals();
});

const answering = () => vi.stubGlobal("fetch", vi.fn(async (url: string) => new Response(JSON.stringify({ url }))));

describe("what was asked for before the app arrived", () => {
  it("is taken by the first request for the same address, and by no other", async () => {
    answering();
    ask("/api/v1/me");
    expect(await api.get("/api/v1/me", {})).toEqual({ url: "/api/v1/me" });
    expect(fetch).toHaveBeenCalledTimes(1);
    await api.get("/api/v1/me", {});
    expect(fetch).toHaveBeenCalledTimes(2);
  });
  it("is asked for again where it differs, or was forgotten", async () => {
    answering();
    ask("/api/v1/projects/a/keys");
    await api.get("/api/v1/projects/{project}/keys", { path: { project: "b" } });
    forget();
    expect(take("/api/v1/projects/a/keys")).toBeUndefined();
    await api.get("/api/v1/projects/{project}/keys", { path: { project: "a" } });
    expect(vi.mocked(fetch).mock.calls.map(([url]) => url)).toEqual(["/api/v1/projects/a/keys", "/api/v1/projects/b/keys", "/api/v1/projects/a/keys"]);
  });
  it("tells of an absent server like any other request", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => Promise.reject(new TypeError("failed"))));
    ask("/api/v1/me");
    await expect(api.get("/api/v1/me", {})).rejects.toMatchObject({ unreachable: true });
  });
  it("begins what follows from an answer before anybody has the answer", async () => {
    answering();
    const slowly = (answer: Response) => new Promise<void>((done) => setTimeout(() => void answer.json().then(() => done(ask("/api/v1/inbox"))), 20));
    ask("/api/v1/me", slowly);
    expect(await api.get("/api/v1/me", {})).toEqual({ url: "/api/v1/me" });
    expect(take("/api/v1/inbox")).toBeDefined();
  });
  it("gives an answer out of which nothing could be begun", async () => {
    answering();
    ask("/api/v1/me", () => Promise.reject(new TypeError("no keys in it")));
    expect(await api.get("/api/v1/me", {})).toEqual({ url: "/api/v1/me" });
  });
  it("never answers a write", async () => {
    answering();
    ask("/api/v1/reports");
    await api.post("/api/v1/reports", { body: {} });
    expect(fetch).toHaveBeenCalledTimes(2);
  });
});

it("knows what an address shows", () => {
  expect(placeOf("/projects/vision/digits%20x")).toEqual({ known: true, project: "vision/digits x" });
  expect(placeOf("/runs/r1/metrics")).toEqual({ known: true, run: "r1" });
  expect([placeOf("/projects"), placeOf("/"), placeOf("/%E0%A4%A")]).toEqual([{ known: true }, { known: true }, { known: true }]);
  expect(placeOf("/sign-in")).toEqual({ known: false });
});

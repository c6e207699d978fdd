import { InfiniteQueryObserver, QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { refresh, staleKeys, throttled } from "./live";
import { isHere, PLACES } from "./nav";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const change = (kind: string) => ({ kind, object_kind: "", object_id: "o1", project_id: "" });

describe("staleKeys", () => {
  it("asks for the curves of the run that has new points", () => expect(staleKeys(change("run.points"))).toContainEqual(["curves"]));
  it("asks for what a run printed and for nothing else when it only prints", () => expect(staleKeys(change("run.output"))).toEqual([["output", "o1"]]));
  it("asks for the review and for the marks on runs", () => {
    expect(staleKeys(change("review.approved"))).toEqual(expect.arrayContaining([["review", "o1"], ["runs"]]));
  });
  it("asks for models when one is deployed", () => expect(staleKeys(change("deployment.recorded"))).toContainEqual(["models"]));
  it("always asks for something", () => expect(staleKeys(change("something.new"))).toEqual([["inbox"]]));
});

describe("refresh", () => {
  it("does not throw away the page that somebody asked for, and asks again when it is there", async () => {
    const client = new QueryClient();
    const asked: number[] = [];
    const answers: (() => void)[] = [];
    const observer = new InfiniteQueryObserver(client, {
      queryKey: ["dataset", "d", "history"],
      queryFn: ({ pageParam }) => {
        asked.push(pageParam);
        return new Promise<number>((resolve) => answers.push(() => resolve(pageParam)));
      },
      initialPageParam: 0,
      getNextPageParam: (last: number) => last + 1,
    });
    const answer = async () => {
      answers.splice(0).forEach((give) => give());
      await vi.advanceTimersByTimeAsync(1);
    };
    const stop = observer.subscribe(() => undefined);
    await answer();
    void observer.fetchNextPage();
    void refresh(client, ["dataset"]);
    await vi.advanceTimersByTimeAsync(1);
    await answer();
    expect(observer.getCurrentResult().data?.pages).toEqual([0, 1]);
    expect(asked).toEqual([0, 1, 0]);
    stop();
  });
});

describe("throttled", () => {
  it("hands a key on at once, then at most once a second, and never loses the last change", () => {
    const flush = vi.fn();
    const add = throttled(flush);
    for (let i = 0; i < 20; i += 1) {
      add(["series", "a"]);
      vi.advanceTimersByTime(100);
    }
    expect(flush.mock.calls.length).toBeLessThanOrEqual(3);
    const before = flush.mock.calls.length;
    add(["series", "a"]);
    vi.advanceTimersByTime(1000);
    expect(flush.mock.calls.length).toBeGreaterThan(before);
  });
  it("keeps keys apart", () => {
    const flush = vi.fn();
    const add = throttled(flush);
    add(["a"]);
    add(["b"]);
    vi.advanceTimersByTime(0);
    expect(flush.mock.calls.map(([key]) => key)).toEqual([["a"], ["b"]]);
  });
});

it("has eight places, and knows where the reader is", () => {
  expect(PLACES).toHaveLength(8);
  const here = (location: string) => PLACES.filter((place) => isHere(place, location)).map((place) => place.label);
  expect(here("/runs/abc/metrics")).toEqual(["Projects"]);
  expect(here("/reviews")).toEqual(["Reviews"]);
});

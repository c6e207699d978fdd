// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "@/api/client";
import { useEdit } from "./edits";

const wrapper = ({ children }: { children: ReactNode }) => <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>;
const late = new ApiError("it was changed by ann", 412, "edited_meanwhile");

function editing(save: (draft: string, seen: { etag: string }) => Promise<string>) {
  const [put, done] = [vi.fn(), vi.fn()];
  const merge = vi.fn((was: { etag: string }, mine: string, newest: { etag: string }) => ({ draft: `${was.etag} ${mine} ${newest.etag}`, conflicts: ["the text"] }));
  const ways = { save, read: async () => ({ etag: "2" }), merge, put, done };
  return { put, done, ...renderHook(({ start }) => useEdit(start, ways), { wrapper, initialProps: { start: { etag: "1" } } }) };
}

describe("useEdit", () => {
  it("saves what was made from what was seen when the writing began, whatever is read again", async () => {
    const save = vi.fn<(draft: string, seen: { etag: string }) => Promise<string>>(async () => "saved");
    const { result, rerender, done } = editing(save);
    rerender({ start: { etag: "2" } });
    act(() => result.current.save("mine"));
    await waitFor(() => expect(done).toHaveBeenCalledWith("saved"));
    expect(save).toHaveBeenCalledWith("mine", { etag: "1" });
  });
  it("puts both changes together where somebody was first, and then saves over what they made", async () => {
    const save = vi.fn<(draft: string, seen: { etag: string }) => Promise<string>>(async (_, seen) => (seen.etag === "1" ? Promise.reject(late) : "saved"));
    const { result, put, done } = editing(save);
    act(() => result.current.save("mine"));
    await waitFor(() => expect(put).toHaveBeenCalledWith("1 mine 2"));
    expect(done).not.toHaveBeenCalled();
    expect(result.current.meanwhile).toEqual({ message: "it was changed by ann", conflicts: ["the text"] });
    expect(result.current.error).toBeNull();
    act(() => result.current.save("both"));
    await waitFor(() => expect(done).toHaveBeenCalledWith("saved"));
    expect(save).toHaveBeenLastCalledWith("both", { etag: "2" });
  });
  it("tells of any other refusal as it is", async () => {
    const { result, put } = editing(async () => Promise.reject(new ApiError("no", 403, "forbidden")));
    act(() => result.current.save("mine"));
    await waitFor(() => expect(result.current.error).toMatchObject({ status: 403 }));
    expect(put).not.toHaveBeenCalled();
  });
});

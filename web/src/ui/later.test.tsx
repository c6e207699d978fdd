// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { later } from "./later";

afterEach(cleanup);

describe("a part with a file of its own", () => {
  const arriving = () => later(async () => ({ default: ({ name }: { name: string }) => <p>Part {name}</p> }));
  it("shows the shape of what comes, then itself with its properties", async () => {
    const Part = arriving();
    render(<Part name="a" />);
    expect(screen.getByRole("status")).toBeTruthy();
    expect(await screen.findByText("Part a")).toBeTruthy();
    expect(screen.queryByRole("status")).toBeNull();
  });
  it("is there at once where it was loaded before", async () => {
    const Part = arriving();
    await Part.load();
    render(<Part name="b" />);
    expect(screen.getByText("Part b")).toBeTruthy();
  });
  it("says that it did not arrive, and offers to try again", async () => {
    const Part = later<object>(() => Promise.reject(new TypeError("no such file")));
    render(<MantineProvider><Part /></MantineProvider>);
    expect((await screen.findByRole("alert")).textContent).toContain("no such file");
    expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
  });
});

// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, describe, expect, it } from "vitest";
import { ApiError } from "@/api/client";
import type { CheckResult, Run } from "@/api/types";
import { Marks } from "./Badge";
import { badgeFor } from "./badges";
import { Checks } from "./Checks";
import { pythonString, shellQuote } from "./CopyAs";
import { Markdown } from "./Markdown";
import { ErrorNote } from "./states";

afterEach(cleanup);
const show = (node: ReactNode) => render(<MantineProvider>{node}</MantineProvider>);

const mark = (kind: string, label: string) => ({ kind, label, ref: `${kind}1`, at: "2026-11-21T00:00:00Z" });
const run = (...marks: Run["marks"]) => ({ id: "r1", marks }) as unknown as Run;

describe("Marks", () => {
  it("opens the evidence behind each badge", () => {
    show(<Marks run={run(mark("verification", "basic"), mark("review", "open"))} />);
    expect(screen.getByRole("button", { name: "Basic" }).getAttribute("aria-haspopup")).toBe("dialog");
    expect(screen.getByText("in review").closest("a")?.getAttribute("href")).toBe("/reviews/review1");
  });
  it("says that nobody tried to reproduce the run", () => {
    show(<Marks run={run()} all />);
    expect(screen.getByText("not attempted")).toBeTruthy();
  });
  it("says team result once", () => {
    show(<Marks run={run(mark("review", "applied"), mark("team_result", "applied"))} />);
    expect(screen.getAllByText("team result")).toHaveLength(1);
    expect(screen.queryByText("applied")).toBeNull();
    expect(badgeFor("applied").word).toBe("applied");
  });
  it("shows an outdated team result as outdated", () => {
    show(<Marks run={run(mark("team_result", "outdated"))} />);
    expect(screen.queryByText("team result")).toBeNull();
    expect(screen.getByText("outdated")).toBeTruthy();
  });
});

it("never turns an unknown word into a good badge", () => {
  expect(badgeFor("something new")).toMatchObject({ word: "something new", tone: "grey" });
  expect(badgeFor("not_reproduced").word).toBe("differs");
  expect(badgeFor("reproduced").word).toBe("no level");
});

describe("Checks", () => {
  const check = (name: string, verdict: string): CheckResult =>
    ({ name, verdict, group: "code", message: `${name} said`, required: false, evidence: [{ message: "here", file: "a.py", line: 7, metric: "", value: null }] }) as CheckResult;
  it("puts what fails first, opened, with file and line", () => {
    show(<Checks checks={[check("fine", "pass"), check("bad", "fail")]} />);
    const [first, second] = [...document.querySelectorAll("details")];
    expect(first?.textContent).toContain("bad");
    expect(first?.open).toBe(true);
    expect(first?.textContent).toContain("a.py:7");
    expect(second?.open).toBe(false);
  });
  it("assumes nothing when no check ran", () => {
    show(<Checks checks={[]} />);
    expect(screen.getByText(/None is assumed/)).toBeTruthy();
  });
});

it("shows HTML in Markdown as text", () => {
  show(<Markdown text={"<img src=x onerror=alert(1)> **bold**"} />);
  expect(document.querySelector("img")).toBeNull();
  expect(document.querySelector("strong")?.textContent).toBe("bold");
});

it("says what happened and what to do", () => {
  show(<ErrorNote error={new ApiError("no run is named x", 404, "not_found", "check the id")} />);
  expect(screen.getByRole("alert").textContent).toContain("Not here");
  expect(screen.getByRole("alert").textContent).toContain("check the id");
});

it("quotes for the shell and for Python", () => {
  expect(shellQuote("it's < 3")).toBe(`'it'\\''s < 3'`);
  expect(shellQuote("vision/digits")).toBe("vision/digits");
  expect(pythonString('a "b"\n')).toBe('"a \\"b\\"\\n"');
});

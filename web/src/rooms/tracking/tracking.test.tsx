// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { ApiError } from "@/api/client";
import type { Run } from "@/api/types";
import { rangeOf } from "./chartState";
import { columnOf } from "./columns";
import { ComparedRows } from "./ComparedRows";
import { defaultColumns, fieldOf, resultsFirst, writtenColumns } from "./fields";
import { columnsIn } from "./request";
import { pointerOf } from "./filterError";
import { linesOf } from "./lines";
import { nextSort, recipeOf } from "./runList";

afterEach(cleanup);
const run = (id: string, experiment: string | null = null) => ({ id, name: id, experiment }) as unknown as Run;

describe("run list", () => {
  it("sorts downwards, then upwards, then as before", () => {
    expect(["", "-m", "m"].map((now) => nextSort(now, "m"))).toEqual(["-m", "m", ""]);
  });
  it("says the view as a command and as Python", () => {
    const recipe = recipeOf({ project: "v/d", where: "metrics.loss < 0.3", sort: "-started_at" });
    expect(recipe.cli).toBe("runward runs list --project v/d --where 'metrics.loss < 0.3' --sort -started_at");
    expect(recipeOf({ project: "v", where: "", sort: "" }, ["metrics.a"]).cli).toBe("runward runs list --project v --columns metrics.a");
    expect(recipe.python).toContain('where="metrics.loss < 0.3"');
  });
});

describe("columns", () => {
  it("writes unusual keys in backticks, as the search language does", () => {
    expect(fieldOf("metrics.val/loss")).toBe("metrics.val/loss");
    expect(fieldOf("metrics.val loss")).toBe("metrics.`val loss`");
    expect(fieldOf("status")).toBe("status");
  });
  it("knows fields and keys, and nothing else", () => {
    expect(columnOf("metrics.a.b")?.label).toBe("a.b");
    expect(columnOf("nonsense")).toBeUndefined();
  });
  it("starts with trust and the first figures", () => {
    const ids = defaultColumns({ metrics: ["a", "b", "c", "d", "e"], params: ["p"] });
    expect(ids.slice(0, 2)).toEqual(["status", "trust"]);
    expect(ids).toContain("metrics.d");
    expect(ids).not.toContain("metrics.e");
  });
  it("keeps columns with a comma in their key apart in an address", () => {
    const ids = ["status", "metrics.a,b", "params.odd key", "metrics.loss"];
    expect(columnsIn(new URLSearchParams({ cols: writtenColumns(ids) }))).toEqual(ids);
    expect(columnsIn(new URLSearchParams())).toBeNull();
  });
  it("shows how well a run did before what was logged on the way", () => {
    const metrics = ["const/0", "glossary", "layer00/grad_norm", "layer00/weight_norm", "train/loss", "val/accuracy", "val_f1"];
    expect(resultsFirst(metrics).slice(0, 4)).toEqual(["train/loss", "val/accuracy", "val_f1", "const/0"]);
    expect(defaultColumns({ metrics, params: [] })).toContain("metrics.val_f1");
  });
});

it("points at the wrong word and offers the keys that exist", () => {
  const error = new ApiError("no run here has metrics.los\n  metrics.los\n  ^^^", 422, "invalid", "there are: metrics.loss, metrics.acc", { at: 0, length: 11 });
  expect(pointerOf("metrics.los < 1", error)).toEqual({
    problem: "no run here has metrics.los", start: 0, end: 11, offers: ["metrics.loss", "metrics.acc"],
  });
  expect(pointerOf("x", new ApiError("odd", 422, "invalid", "", { at: 99 }))).toMatchObject({ start: 1, end: 1, offers: [] });
});

it("draws only runs that have the metric", () => {
  const curve = { steps: Float64Array.of(0, 1), times: Float64Array.of(0, 0), values: Float64Array.of(1, NaN), total: 2 };
  const lines = linesOf("loss", [run("a"), run("b"), run("c")], new Map([["a", new Map([["loss", curve]])], ["c", new Map()]]));
  expect(lines.map((line) => line.id)).toEqual(["a"]);
  expect(lines[0]?.values[1]).toBeNaN();
});

it("reads the zoom from the address", () => {
  expect(rangeOf(new URLSearchParams("x=10..20.5"))).toEqual([10, 20.5]);
  expect(rangeOf(new URLSearchParams("x=20..10"))).toBeUndefined();
  expect(rangeOf(new URLSearchParams(""))).toBeUndefined();
});

it("shows only what differs, and says so to readers who see no colour", () => {
  const rows = [{ key: "lr", values: [0.1, 0.2], differs: true }, { key: "seed", values: [7, 7], differs: false }];
  const table = (all: boolean) => render(<MantineProvider><ComparedRows title="Parameters" rows={rows} runs={[run("a"), run("b")]} all={all} /></MantineProvider>);
  table(false);
  expect(screen.queryByText("seed")).toBeNull();
  expect(screen.getByText("0.2").textContent).toBe("differs: 0.2");
  cleanup();
  table(true);
  expect(screen.getByText("seed")).toBeTruthy();
});

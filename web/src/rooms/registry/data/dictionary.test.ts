import { expect, it } from "vitest";
import type { ColumnDoc } from "@/api/types";
import { dictionaryOf, tookOver } from "./dictionary";

const table = (digest: string, columns: [string, string][]) => ({ path: "t.csv", digest, format: "csv", rows: 3, columns: columns.map(([name, type]) => ({ name, type })) });
const said = (name: string, more: Partial<ColumnDoc> = {}): ColumnDoc => ({ table: "t.csv", column: name, type: "", unit: "", description: "", missing: null, distinct: null, least: "", greatest: "", pii: "", ...more });

it("lists the columns that the file has, then those that somebody described", () => {
  const found = dictionaryOf({ summary: { tables: [table("1", [["a", "int"], ["b", "text"]])], references: [] }, dictionary: [said("b", { unit: "cm" }), said("old"), { ...said("x"), table: "u.bin" }] });
  expect(found.map((one) => [one.path, one.known, one.columns.map((column) => column.column)])).toEqual([["t.csv", true, ["a", "b", "old"]], ["u.bin", false, ["x"]]]);
  expect(found[0]?.columns[1]).toMatchObject({ type: "text", unit: "cm" });
});

it("knows counts that are older than the bytes", () => {
  const version = (digest: string, missing: number) => ({ summary: { tables: [table(digest, [["a", "int"]])], references: [] }, dictionary: [said("a", { missing })] });
  expect(tookOver("t.csv", version("2", 5), version("1", 5))).toBe(true);
  expect(tookOver("t.csv", version("2", 4), version("1", 5))).toBe(false);
  expect(tookOver("t.csv", version("1", 5), version("1", 5))).toBe(false);
});

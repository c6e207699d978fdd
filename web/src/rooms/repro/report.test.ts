import { expect, it } from "vitest";
import { byKind, type InputCheck, meanOf, outcomesOf, sortedInputs, statementOf } from "./report";

const input = (name: string, status: InputCheck["status"], kind = "package"): InputCheck => ({ kind, name, status, before: null, after: null });

it("names what differs first, then what was not checked", () => {
  const names = sortedInputs([input("a", "same"), input("b", "unchecked"), input("c", "different")]).map((one) => one.name);
  expect(names).toEqual(["c", "b", "a"]);
});

it("lists every compared result and stands a report without any", () => {
  expect(outcomesOf({})).toEqual([]);
  const outcomes = outcomesOf({
    result: {
      metrics: [{ name: "loss", status: "different", points: 9, max_difference: 0.01234, first_step: 0 }],
      artifacts: [{ name: "m.bin", status: "identical" }],
      exit_code: { status: "identical" },
    },
  });
  expect(outcomes.map((one) => one.what)).toEqual(["loss", "m.bin", "exit code"]);
  expect(outcomes[0]?.detail).toBe("9 points, largest difference 0.0123, first at step 0");
});

it("counts inputs by kind: code before packages, unknown kinds last", () => {
  const rows = byKind([input("x", "same", "weather"), input("n", "same"), input("t", "unchecked"), input("a.py", "different", "code")]);
  expect(rows.map((row) => row.kind)).toEqual(["code", "package", "weather"]);
  expect(rows[1]?.counts).toEqual({ same: 1, different: 0, unchecked: 1 });
});

it("reads what a certificate names, and nothing from what is none", () => {
  const payload = btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify({ subject: [{ name: "modèle", digest: { blake3: "1" } }], predicate: { level: "basic" } }))));
  expect(statementOf({ payload })?.subject[0]?.name).toBe("modèle");
  for (const broken of [null, {}, { payload: 1 }, { payload: "%" }, { payload: btoa("no json") }]) expect(statementOf(broken)).toBeNull();
});

it("takes the mean of runs that did not diverge", () => {
  const sample = (value: number | null) => ({ run: "", seed: null, value });
  expect(meanOf([sample(1), sample(null), sample(3)])).toBe(2);
  expect(meanOf([sample(null)])).toBeNull();
});

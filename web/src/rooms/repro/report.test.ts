import { expect, it } from "vitest";
import { type InputCheck, outcomesOf, sortedInputs } from "./report";

const input = (name: string, status: InputCheck["status"]): InputCheck => ({ kind: "package", name, status, before: null, after: null });

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

import { expect, it } from "vitest";
import type { ExplanationDetail } from "@/api/types";
import { isProof, notInvolved, putBackOf, sentenceOf } from "./story";

const LR = { kind: "config", name: "lr", before: "0.1", after: "0.2" };
const DATA = { kind: "data", name: "a.csv", before: "", after: "" };
const rerun = (put_back: string[], result = "as the first run") => ({ put_back, result, seconds: 1, remembered: false });

const detail = (report: Partial<ExplanationDetail["report"]>): ExplanationDetail => ({
  explanation: { id: "e", first_id: "a", first_name: "good", second_id: "b", second_name: "bad", answer: "shown", reason: "", by: "", host: "", at: "", duration_s: 1, outdated: false },
  report: { format: 1, first: "a", second: "b", answer: "shown", reason: "", cause: [LR], source: "", differences: [LR, DATA], not_tried: [], set_aside: [], reruns: [], ...report },
});

it("says the answer in a sentence, and that there is none where there is none", () => {
  expect(sentenceOf(detail({}))).toBe("bad gives the result of good again once config lr is put back.");
  expect(sentenceOf(detail({ cause: [LR, DATA] }))).toBe("bad gives the result of good again once 2 differences together are put back.");
  expect(sentenceOf(detail({ cause: [], source: "the number of threads", second: "a" }))).toBe("good depends on the number of threads: once that is fixed, it repeats.");
  expect(sentenceOf(detail({ cause: [DATA], second: "a" }))).toBe("good gives its recorded result again once data a.csv is as it was then.");
  expect(sentenceOf(detail({ answer: "undecided", cause: [] }))).toBe("Why bad differs from good could not be shown.");
  expect(sentenceOf(detail({ answer: "nothing_differs", cause: [], second: "a" }))).toContain("repeats");
});

it("knows the reruns that show the answer and what is not involved", () => {
  const { report } = detail({});
  expect([["config lr"], ["config lr", "data a.csv"], []].map((put) => isProof(rerun(put), report))).toEqual([true, false, false]);
  expect(notInvolved(report)).toEqual([DATA]);
  const aside = detail({ set_aside: ["data a.csv"] }).report;
  expect([["config lr", "data a.csv"], ["config lr"]].map((put) => isProof(rerun(put), aside))).toEqual([true, false]);
  expect(notInvolved(aside)).toEqual([]);
  const source = detail({ cause: [], source: "the seed and the threads" }).report;
  expect(isProof(rerun(["fixed: the seed", "fixed: the threads"]), source)).toBe(true);
  expect(isProof(rerun(["fixed: the seed"]), source)).toBe(false);
  expect(putBackOf(rerun(["fixed: the seed"]))).toEqual(["the seed"]);
  expect(isProof(rerun(["config lr"]), detail({ answer: "undecided", cause: [] }).report)).toBe(false);
});

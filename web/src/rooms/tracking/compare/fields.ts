import type { Differences } from "@/api/types";
import { fieldOf, splitFields } from "../fields";
import { type Axis, axisFor } from "./scales";
import { mostLogged, useDifferences } from "./differences";

const PARAMS = 6;
const METRICS = 2;

/** What an axis can show: every differing parameter and metric, parameters first. */
export const fieldsOf = (found: Differences): string[] => [
  ...found.params.rows.map((row) => fieldOf(`params.${row.key}`)),
  ...found.metrics.rows.map((row) => fieldOf(`metrics.${row.key}`)),
];

/** The axes until somebody chooses: the first parameters that differ, then the metrics with most points. */
export const defaultFields = (found: Differences): string[] => [
  ...found.params.rows.filter((row) => row.key !== "seed").slice(0, PARAMS).map((row) => fieldOf(`params.${row.key}`)),
  ...mostLogged(found).slice(0, METRICS).map((row) => fieldOf(`metrics.${row.key}`)),
];

/** Axes for some fields with the values of all runs. */
export function useAxes(ids: string[], fields: string[], log: (field: string) => boolean | undefined): { axes: Axis[]; pending: boolean } {
  const query = useDifferences(ids, { only: fields.join(",") }, fields.length > 0);
  const rows = new Map([
    ...(query.data?.params.rows ?? []).map((row) => [fieldOf(`params.${row.key}`), row.values] as const),
    ...(query.data?.metrics.rows ?? []).map((row) => [fieldOf(`metrics.${row.key}`), row.values] as const),
  ]);
  return { axes: fields.flatMap((field) => (rows.has(field) ? [axisFor(field, rows.get(field) ?? [], log(field))] : [])), pending: query.isPending };
}

/** Fields from the address. */
export const chosenFields = (text: string | null): string[] | null => (text === null ? null : splitFields(text));

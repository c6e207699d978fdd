const PLAIN_KEY = /^[\w\-/.]+$/;

/** A column's name in the search language; unusual keys stand in backticks. */
export function fieldOf(id: string): string {
  const dot = id.indexOf(".");
  return dot < 0 || PLAIN_KEY.test(id.slice(dot + 1)) ? id : `${id.slice(0, dot)}.\`${id.slice(dot + 1)}\``;
}

/** A column by its name in the search language. */
export const columnIdOf = (field: string): string => field.replace(/^(\w+)\.`(.*)`$/s, "$1.$2");

/** Columns as an address holds them: a key with a comma in it stands in backticks. */
export const writtenColumns = (ids: string[]): string => ids.map((id) => (id.includes(",") ? fieldOf(id) : id)).join(",");

/** Fields separated by commas; a comma in backticks separates nothing. */
export const splitFields = (fields: string): string[] => fields.match(/(?:`[^`]*`|[^,`])+/g) ?? [];

/** What the server is to send with each run: only the shown keys, in the words of the search language. */
export const keyedFields = (ids: string[]): string => ids.filter((id) => id.includes(".")).map(fieldOf).join(",");

const RESULT = /(^|[/._\-\s])(loss|acc|accuracy|err|error|score|f1|auc|auroc|map|iou|bleu|rouge\w*|wer|cer|ppl|perplexity|reward|return|rmse|mse|mae|r2|precision|recall|win_rate)(@?\d+)?($|[/._\-\s])/i;

/** Metrics that by their name say how well a run did stand before all others, as they are otherwise ordered. */
export const resultsFirst = (metrics: string[]): string[] => [...metrics.filter((key) => RESULT.test(key)), ...metrics.filter((key) => !RESULT.test(key))];

/** What is shown until somebody chooses: how it stands, whether it can be trusted, the figures that tell how well it did. */
export function defaultColumns(keys: { params: string[]; metrics: string[] }): string[] {
  const some = (space: "metrics" | "params", found: string[], n: number) => found.filter((key) => !key.startsWith("_")).slice(0, n).map((key) => `${space}.${key}`);
  return ["status", "trust", ...some("metrics", resultsFirst(keys.metrics), 4), ...some("params", keys.params, 3), "started_at", "duration_s", "created_by"];
}

export interface Line {
  id: string;
  label: string;
  color: number;
  dash: number;
  steps: number[];
  values: (number | null)[];
  /** Positions whose value is NaN or infinite, with its name. */
  special: Record<string, string>;
}

export type Range = [number, number];

export interface ChartProps {
  lines: Line[];
  log?: boolean;
  /** Weight of the smoothing, 0 to below 1. */
  weight?: number;
  height?: number;
  range?: Range;
  onRange?: (range: Range | null) => void;
  /** The step under the pointer, null when it leaves. */
  onCursor?: (step: number | null) => void;
}

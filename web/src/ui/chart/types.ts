export interface Line {
  id: string;
  label: string;
  color: number;
  dash: number;
  steps: Float64Array;
  /** Seconds since 1970. */
  times: Float64Array;
  /** NaN and infinities as they were logged. */
  values: Float64Array;
}

export type Range = [number, number];

/** What the horizontal axis counts: steps, seconds since the line's first point, or the time of day. */
export type XAxis = "step" | "relative" | "wall";

/** Where the pointer is: the place on the axis, and the line that is nearest to it. */
export interface Pointer {
  x: number;
  nearest: string | null;
}

/** Something said about a point of a chart. */
export interface ChartMark {
  id: string;
  step: number;
  count: number;
  text: string;
}

export interface ChartProps {
  /** What the picture shows, for who cannot see it. */
  label?: string;
  lines: Line[];
  axis?: XAxis;
  log?: boolean;
  logX?: boolean;
  /** Weight of the smoothing, 0 to below 1. */
  weight?: number;
  height?: number;
  range?: Range;
  onRange?: (range: Range | null) => void;
  /** Null when the pointer leaves. */
  onPointer?: (pointer: Pointer | null) => void;
  marks?: ChartMark[];
  onMark?: (id: string) => void;
  /** Called with the step of the point that was clicked. */
  onPick?: (step: number) => void;
}

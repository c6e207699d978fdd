/** Exponential moving average without the pull towards zero at the start; gaps stay gaps. Weight 0 leaves values as they are. */
export function smooth(values: (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return values;
  let average = 0;
  let mass = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    average = average * weight + (1 - weight) * value;
    mass = mass * weight + (1 - weight);
    return average / mass;
  });
}

/** Values that a logarithmic axis can show. */
export const positive = (values: (number | null)[]): (number | null)[] => values.map((v) => (v !== null && v > 0 ? v : null));

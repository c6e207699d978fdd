/** Exponential moving average without the pull towards zero at the start; gaps stay gaps. Weight 0 leaves values as they are. */
export function smooth(values: Float64Array, weight: number): Float64Array {
  if (weight <= 0) return values;
  let average = 0;
  let mass = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return NaN;
    average = average * weight + (1 - weight) * value;
    mass = mass * weight + (1 - weight);
    return average / mass;
  });
}

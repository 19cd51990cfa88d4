/**
 * A number or a list of numbers, with the bigints of `parseJson` (integers beyond ±2^53) converted to doubles. For
 * inputs that are floats: JavaScript writes 1e18 with all its digits. Any other value is returned unchanged.
 */
export function toDoubles(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (!Array.isArray(value) || !value.some((item) => typeof item === "bigint")) return value;
  return value.map((item) => (typeof item === "bigint" ? Number(item) : item));
}

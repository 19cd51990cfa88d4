/**
 * A list of numbers, or a number, without the bigints that `parseJson` makes of integers beyond ±2^53: where floats are
 * wanted, 1e18 may be written with all its digits, as JavaScript does. Anything else is returned as it is.
 */
export function toDoubles(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (!Array.isArray(value) || !value.some((item) => typeof item === "bigint")) return value;
  return value.map((item) => (typeof item === "bigint" ? Number(item) : item));
}

import type { Metric } from "@cairn/core/index/metric.ts";

/** A 32-bit float as JSON, with the fewest digits that identify it, and with a fraction: `0.1`, `1.0`. */
export function float32Text(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isInteger(rounded) && Math.abs(rounded) < 1e16) return `${rounded}.0`;
  for (let digits = 6; digits < 9; digits++) {
    const text = rounded.toPrecision(digits);
    if (Math.fround(Number(text)) === rounded) return String(Number(text));
  }
  return String(Number(rounded.toPrecision(9)));
}

/** pgvector's text of a vector as JSON. Its elements have the fewest digits that identify them; integers get a fraction. */
export function vectorJson(text: string): string {
  return text.replace(/(?<=[[,])-?\d+(?=[,\]])/g, "$&.0");
}

/** A distance as Chroma computes it, in 32 bits: it subtracts from one after rounding. */
export function chromaDistance(metric: Metric, distance: number): number {
  return Math.fround(metric === "l2" ? distance : 1 - Math.fround(1 - distance));
}

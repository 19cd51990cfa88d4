import { InvalidArgumentError } from "commander";

/** Returns an argument parser for commander that accepts integers from `min` to `max`. */
export function integerBetween(min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `of at least ${min}`;
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be an integer ${range}.`);
    return value;
  };
}

import { stringifyJson } from "@cairn/core/database/json.ts";

/** Milliseconds after which a long answer lets other requests have their turn. */
const SLICE_MS = 8;

/**
 * The JSON of an object with long lists in it, the same as `stringifyJson` gives, written element by element: other
 * requests are answered in between, where one of many megabytes would hold them up.
 */
export async function writeJson(body: Readonly<Record<string, unknown>>): Promise<string> {
  const parts: string[] = [];
  let began = performance.now();

  /** Lists are opened down to the second level: the hits of many queries are a list of lists. */
  async function write(value: unknown, levels: number): Promise<void> {
    if (levels === 0 || !Array.isArray(value)) {
      parts.push(stringifyJson(value) ?? "null");
      if (performance.now() - began < SLICE_MS) return;
      await new Promise((resolve) => setImmediate(resolve));
      began = performance.now();
      return;
    }
    parts.push("[");
    for (const [at, item] of value.entries()) {
      if (at > 0) parts.push(",");
      await write(item, levels - 1);
    }
    parts.push("]");
  }

  const fields = Object.entries(body).filter(([, value]) => value !== undefined);
  for (const [at, [name, value]] of fields.entries()) {
    parts.push(at === 0 ? "{" : ",", JSON.stringify(name), ":");
    await write(value, 2);
  }
  return fields.length === 0 ? "{}" : `${parts.join("")}}`;
}

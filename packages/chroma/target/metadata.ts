import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { ChromaError } from "../server/error.ts";
import { toCollectionMetadata } from "../server/record/metadata.ts";

/** Metadata in the form in which Chroma returns it, or why Chroma cannot hold it without a loss. */
export type HeldMetadata = { readonly metadata: JsonObject } | { readonly fault: string };

/** Chroma keeps the text and the URI under such keys. A server that is sent a null for one of them stops working. */
const INTERNAL_PREFIX = "chroma:";

const MAX_I64 = 2n ** 63n;

/** The metadata that Chroma returns after this metadata was written. A list with one float has only floats there. */
export function toHeldMetadata(metadata: JsonObject): HeldMetadata {
  const held: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(metadata)) {
    const fault = key.startsWith(INTERNAL_PREFIX) ? "Chroma uses such a key itself" : findFault(value);
    const [stored] = fault === undefined ? holdValue(key, value) : [];
    if (stored === undefined)
      return { fault: `Chroma cannot hold its metadata at ${JSON.stringify(key)}: ${fault ?? OTHER_VALUE}.` };
    held.push([key, stored]);
  }
  return { metadata: Object.fromEntries(held) };
}

const OTHER_VALUE = "a value is a string, a number, a boolean, or a list of one of these types";

function findFault(value: JsonValue): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? "it drops empty lists" : value.map(findFault).find(Boolean);
  const isBeyondInteger = typeof value === "bigint" && (value >= MAX_I64 || value < -MAX_I64);
  return isBeyondInteger || (JSON.isRawJSON(value) && !isDouble(value.rawJSON))
    ? "it would round the number"
    : undefined;
}

/** Whether a number that was kept as text (`1.0`, but also `1e400`) is a double. */
function isDouble(text: string): boolean {
  const number = Number(text);
  return Number.isInteger(number) && text === `${BigInt(number)}.0`;
}

/** The value as Chroma holds it, in a list; an empty list: it cannot. */
function holdValue(key: string, value: JsonValue): readonly JsonValue[] {
  if (value === null || typeof value !== "object") return value === null ? [] : [value];
  try {
    return Object.values(toCollectionMetadata({ [key]: value }, key));
  } catch (error) {
    if (error instanceof ChromaError) return [];
    throw error;
  }
}

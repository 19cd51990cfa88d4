import { toSerializable } from "@cairn/client/lossless-json.ts";

/** A value as JSON. Integers beyond 2^53, which responses have as bigint, keep their digits. */
export function stringifyValue(value: unknown, indent?: number): string {
  return JSON.stringify(toSerializable(value), undefined, indent);
}

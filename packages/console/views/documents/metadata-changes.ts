import { parseLossless } from "@cairn/client/lossless-json.ts";
import { stringifyValue } from "../../components/stringify-value.ts";

type Metadata = Readonly<Record<string, unknown>>;

export interface MetadataChanges {
  /** As `PATCH /v1/documents/{id}` takes it: null deletes a key. */
  readonly patch: Record<string, unknown>;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What turns the metadata into the edited text. A string says why the text is no metadata. */
export function metadataChanges(before: Metadata, text: string): MetadataChanges | string {
  const after = parse(text);
  if (typeof after === "string") return after;
  const isNull = Object.keys(after).find((key) => after[key] === null && before[key] !== null);
  if (isNull !== undefined) return `${isNull}: null deletes a key. Remove the line instead.`;
  const added = Object.keys(after).filter((key) => !Object.hasOwn(before, key));
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const changed = Object.keys(after).filter(
    (key) => Object.hasOwn(before, key) && stringifyValue(before[key]) !== stringifyValue(after[key]),
  );
  const set = [...added, ...changed].map((key) => [key, after[key]] as const);
  const patch = Object.fromEntries([...set, ...removed.map((key) => [key, null] as const)]);
  return { patch, added, changed, removed };
}

function parse(text: string): Metadata | string {
  try {
    const value = parseLossless(text.trim() || "{}");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Metadata;
    return "Metadata is a JSON object: { … }";
  } catch (error) {
    if (error instanceof SyntaxError) return `This is not JSON: ${error.message}`;
    throw error;
  }
}

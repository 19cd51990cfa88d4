import { undeserializable } from "../error.ts";
import type { Body } from "./body.ts";
import { wrongType } from "./fields.ts";

export type Include = "distances" | "documents" | "embeddings" | "metadatas" | "uris";

const INCLUDES: readonly Include[] = ["distances", "documents", "embeddings", "metadatas", "uris"];

/** The fields that a response includes. */
export function parseInclude(body: Body, defaults: readonly Include[]): readonly Include[] {
  const list = body.include;
  if (list === undefined) return defaults;
  if (!Array.isArray(list)) throw wrongType("include", list, "a sequence");
  const wrong = list.findIndex((item) => !INCLUDES.includes(item));
  if (wrong < 0) return list as readonly Include[];
  const names = INCLUDES.map((name) => `\`${name}\``).join(", ");
  throw undeserializable(`include[${wrong}]`, `unknown variant \`${String(list[wrong])}\`, expected one of ${names}`);
}

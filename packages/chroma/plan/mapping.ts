import { COLLECTION_NAME, isCollectionName } from "@cairn/core/collection/create.ts";
import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";
import { type Place, tenantName } from "./pattern.ts";

const entry = z.strictObject({
  tenant: z.string().min(1).transform(tenantName),
  collection: z.string().refine(isCollectionName, `a name has ${COLLECTION_NAME}`).default("knowledge"),
});
const schema = z.record(z.string(), entry.nullable());

/** Where named source collections go; null leaves one out on purpose. Keys: the name, or `chroma-tenant/database/name`. */
export type Mapping = Readonly<Record<string, Place | null>>;

/**
 * Reads the JSON of a mapping file: `{"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}`.
 * Throws `invalid_input` with the path to the fault.
 */
export function parseMapping(text: string): Mapping {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AppError("invalid_input", `The mapping file is not JSON: ${(error as Error).message}`, {
      path: "--map",
    });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join(".") ?? "";
  throw new AppError(
    "invalid_input",
    `The mapping file is wrong at ${JSON.stringify(path)}: ${issue?.message}. An entry looks like "faq": {"tenant": "acme", "collection": "faq"}, or "scratch": null.`,
    { path: `--map: ${path}` },
  );
}

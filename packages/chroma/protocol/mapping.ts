import { COLLECTION_NAME, isCollectionName } from "@cairn/core/collection/create.ts";
import { AppError } from "@cairn/core/error.ts";
import { isTenantName, TENANT_NAME } from "@cairn/core/tenant/tenant.ts";
import * as z from "zod";
import { type TargetPath, tenantName } from "./pattern.ts";

const entry = z.strictObject({
  tenant: z
    .string()
    .refine(isTenantName, `a tenant's name has ${TENANT_NAME}`)
    .refine((name) => name === name.trim(), "a tenant's name does not begin or end with a space")
    .transform(tenantName),
  collection: z.string().refine(isCollectionName, `a name has ${COLLECTION_NAME}`).default("knowledge"),
});
const schema = z.record(z.string(), entry.nullable());

/** The targets of source collections; null leaves a collection out. Keys: the name, or `chroma-tenant/database/name`. */
export type Mapping = Readonly<Record<string, TargetPath | null>>;

/**
 * Parses the JSON of a mapping file: `{"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}`.
 * Throws `invalid_input` with the path of the invalid entry.
 */
export function parseMapping(text: string): Mapping {
  const json = parseText(text.replace(/^\uFEFF/, "")); // a byte order mark, as some Windows editors write it
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join(".") ?? "";
  throw new AppError(
    "invalid_input",
    `The mapping is invalid at ${JSON.stringify(path)}: ${issue?.message}. Example of an entry: "faq": {"tenant": "acme", "collection": "faq"}, or "scratch": null.`,
    { path: `--map: ${path}` },
  );
}

function parseText(text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AppError("invalid_input", `The mapping is not JSON: ${(error as Error).message}`, {
      path: "--map",
    });
  }
  const repeated = findRepeatedKey(text);
  if (repeated === undefined) return json;
  throw new AppError(
    "invalid_input",
    `The mapping names ${JSON.stringify(repeated)} twice, but only one entry can apply. Remove one of them.`,
    { path: `--map: ${repeated}` },
  );
}

/** A key that an object of valid JSON has twice, at any depth. `JSON.parse` silently keeps the last one. */
function findRepeatedKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/g)) {
    if (token === "{") objects.push(new Set());
    if (token === "}") objects.pop();
    if (string === undefined || colon === undefined) continue;
    const key = JSON.parse(string) as string;
    if (objects.at(-1)?.has(key)) return key;
    objects.at(-1)?.add(key);
  }
  return undefined;
}

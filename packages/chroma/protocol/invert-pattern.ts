import { CHROMA_DEFAULTS, type ChromaPath } from "./path.ts";
import { compilePattern, type TargetPath } from "./pattern.ts";

/**
 * The path in Chroma that a pattern gives a target: the inverse of `compilePattern`. `*` stands for Chroma's default tenant or
 * database. Undefined: the pattern names no such target, or in several ways, so the path would not lead back to it. Throws
 * `invalid_input` for a pattern that cannot be used.
 */
export function invertPattern(pattern: string, target: TargetPath): ChromaPath | undefined {
  const match = compilePattern(pattern, target.tenant);
  const parts = pattern.split("/");
  const [tenant, database, name = ""] =
    parts.length === 3 ? parts : [CHROMA_DEFAULTS.tenant, CHROMA_DEFAULTS.database, pattern];
  if (name.includes("*")) return undefined;
  const path = {
    tenant: fill(tenant, target, CHROMA_DEFAULTS.tenant),
    database: fill(database, target, CHROMA_DEFAULTS.database),
    name: fill(name, target, ""),
  };
  const found = match(path);
  const isBack =
    found && !("unmapped" in found) && found.tenant === target.tenant && found.collection === target.collection;
  return isBack ? path : undefined;
}

function fill(part = "", { tenant, collection }: TargetPath, any: string): string {
  return part
    .replaceAll("{tenant}", () => tenant)
    .replaceAll("{collection}", () => collection)
    .replaceAll("*", () => any);
}

import { DEFAULT_COLLECTION } from "@cairn/core/collection/collection.ts";
import { AppError } from "@cairn/core/error.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import { CHROMA_DEFAULTS, type ChromaPath } from "./path.ts";
import { BOUNDARY, createSplitter, type Split, type Token } from "./split.ts";

/** The common naming scheme for a tenant's collection. */
export const DEFAULT_PATTERN = "tenant_{tenant}_{collection}";

export interface TargetPath {
  /** A tenant's name, or the UUID that becomes its id. */
  readonly tenant: string;
  readonly collection: string;
}

/** Why a name that matches a pattern has no target. */
export interface UnmappedName {
  readonly unmapped: string;
}

/** Returns undefined if the pattern does not match. */
export type Matcher = (collection: ChromaPath) => TargetPath | UnmappedName | undefined;

/**
 * Compiles a pattern such as `tenant_{tenant}_{collection}`. `*` matches any text. A pattern with slashes has three parts
 * and is matched against `chroma-tenant/database/collection` part by part; a pattern without slashes is matched against
 * the collection's name. Without `{tenant}`, the tenant is `fallback`. Without `{collection}`, the collection is `knowledge`.
 *
 * A name that can be split in more than one way is unmapped, unless exactly one way makes the tenant a UUID. A name that
 * would turn Chroma's default tenant or database into a tenant is unmapped too. Throws `invalid_input`.
 */
export function compilePattern(pattern: string, fallback?: string): Matcher {
  const tokens = parsePattern(pattern, fallback);
  const hasPath = pattern.includes("/");
  const split = createSplitter(tokens);
  const tenantField = hasPath ? tenantPart(pattern) : undefined;
  return (source) => {
    const parts = [source.tenant, source.database, source.name];
    if (parts.some((part) => part.includes(BOUNDARY))) return undefined;
    const text = hasPath ? parts.join(BOUNDARY) : source.name;
    const [found, other] = chooseSplits(split, text);
    if (!found) return undefined;
    const targetPath = toTargetPath(found, fallback);
    if (other) return { unmapped: explainAmbiguity(pattern, targetPath, toTargetPath(other, fallback)) };
    const reservedName = found.tenant === undefined ? undefined : chromaDefault(source, tenantField, targetPath.tenant);
    if (reservedName) return { unmapped: explainDefault(pattern, reservedName) };
    return targetPath;
  };
}

/** The only way to split a text, or two of several ways. Ways in which the tenant is a UUID have precedence. */
function chooseSplits(split: ReturnType<typeof createSplitter>, text: string): readonly [Split?, Split?] {
  const uuids = split(text, parseUuid);
  return uuids.length > 0 ? [uuids[0], uuids[1]] : (split(text) as [Split?, Split?]);
}

function toTargetPath({ tenant, collection }: Split, fallback: string | undefined): TargetPath {
  return {
    tenant: tenantName(tenant ?? fallback ?? ""),
    collection: collection ?? DEFAULT_COLLECTION,
  };
}

/** The part of `chroma-tenant/database/collection` that contains `{tenant}`. */
function tenantPart(pattern: string): "tenant" | "database" | undefined {
  const [tenant = "", database = ""] = pattern.split("/");
  if (tenant.includes("{tenant}")) return "tenant";
  return database.includes("{tenant}") ? "database" : undefined;
}

/** Chroma's default name that a target would have as its tenant, if any. */
function chromaDefault(
  source: ChromaPath,
  tenantField: "tenant" | "database" | undefined,
  tenant: string,
): string | undefined {
  if (tenantField && source[tenantField] === CHROMA_DEFAULTS[tenantField]) return CHROMA_DEFAULTS[tenantField];
  return Object.values(CHROMA_DEFAULTS).find((name) => name === tenant.toLowerCase());
}

function explainAmbiguity(pattern: string, first: TargetPath, second: TargetPath): string {
  const describe = ({ tenant, collection }: TargetPath) =>
    `tenant ${JSON.stringify(tenant)} with collection ${JSON.stringify(collection)}`;
  return `The pattern ${JSON.stringify(pattern)} can split its name in more than one way: ${describe(first)}, or ${describe(second)}.`;
}

function explainDefault(pattern: string, name: string): string {
  return `The pattern ${JSON.stringify(pattern)} would turn Chroma's own ${name} into a tenant, but it contains the collections of every caller that named no tenant or database.`;
}

/** Parses a pattern into tokens. Throws `invalid_input` for a pattern that cannot name targets. */
function parsePattern(pattern: string, fallback: string | undefined): readonly Token[] {
  const fields: readonly string[] = pattern.match(/\{\w*\}/g) ?? [];
  const unknownField = fields.find((field) => field !== "{tenant}" && field !== "{collection}");
  if (unknownField || new Set(fields).size !== fields.length)
    throw invalid(pattern, "it may contain {tenant} once, {collection} once, and no other field");
  if (!fields.includes("{tenant}") && fallback === undefined)
    throw invalid(pattern, "it has no {tenant}, so --tenant must name the tenant");
  if (/\{tenant\}\**\{collection\}|\{collection\}\**\{tenant\}/.test(pattern))
    throw invalid(
      pattern,
      "{tenant} and {collection} have no separator between them, so it is unclear where one ends. Add a separator, as in {tenant}_{collection}, or use --map",
    );
  if (pattern.includes("/") && pattern.split("/").length !== 3)
    throw invalid(
      pattern,
      "a pattern with slashes has three parts, chroma-tenant/database/collection, as in {tenant}/*/{collection}",
    );
  return pattern
    .split(/(\{tenant\}|\{collection\}|\*)/)
    .filter((part) => part !== "")
    .map((part): Token => {
      if (part === "{tenant}") return { kind: "tenant" };
      if (part === "{collection}") return { kind: "collection" };
      return part === "*" ? { kind: "any" } : { kind: "text", text: part.replaceAll("/", BOUNDARY) };
    });
}

/** Whether a name matches one of the globs (`*` matches any text). Every name matches an empty list. */
export function matchesGlobs(name: string, globs: readonly string[]): boolean {
  if (globs.length === 0) return true;
  return globs.some((glob) => new RegExp(`^${glob.split("*").map(RegExp.escape).join(".*")}$`, "u").test(name));
}

/** The name of a tenant in a target: a UUID in any notation is normalized, and other names are unchanged. */
export function tenantName(name: string): string {
  return parseUuid(name) ?? name;
}

function invalid(pattern: string, reason: string): AppError {
  return new AppError("invalid_input", `The pattern ${JSON.stringify(pattern)} cannot be used: ${reason}.`, {
    path: "--pattern",
  });
}

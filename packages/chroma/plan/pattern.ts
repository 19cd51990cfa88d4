import { DEFAULT_COLLECTION } from "@cairn/core/collection/collection.ts";
import { AppError } from "@cairn/core/error.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import type { SourcePath } from "../source/label.ts";
import { BOUNDARY, createSplitter, type Split, type Token } from "./split.ts";

/** How today's installations name a tenant's collection. */
export const DEFAULT_PATTERN = "tenant_{tenant}_{collection}";

/** Chroma's names for the tenant and the database of callers that name none: they hold anybody's collections. */
const CHROMA_DEFAULTS = { tenant: "default_tenant", database: "default_database" } as const;

export interface Place {
  /** A tenant's name, or the UUID that becomes its id. */
  readonly tenant: string;
  readonly collection: string;
}

/** Why a pattern that matches a name does not say where it goes. */
export interface Unclear {
  readonly unclear: string;
}

/** Undefined: the pattern does not match. */
export type Matcher = (collection: SourcePath) => Place | Unclear | undefined;

/**
 * Compiles a pattern such as `tenant_{tenant}_{collection}`. `*` stands for anything; a pattern with slashes has three
 * parts and is matched with `chroma-tenant/database/collection` part by part, another with the collection's name alone.
 * Where it has no `{tenant}`, `fallback` is the tenant; where it has no `{collection}`, the collection is `knowledge`.
 *
 * A name that can be split in more than one way is unclear, unless exactly one way makes the tenant a UUID. So is a
 * name that would make a tenant of Chroma's own default tenant or database. Throws `invalid_input`.
 */
export function compilePattern(pattern: string, fallback?: string): Matcher {
  const tokens = parsePattern(pattern, fallback);
  const whole = pattern.includes("/");
  const split = createSplitter(tokens);
  const owner = whole ? tenantPart(pattern) : undefined;
  return (source) => {
    const parts = [source.tenant, source.database, source.name];
    if (parts.some((part) => part.includes(BOUNDARY))) return undefined;
    const text = whole ? parts.join(BOUNDARY) : source.name;
    const [found, other] = chooseSplits(split, text);
    if (!found) return undefined;
    const place = toPlace(found, fallback);
    if (other) return { unclear: explainAmbiguity(pattern, place, toPlace(other, fallback)) };
    const own = found.tenant === undefined ? undefined : chromaDefault(source, owner, place.tenant);
    if (own) return { unclear: explainDefault(pattern, own) };
    return place;
  };
}

/** The one way to split a text, or two of several. A UUID decides where only one way has one. */
function chooseSplits(split: ReturnType<typeof createSplitter>, text: string): readonly [Split?, Split?] {
  const uuids = split(text, parseUuid);
  return uuids.length > 0 ? [uuids[0], uuids[1]] : (split(text) as [Split?, Split?]);
}

function toPlace({ tenant, collection }: Split, fallback: string | undefined): Place {
  return {
    tenant: tenantName(tenant ?? fallback ?? ""),
    collection: collection ?? DEFAULT_COLLECTION,
  };
}

/** The part of `chroma-tenant/database/collection` that holds `{tenant}`. */
function tenantPart(pattern: string): "tenant" | "database" | undefined {
  const [tenant = "", database = ""] = pattern.split("/");
  if (tenant.includes("{tenant}")) return "tenant";
  return database.includes("{tenant}") ? "database" : undefined;
}

/** Which of Chroma's own names a place has for its tenant. */
function chromaDefault(
  source: SourcePath,
  owner: "tenant" | "database" | undefined,
  tenant: string,
): string | undefined {
  if (owner && source[owner] === CHROMA_DEFAULTS[owner]) return CHROMA_DEFAULTS[owner];
  return Object.values(CHROMA_DEFAULTS).find((name) => name === tenant.toLowerCase());
}

function explainAmbiguity(pattern: string, first: Place, second: Place): string {
  const say = ({ tenant, collection }: Place) =>
    `tenant ${JSON.stringify(tenant)} with collection ${JSON.stringify(collection)}`;
  return `The pattern ${JSON.stringify(pattern)} can split its name in more than one way: ${say(first)}, or ${say(second)}.`;
}

function explainDefault(pattern: string, name: string): string {
  return `The pattern ${JSON.stringify(pattern)} would turn Chroma's own ${name} into a tenant, and that holds the collections of every caller that named none.`;
}

/** Throws `invalid_input` for a pattern that cannot say where collections go. */
function parsePattern(pattern: string, fallback: string | undefined): readonly Token[] {
  const fields: readonly string[] = pattern.match(/\{\w*\}/g) ?? [];
  const strange = fields.find((field) => field !== "{tenant}" && field !== "{collection}");
  if (strange || new Set(fields).size !== fields.length)
    throw invalid(pattern, "it may have {tenant} once and {collection} once");
  if (!fields.includes("{tenant}") && fallback === undefined)
    throw invalid(pattern, "without {tenant} in it, --tenant must name the tenant");
  if (/\{tenant\}\**\{collection\}|\{collection\}\**\{tenant\}/.test(pattern))
    throw invalid(
      pattern,
      "nothing separates {tenant} from {collection}, so nothing says where one ends. Put a separator between them, as in {tenant}_{collection}, or use --map",
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

/** Whether a name matches one of the globs (`*` for anything); no globs: every name does. */
export function matchesGlobs(name: string, globs: readonly string[]): boolean {
  if (globs.length === 0) return true;
  return globs.some((glob) =>
    new RegExp(
      `^${glob
        .split("*")
        .map((part) => part.replaceAll(/[\\^$.+?()[\]{}|/]/g, "\\$&"))
        .join(".*")}$`,
      "u",
    ).test(name),
  );
}

/** A tenant as a place names it: a UUID in any notation becomes its usual one, any other name stays. */
export function tenantName(name: string): string {
  return parseUuid(name) ?? name;
}

function invalid(pattern: string, why: string): AppError {
  return new AppError("invalid_input", `The pattern ${JSON.stringify(pattern)} cannot be used: ${why}.`, {
    path: "--pattern",
  });
}

import { AppError } from "@cairn/core/error.ts";

/** How today's installations name a tenant's collection. */
export const DEFAULT_PATTERN = "tenant_{tenant}_{collection}";

export interface Place {
  /** A tenant's name, or the UUID that becomes its id. */
  readonly tenant: string;
  readonly collection: string;
}

export type Matcher = (collection: {
  readonly tenant: string;
  readonly database: string;
  readonly name: string;
}) => Place | undefined;

/**
 * Compiles a pattern such as `tenant_{tenant}_{collection}`. `*` stands for anything; a pattern with slashes is matched
 * with `chroma-tenant/database/collection`, another with the collection's name alone. Where it has no `{tenant}`,
 * `fallback` is the tenant; where it has no `{collection}`, the collection is `knowledge`. Throws `invalid_input`.
 */
export function compilePattern(pattern: string, fallback?: string): Matcher {
  const fields: readonly string[] = pattern.match(/\{\w*\}/g) ?? [];
  const strange = fields.find((field) => field !== "{tenant}" && field !== "{collection}");
  if (strange || new Set(fields).size !== fields.length)
    throw invalid(pattern, "it may have {tenant} once and {collection} once");
  if (!fields.includes("{tenant}") && fallback === undefined)
    throw invalid(pattern, "without {tenant} in it, --tenant must name the tenant");
  const source = pattern
    .split(/(\{tenant\}|\{collection\}|\*)/)
    .map((part) =>
      // 32 hex digits first: a tenant's name may itself hold the separator.
      part === "{tenant}"
        ? "(?<tenant>[0-9a-fA-F]{32}|.+?)"
        : part === "{collection}"
          ? "(?<collection>.+)"
          : part === "*"
            ? ".*?"
            : part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"),
    )
    .join("");
  const expression = new RegExp(`^${source}$`, "u");
  const whole = pattern.includes("/");
  return ({ tenant, database, name }) => {
    const groups = expression.exec(whole ? `${tenant}/${database}/${name}` : name)?.groups;
    if (!groups && !expression.test(whole ? `${tenant}/${database}/${name}` : name)) return undefined;
    return {
      tenant: tenantName(groups?.tenant ?? fallback ?? ""),
      collection: groups?.collection ?? "knowledge",
    };
  };
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

/** 32 hex digits are a UUID written without its dashes. */
export function tenantName(name: string): string {
  const digits = /^[0-9a-f]{32}$/i.test(name) ? name.toLowerCase() : undefined;
  return digits ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") : name;
}

function invalid(pattern: string, why: string): AppError {
  return new AppError("invalid_input", `The pattern ${JSON.stringify(pattern)} cannot be used: ${why}.`, {
    path: "--pattern",
  });
}

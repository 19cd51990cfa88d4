import { AppError } from "@cairn/core/error.ts";
import type { Namespace } from "@cairn/core/tenant/namespace.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import { LRUCache } from "lru-cache";
import { CHROMA_DEFAULTS, type ChromaPath } from "../protocol/path.ts";
import type { TargetPath } from "../protocol/pattern.ts";
import { createTargetFinder, type TargetFinder, type TargetResult } from "../protocol/target-path.ts";
import type { NameRules } from "./name-rules.ts";
import { isOpen, OPEN_RULES } from "./open.ts";
import { type NamespaceSettings, parseSettings } from "./settings.ts";

/** Compiles the settings of a namespace. */
export function compileRules(settings: NamespaceSettings): NameRules {
  const { patterns, fallback } = settings;
  const findTarget = createTargetFinder(settings);
  const find = (path: ChromaPath): TargetPath | undefined => {
    const result = findTarget(path);
    if (isTarget(result)) return result;
    const isUnmatched = result !== null && result.reason === "unmatched";
    return isUnmatched && fallback !== undefined ? { tenant: fallback, collection: path.name } : undefined;
  };
  return {
    find,
    resolve: (path) => find(path) ?? refuse(path, findTarget(path), patterns),
    canName: (tenant) => canName(settings, findTarget, tenant),
  };
}

function isTarget(result: TargetResult): result is TargetPath {
  return result !== null && !("problem" in result);
}

function refuse({ name }: ChromaPath, result: TargetResult, patterns: readonly string[]): never {
  const subject = `The collection ${JSON.stringify(name)} has no tenant in this namespace`;
  const allowed = `Use a name that matches ${patterns.join(" or ")}`;
  if (result === null || isTarget(result))
    throw new AppError("invalid_input", `${subject}: its mapping leaves the name out. ${allowed}.`, { path: "name" });
  const way = result.reason === "ambiguous" ? ", in one way only" : "";
  throw new AppError("invalid_input", `${subject}. ${result.problem} ${allowed}${way}.`, { path: "name" });
}

function canName(settings: NamespaceSettings, findTarget: TargetFinder, { id, name }: Pick<Tenant, "id" | "name">) {
  const isTenant = (named: string | undefined) => named === id || named === name;
  const mapped = Object.values(settings.mapping ?? {}).map((target) => target?.tenant);
  if ([settings.fallback, ...mapped].some((named) => named !== undefined && isTenant(named))) return true;
  return settings.patterns.some((pattern) =>
    [id, name].some((tenant) => {
      const target = findTarget(examplePath(pattern, tenant));
      return isTarget(target) && isTenant(target.tenant);
    }),
  );
}

/** A path that the pattern matches, for a collection of the tenant. */
function examplePath(pattern: string, tenant: string): ChromaPath {
  const example = (part = "") =>
    part.replace(/\{tenant\}|\{collection\}|\*/g, (field) => (field === "{tenant}" ? tenant : "x"));
  const parts = pattern.split("/");
  if (parts.length < 3) return { ...CHROMA_DEFAULTS, name: example(pattern) };
  const [chromaTenant, database, name] = parts;
  return { tenant: example(chromaTenant), database: example(database), name: example(name) };
}

/** Namespaces whose rules are kept compiled. Their settings do not change. */
const MAX_COMPILED = 1_000;

/** Returns a function that compiles the rules of a namespace once. */
export function createRulesCache(): (namespace: Pick<Namespace, "id" | "settings">) => NameRules {
  const compiled = new LRUCache<string, NameRules>({ max: MAX_COMPILED });
  return ({ id, settings }) => {
    const rules = compiled.get(id) ?? (isOpen(settings) ? OPEN_RULES : compileRules(parseSettings(settings)));
    compiled.set(id, rules);
    return rules;
  };
}

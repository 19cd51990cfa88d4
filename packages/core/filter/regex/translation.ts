import type { Filter } from "../filter.ts";
import { translateRegex } from "./translate.ts";

type Pattern = Extract<Filter, { kind: "pattern" }>;

/** Translations by pattern, while its filter is in use. Parsing creates them, and every statement uses them. */
const translations = new WeakMap<Pattern, string>();

/** A pattern's regular expression in Postgres' syntax. Throws the errors of `translateRegex`, with `path` in them. */
export function postgresRegex(pattern: Pattern, path?: string): string {
  const cached = translations.get(pattern);
  if (cached !== undefined) return cached;
  const translated = translateRegex(pattern.pattern, path);
  translations.set(pattern, translated);
  return translated;
}

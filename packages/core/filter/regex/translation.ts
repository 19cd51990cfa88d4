import type { Filter } from "../filter.ts";
import { translateRegex } from "./translate.ts";

type Pattern = Extract<Filter, { kind: "pattern" }>;

/** The translation of each pattern, for as long as its filter is in use: parsing makes it, and every statement has it from here. */
const translations = new WeakMap<Pattern, string>();

/** A pattern's regular expression as Postgres reads it. Throws what `translateRegex` throws, with `path` in it. */
export function postgresRegex(pattern: Pattern, path?: string): string {
  const known = translations.get(pattern);
  if (known !== undefined) return known;
  const translated = translateRegex(pattern.pattern, path);
  translations.set(pattern, translated);
  return translated;
}

import { AppError } from "@cairn/core/error.ts";
import { pathOf } from "../protocol/path.ts";
import { matchesGlobs } from "../protocol/pattern.ts";
import type { SourceCollection } from "../source/source.ts";
import type { PlanOptions } from "./options.ts";

/** Similar names that a message suggests. */
const MAX_SUGGESTIONS = 3;

/**
 * Throws `invalid_input`, with the closest names, if `--only` matches no collection of the scope, or if the mapping names a
 * collection that is neither in the scope nor `elsewhere`. A typo would migrate too much or too little.
 */
export function assertNamesExist(
  sources: readonly SourceCollection[],
  elsewhere: readonly SourceCollection[],
  { only = [], mapping = {} }: PlanOptions,
): void {
  const names = new Set(sources.map(({ name }) => name));
  const paths = new Set(sources.map(pathOf));
  for (const glob of only)
    if (![...names].some((name) => matchesGlobs(name, [glob]))) throw unknownName("--only", glob, names);
  const [unknown] = findUnknownKeys([...sources, ...elsewhere], { mapping });
  if (unknown !== undefined) throw unknownName("--map", unknown, unknown.includes("/") ? paths : names);
}

/** Keys of the mapping that are neither the name nor the path of one of these collections. */
export function findUnknownKeys(
  collections: readonly SourceCollection[],
  { mapping = {} }: PlanOptions,
): readonly string[] {
  const existing = new Set(collections.flatMap((collection) => [collection.name, pathOf(collection)]));
  return Object.keys(mapping).filter((key) => !existing.has(key));
}

function unknownName(flag: string, requested: string, names: ReadonlySet<string>): AppError {
  const closest = [...names]
    .map((name) => ({ name, edits: editDistance(requested, name) }))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name }) => JSON.stringify(name));
  const hint = closest.length === 0 ? "Chroma has no collections." : `The closest names are ${closest.join(", ")}.`;
  return new AppError(
    "invalid_input",
    `${flag} names ${JSON.stringify(requested)}, but Chroma has no collection of that name. Nothing was written. ${hint}`,
    { path: flag === "--map" ? `--map: ${requested}` : flag },
  );
}

/** The Levenshtein distance of two names. Source: Wagner and Fischer 1974. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(
        Math.min((next[j] as number) + 1, (row[j + 1] as number) + 1, (row[j] as number) + (a[i] === b[j] ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] as number;
}

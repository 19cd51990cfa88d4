import { AppError } from "@cairn/core/error.ts";
import { pathOf } from "../source/label.ts";
import type { SourceCollection } from "../source/source.ts";
import type { PlanOptions } from "./options.ts";
import { matchesGlobs } from "./pattern.ts";

/** Names that a message offers. */
const OFFERED = 3;

/**
 * Throws `invalid_input` where `--only` names no collection of the scope, or the mapping none of the scope and none
 * `elsewhere`, with the closest names: a typo would leave out what was meant to go, or take along what was meant to stay.
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

/** Keys of the mapping that are neither a name nor a path of these collections. */
export function findUnknownKeys(
  collections: readonly SourceCollection[],
  { mapping = {} }: PlanOptions,
): readonly string[] {
  const known = new Set(collections.flatMap((collection) => [collection.name, pathOf(collection)]));
  return Object.keys(mapping).filter((key) => !known.has(key));
}

function unknownName(flag: string, given: string, names: ReadonlySet<string>): AppError {
  const closest = [...names]
    .map((name) => ({ name, edits: countEdits(given, name) }))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, OFFERED)
    .map(({ name }) => JSON.stringify(name));
  const hint = closest.length === 0 ? "Chroma has none at all." : `The closest are ${closest.join(", ")}.`;
  return new AppError(
    "invalid_input",
    `${flag} names ${JSON.stringify(given)}, and no collection of Chroma's is called so; nothing was written. ${hint}`,
    { path: flag === "--map" ? `--map: ${given}` : flag },
  );
}

/** Letters to insert, delete or change until one is the other. Source: Wagner and Fischer 1974. */
function countEdits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(
        Math.min(
          (next[j] as number) + 1,
          (row[j + 1] as number) + 1,
          (row[j] as number) + (a[i] === b[j] ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[b.length] as number;
}

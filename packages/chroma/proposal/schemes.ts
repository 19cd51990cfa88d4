import { DEFAULT_COLLECTION } from "@cairn/core/collection/collection.ts";
import type { TargetPath } from "../protocol/pattern.ts";
import { kindOf, splitWords } from "./words.ts";

/** A way to read names. */
export interface NamingScheme {
  /** The scheme as text: `kb-{tenant}-{collection}`. */
  readonly pattern: string;
  readonly separator: string;
  /** Words that all names begin with, and that are left out. */
  readonly prefix: readonly string[];
  /** The target that a name has; undefined if the name does not follow the scheme. */
  readonly read: (name: string) => TargetPath | undefined;
}

/** The longer ones first: a name with `__` also contains `_`. */
const SEPARATORS = ["__", "--", ".", "_", "-"] as const;

/** Longest prefix that is left out, in words. */
const MAX_PREFIX = 2;

type Shape = (words: readonly string[], separator: string) => TargetPath | undefined;

const join = (words: readonly string[], separator: string) => words.join(separator);

/** How the words after the prefix become a tenant and a collection. The first of several equally good shapes wins. */
const SHAPES: readonly (readonly [pattern: (separator: string) => string, shape: Shape])[] = [
  [
    (separator) => `{tenant}${separator}{collection}`,
    ([tenant = "", ...rest], separator) => ({ tenant, collection: join(rest, separator) }),
  ],
  [
    (separator) => `{tenant}${separator}{collection}`,
    (words, separator) => ({ tenant: join(words.slice(0, -1), separator), collection: words.at(-1) ?? "" }),
  ],
  [
    (separator) => `{collection}${separator}{tenant}`,
    ([collection = "", ...rest], separator) => ({ tenant: join(rest, separator), collection }),
  ],
  [
    (separator) => `{collection}${separator}{tenant}`,
    (words, separator) => ({ tenant: words.at(-1) ?? "", collection: join(words.slice(0, -1), separator) }),
  ],
];

/** Lists the schemes that names can follow, those with the usual order first. */
export function listSchemes(names: readonly string[]): readonly NamingScheme[] {
  return [
    ...SEPARATORS.flatMap((separator) => schemesWith(separator, names)),
    {
      pattern: "{tenant}",
      separator: "",
      prefix: [],
      read: (tenant) => ({ tenant, collection: DEFAULT_COLLECTION }),
    },
  ];
}

function schemesWith(separator: string, names: readonly string[]): readonly NamingScheme[] {
  const words = new Map(names.map((name) => [name, splitWords(name, separator)]));
  const all = [...words.values()];
  if (all.some((parts) => parts.length < 2 || parts.includes(""))) return [];
  const prefix = sharedPrefix(all);
  const schemes: NamingScheme[] = [];
  for (let length = 0; length <= prefix.length; length++) {
    const leftOut = prefix.slice(0, length);
    const rest = (name: string) => (words.get(name) ?? splitWords(name, separator)).slice(length);
    const before = leftOut.map((word) => `${word}${separator}`).join("");
    for (const [pattern, shape] of SHAPES)
      schemes.push({
        pattern: before + pattern(separator),
        separator,
        prefix: leftOut,
        read: (name) => (rest(name).length < 2 ? undefined : shape(rest(name), separator)),
      });
    if (length > 0)
      schemes.push({
        pattern: `${before}{tenant}`,
        separator,
        prefix: leftOut,
        read: (name) => ({ tenant: join(rest(name), separator), collection: DEFAULT_COLLECTION }),
      });
  }
  return schemes;
}

/** The words that all names begin with and that can be left out: of a single name, those that name nothing. */
function sharedPrefix(names: readonly (readonly string[])[]): readonly string[] {
  const [first = []] = names;
  const shortest = Math.min(...names.map((words) => words.length));
  const isShared = (word: string, index: number) =>
    names.length > 1
      ? names.every((words) => words[index] === word)
      : kindOf(word) === "before tenant" || kindOf(word) === "generic";
  const end = first.findIndex((word, index) => !isShared(word, index));
  return first.slice(0, Math.min(end < 0 ? first.length : end, shortest - 1, MAX_PREFIX));
}

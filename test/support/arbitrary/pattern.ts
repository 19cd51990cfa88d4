import fc from "fast-check";
import { UNITS } from "./record.ts";

const literal = fc.constantFrom(...UNITS).map((unit) => unit.replace(/[\\.%_-]/g, "\\$&"));
const escapes = fc.constantFrom(
  ...[".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\n", "\\x61", "\\u{e9}", "\\x00", "\\U0001F600"],
  ...["\\pL", "\\p{Lu}", "\\P{Ll}", "\\p{Han}", "\\p{Script=Latin}", "\\p{Alphabetic}"],
);
const classes = fc.constantFrom(
  ...["[abé]", "[^a]", "[^\\n]", "[a-f&&[^b]]", "[\\w--k]", "[a-z~~a]", "[]0-]", "[^\\s\\d]", "[\\x00-\\x1f]"],
  ...["[[:upper:]]", "[[:^alnum:]\\n]", "[^\\P{L}k]", "[\\W[0-9]]", "[^\\x{FFFE}]"],
);
const assertions = fc.constantFrom("^", "$", "\\A", "\\z", "\\b", "\\B", "(?m:^)", "(?m:$)", "\\b{start}", "\\>");
const flags = fc.constantFrom("(?i)", "(?s)", "(?m)", "(?-i)");
const heads = fc.constantFrom("(", "(?:", "(?i:", "(?s:", "(?is-m:");
const quantifiers = fc.constantFrom("*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "{1,3}?");

const joined = (...parts: readonly fc.Arbitrary<string>[]) => fc.tuple(...parts).map((each) => each.join(""));

/** A pattern of all constructs that both Rust's regexes and the translation support, with the characters of the documents. */
export const regex = fc.letrec<{ pattern: string; atom: string }>((tie) => {
  const repeated = joined(fc.oneof(escapes, classes, fc.constantFrom("a", "é")), quantifiers);
  const group = joined(heads, tie("pattern"), fc.constantFrom(")", ")", ")*", ")+", ")?"));
  const atoms = fc.array(tie("atom"), { maxLength: 4 }).map((each) => each.join(""));
  return {
    atom: fc.oneof(
      { maxDepth: 2 },
      { weight: 6, arbitrary: literal },
      { weight: 3, arbitrary: fc.oneof(escapes, classes) },
      { weight: 2, arbitrary: repeated },
      { weight: 1, arbitrary: assertions },
      { weight: 1, arbitrary: flags },
      { weight: 3, arbitrary: group },
    ),
    pattern: fc.array(atoms, { minLength: 1, maxLength: 2 }).map((branches) => branches.join("|")),
  };
}).pattern;

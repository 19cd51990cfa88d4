import fc from "fast-check";
import { regex } from "./pattern.ts";
import {
  type Features,
  fraction,
  largeInteger,
  listedFraction,
  number,
  phrase,
  scalar,
  smallInteger,
  text,
} from "./record.ts";

/** The filters in the body of Chroma's `get`. */
export interface ChromaFilter {
  readonly where?: unknown;
  readonly where_document?: unknown;
}

type Entry = fc.Arbitrary<readonly [string, unknown]>;

const contains = fc.constantFrom("$contains", "$not_contains");
const order = fc.constantFrom("$gt", "$gte", "$lt", "$lte");

/** One or two valid filters with the features of the server. `regexOnly`: without `$contains`, where LIKE would differ. */
export function chromaFilter(features: Features, { regexOnly = false } = {}): fc.Arbitrary<ChromaFilter> {
  const content = contentClause(features, regexOnly);
  const where_document = nested(content);
  if (regexOnly) return fc.record({ where_document });
  const byKey = content.map((clause) => ({ "#document": clause }));
  const field = fieldClause(features);
  const where = nested(features.documentKey ? mostly(field, byKey) : field);
  return fc.oneof(fc.record({ where }), fc.record({ where_document }), fc.record({ where, where_document }));
}

function nested(clause: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.letrec<{ node: unknown }>((tie) => {
    const list = fc.array(tie("node"), { minLength: 1, maxLength: 3 });
    const joined = object(fc.tuple(fc.constantFrom("$and", "$or"), list));
    return {
      node: fc.oneof({ maxDepth: 3 }, { weight: 3, arbitrary: clause }, { weight: 1, arbitrary: joined }),
    };
  }).node;
}

function contentClause(features: Features, regexOnly: boolean): fc.Arbitrary<unknown> {
  const literal = fc.tuple(contains, phrase(3));
  const matching = fc.tuple(fc.constantFrom("$regex", "$not_regex"), regex);
  return object(fc.oneof(...(regexOnly ? [] : [literal]), ...(features.regex ? [matching] : [])));
}

function fieldClause({ keys, lists }: Features): fc.Arbitrary<unknown> {
  const key = fc.constantFrom(...keys.filter((each) => each !== "fraction"));
  const containment: Entry = fc.tuple(contains, fc.oneof(text, smallInteger, listedFraction, fc.boolean()));
  const operation = object(
    fc.oneof(
      fc.tuple(fc.constantFrom("$eq", "$ne"), scalar),
      fc.tuple(fc.constantFrom("$in", "$nin"), values()),
      fc.tuple(order, number),
      ...(lists ? [containment] : []),
    ),
  );
  const fractionEntry = fc.tuple(fc.oneof(order, fc.constantFrom("$eq", "$ne")), fc.oneof(fraction, smallInteger));
  return fc.oneof(
    { weight: 2, arbitrary: object(fc.tuple(key, scalar)) },
    { weight: 9, arbitrary: object(fc.tuple(key, operation)) },
    { weight: 2, arbitrary: object(fc.tuple(fc.constant("fraction"), object(fractionEntry))) },
    ...(lists ? [{ weight: 2, arbitrary: object(fc.tuple(fc.constant("list"), object(containment))) }] : []),
  );
}

function values(): fc.Arbitrary<unknown> {
  const size = { minLength: 1, maxLength: 4 };
  const integers = fc.array(fc.oneof(smallInteger, largeInteger), size);
  return fc.oneof(fc.array(text, size), integers, fc.array(fc.boolean(), size));
}

function object(entry: Entry): fc.Arbitrary<unknown> {
  return entry.map(([key, value]) => ({ [key]: value }));
}

function mostly<T>(frequent: fc.Arbitrary<T>, rare: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 8, arbitrary: frequent }, { weight: 1, arbitrary: rare });
}

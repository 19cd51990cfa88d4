import fc from "fast-check";

/** A request on the records of a collection. */
export interface Command {
  readonly route: "add" | "upsert" | "update" | "delete" | "get" | "query" | "count";
  readonly body?: Readonly<Record<string, unknown>>;
  /** JSON whose numbers `JSON.stringify` would change. */
  readonly text?: string;
}

const DIMENSIONS = 3;

export interface CommandFeatures {
  /** Whether the server has lists in metadata, and `limit` in deletes. */
  readonly lists: boolean;
}

const id = fc.constantFrom(
  "a",
  "b",
  "c",
  "d",
  "e",
  "f",
  "id with spaces",
  "ключ",
  "🫖",
  'q"uote',
  "line\nbreak",
  "x".repeat(300),
);
const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 4 });
const repeatedIds = fc.array(id, { minLength: 1, maxLength: 4 });
const text = fc.constantFrom("red kettle", "Red Kettle", "blue kettle and a cup", "", "tea\nand biscuits", "größer 🫖");
/** Small whole numbers: their distances are exact in 32 bits. */
const vector = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: DIMENSIONS, maxLength: DIMENSIONS });

/** Integers, fractions and texts have keys of their own: Chroma truncates a fraction that it compares with an integer. */
function metadata({ lists }: CommandFeatures, { nulls }: { readonly nulls: boolean }) {
  const orNull = <T>(value: fc.Arbitrary<T>) =>
    nulls ? fc.oneof({ weight: 5, arbitrary: value }, fc.constant(null)) : value;
  return fc.record(
    {
      int: orNull(fc.integer({ min: -3, max: 3 })),
      float: orNull(fc.constantFrom(-1.5, 0.5, 2.25)),
      text: orNull(fc.constantFrom("x", "y", "", "größer")),
      flag: orNull(fc.boolean()),
      ...(lists
        ? {
            list: orNull(fc.constantFrom(["a"], ["a", "b"], ["b", "c"])),
            numbers: orNull(fc.constantFrom([1], [1, 2], [3])),
          }
        : {}),
    },
    { requiredKeys: [] },
  );
}

function condition({ lists }: CommandFeatures): fc.Arbitrary<object> {
  const int = fc.integer({ min: -3, max: 3 });
  return fc.oneof(
    fc.record({
      int: fc.oneof(
        int,
        ...["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"].map((operator) => fc.record({ [operator]: int })),
      ),
    }),
    fc.record({ float: fc.constantFrom({ $gt: 0.5 }, { $lte: 0.5 }, { $eq: 2.25 }, { $ne: -1.5 }) }),
    fc.record({ text: fc.constantFrom("x", { $ne: "y" }, { $in: ["x", ""] }, { $nin: ["größer"] }) }),
    fc.record({ int: fc.constantFrom({ $in: [1, 2] }, { $nin: [0, 1, 3] }) }),
    fc.record({ flag: fc.constantFrom(true, { $ne: true }) }),
    fc.constant({ missing: { $ne: 1 } }),
    ...(lists
      ? [fc.constantFrom({ list: { $contains: "a" } }, { list: { $not_contains: "b" } }, { numbers: { $contains: 2 } })]
      : []),
  );
}

function where(features: CommandFeatures): fc.Arbitrary<object> {
  const one = condition(features);
  const pair = fc.array(one, { minLength: 2, maxLength: 3 });
  return fc.oneof(
    { weight: 3, arbitrary: one },
    pair.map(($and) => ({ $and })),
    pair.map(($or) => ({ $or })),
    fc.tuple(one, pair).map(([first, $or]) => ({ $and: [first, { $or }] })),
  );
}

const whereDocument = fc.oneof(
  fc.constantFrom({ $contains: "kettle" }, { $not_contains: "kettle" }, { $contains: "Red" }, { $contains: "🫖" }),
  fc.constant({ $or: [{ $contains: "blue" }, { $contains: "tea" }] }),
);

const include = fc.subarray(["documents", "metadatas", "embeddings", "uris"] as const);

/** Requests in the proportions of a test of writes. */
export function chromaCommand(features: CommandFeatures): fc.Arbitrary<Command> {
  const column = <T>(count: number, value: fc.Arbitrary<T>) =>
    fc.option(fc.array(fc.option(value), { minLength: count, maxLength: count }), { nil: undefined });
  const records = (of: fc.Arbitrary<readonly string[]>, { nulls }: { readonly nulls: boolean }) =>
    of.chain((list) =>
      fc.record({
        ids: fc.constant(list),
        embeddings: fc.array(vector, { minLength: list.length, maxLength: list.length }),
        documents: column(list.length, text),
        metadatas: column(list.length, metadata(features, { nulls })),
        uris: column(list.length, fc.constantFrom("file://a", "https://example.com/b")),
      }),
    );
  const conditions = fc.record({ where: where(features), where_document: whereDocument }, { requiredKeys: [] });
  const page = fc.record({ limit: fc.nat(8), offset: fc.nat(6) }, { requiredKeys: [] });
  const optionalIds = fc.option(repeatedIds, { nil: undefined });
  return fc.oneof(
    { weight: 4, arbitrary: records(repeatedIds, { nulls: false }).map((body) => ({ route: "add" as const, body })) },
    { weight: 4, arbitrary: records(ids, { nulls: true }).map((body) => ({ route: "upsert" as const, body })) },
    {
      weight: 3,
      arbitrary: records(ids, { nulls: true }).chain((body) =>
        fc
          .boolean()
          .map((keeps) => ({ route: "update" as const, body: keeps ? { ...body, embeddings: undefined } : body })),
      ),
    },
    { weight: 1, arbitrary: ids.map((list) => ({ route: "delete" as const, body: { ids: list } })) },
    { weight: 1, arbitrary: where(features).map((filter) => ({ route: "delete" as const, body: { where: filter } })) },
    ...(features.lists
      ? [
          {
            weight: 1,
            arbitrary: fc
              .tuple(where(features), fc.integer({ min: 1, max: 3 }))
              .map(([filter, limit]) => ({ route: "delete" as const, body: { where: filter, limit } })),
          },
        ]
      : []),
    {
      weight: 6,
      arbitrary: fc.tuple(optionalIds, conditions, page, include).map(([list, filters, range, fields]) => ({
        route: "get" as const,
        body: { ids: list, ...filters, ...range, include: fields },
      })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(
          fc.array(vector, { minLength: 1, maxLength: 2 }),
          fc.option(where(features), { nil: undefined }),
          fc.integer({ min: 1, max: 12 }),
        )
        .map(([vectors, filter, n]) => ({
          route: "query" as const,
          body: {
            query_embeddings: vectors,
            where: filter,
            n_results: n,
            include: ["distances", "documents", "metadatas"],
          },
        })),
    },
    { weight: 1, arbitrary: fc.constant({ route: "count" as const }) },
  );
}

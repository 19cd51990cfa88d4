/** A record that exists in real databases and that is an edge case for a migration. */
export interface EdgeCase {
  readonly id: string;
  readonly document: string | null;
  /** Serialize it with core's `stringifyJson`: it contains bigints and raw JSON numbers. */
  readonly metadata: EdgeCaseMetadata | null;
  readonly uri: string | null;
  /** `text`: embed the document. The other vectors are in `values`. */
  readonly vector: "text" | "unit" | "zero" | "nan";
  /** The vector, with the requested dimensions; null if the document must be embedded. */
  readonly values: readonly number[] | null;
  /**
   * `zero` and `nan`: a migration must quarantine the record. `nan`: JSON has no NaN, so send `encodeVector(values)` over plain
   * HTTP, which a 1.0.x server accepts. `lists`: only newer servers accept the metadata.
   */
  readonly kind: "ordinary" | "zero" | "nan" | "lists";
  /** What makes the record an edge case. */
  readonly why: string;
}

export type EdgeCaseMetadata = Readonly<Record<string, EdgeCaseValue | readonly EdgeCaseValue[]>>;

/** `RawJson` is a number with its exact spelling: JavaScript itself does not write 2.0. */
export type EdgeCaseValue = string | number | bigint | boolean | RawJson;

/** The result of `JSON.rawJSON`. */
export interface RawJson {
  readonly rawJSON: string;
}

type RecordTemplate = Pick<EdgeCase, "id" | "why"> & Partial<Omit<EdgeCase, "values">>;

const TEXT = "A record with something awkward about it, kept to see whether it survives the journey.";

const TEMPLATES: readonly RecordTemplate[] = [
  { id: "awkward-null-document", document: null, vector: "unit", why: "the document is null" },
  {
    id: "awkward-empty-document",
    document: "",
    vector: "unit",
    why: "the document is an empty string, not null",
  },
  {
    id: "awkward-uri-only",
    document: null,
    uri: "s3://nordlicht/manuals/tunnel-3.pdf",
    vector: "unit",
    why: "only a URI and a vector",
  },
  {
    id: "awkward\nline two\0after NUL",
    why: "the id holds a newline and a NUL, which Postgres text refuses",
  },
  { id: `awkward-long-${longId(4_987)}`, why: "the id has 5,000 characters that hardly compress" },
  { id: "awkward-👩‍🚒-日本語-العربية", why: "the id mixes scripts, directions and a joined emoji" },
  { id: "awkward-caf\u00e9", why: "the id ends in one composed character" },
  { id: "awkward-cafe\u0301", why: "the id looks like another's, but its accent is a character of its own" },
  { id: "awkward'); DROP TABLE documents; --", why: "the id would end a careless SQL statement" },
  { id: "awkward-nul-document", document: `${TEXT}\0And after a NUL.`, why: "the document holds a NUL" },
  {
    id: "awkward-noncharacter",
    document: `${TEXT} \ufffe0000 \uffff`,
    why: "the document holds noncharacters that might serve as an escape",
  },
  {
    id: "awkward-big-integer",
    metadata: {
      above: 9_007_199_254_740_993n,
      below: -9_007_199_254_740_993n,
      largest: 9_223_372_036_854_775_807n,
    },
    why: "integers beyond 2^53, which a double rounds",
  },
  {
    id: "awkward-float",
    metadata: { whole: JSON.rawJSON("2.0") as RawJson, tiny: 5e-324, third: 0.1 + 0.2, integer: 2 },
    why: "a float that equals an integer, and floats that need all their digits",
  },
  {
    id: "awkward-metadata-text",
    metadata: { 'a "key" with $ and .': "NUL \0 inside", empty: "", "1": "one" },
    why: "keys with punctuation, an empty value, a value with a NUL, which jsonb refuses",
  },
  { id: "awkward-no-metadata", metadata: null, why: "no metadata at all" },
  {
    id: "awkward-zero",
    vector: "zero",
    kind: "zero",
    why: "the vector is all zeros: cosine has no direction for it",
  },
  {
    id: "awkward-nan",
    vector: "nan",
    kind: "nan",
    why: "the vector holds NaN, which the server hands back as null",
  },
  {
    id: "awkward-lists",
    metadata: { tags: ["tent", "winter"], sizes: [36, 37, 38], prices: [1.5, 2.25], flags: [true, false] },
    kind: "lists",
    why: "metadata with typed lists",
  },
];

/** Returns the edge cases. Those without `vector: "text"` have a vector of `dimensions` elements. */
export function edgeCaseRecords(dimensions: number): readonly EdgeCase[] {
  return TEMPLATES.map((template, index) => {
    const { document = TEXT, metadata = { topic: "awkward" }, uri = null, vector = "text" } = template;
    const { id, kind = "ordinary", why } = template;
    return {
      id,
      document,
      metadata,
      uri,
      vector,
      values: createVector(vector, dimensions, index),
      kind,
      why,
    };
  });
}

/** Encodes a vector as base64 of little-endian float32 values, which Chroma's HTTP API also accepts. NaN is possible. */
export function encodeVector(values: readonly number[]): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}

function createVector(vector: EdgeCase["vector"], dimensions: number, index: number): readonly number[] | null {
  if (vector === "text") return null;
  const values = new Array<number>(dimensions).fill(0);
  if (vector !== "zero") values[index % dimensions] = vector === "nan" ? Number.NaN : 1;
  return values;
}

/** Returns reproducible pseudo-random letters and digits: a linear congruential generator (Numerical Recipes). */
function longId(length: number): string {
  let state = 42;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 16).toString(36).at(-1);
  }).join("");
}

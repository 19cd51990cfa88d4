import { expect, test } from "vitest";
import type { SourceRecord } from "../source/source.ts";
import { type CopyRules, findQuarantineReason } from "./record.ts";

const RULES: CopyRules = { vectors: "copy", metric: "l2", dimensions: 3 };

const find = (record: Partial<SourceRecord>, rules: Partial<CopyRules>) =>
  findQuarantineReason(
    { id: "a", document: "text", uri: null, metadata: null, embedding: Float32Array.of(1, 2, 3), ...record },
    { ...RULES, ...rules },
  );
const vector = (...elements: number[]) => ({ embedding: Float32Array.from(elements) });

test.each<[string, Partial<SourceRecord>, Partial<CopyRules>, string, RegExp]>([
  ["no vector", { embedding: null }, {}, "vector_null", /no vector/],
  ["NaN, as a null element is read", vector(1, Number.NaN, 3), {}, "vector_not_finite", /NaN or infinity/],
  ["only NaN", vector(Number.NaN, Number.NaN, Number.NaN), {}, "vector_not_finite", /NaN or infinity/],
  ["infinity", vector(1, 2, Number.POSITIVE_INFINITY), {}, "vector_not_finite", /NaN or infinity/],
  [
    "both infinities, whose sum is NaN",
    vector(Number.NEGATIVE_INFINITY, 2, Number.POSITIVE_INFINITY),
    {},
    "vector_not_finite",
    /NaN or infinity/,
  ],
  ["NaN among zeros", vector(0, Number.NaN, 0), { metric: "cosine" }, "vector_not_finite", /NaN/],
  ["zeros under cosine", vector(0, 0, 0), { metric: "cosine" }, "vector_zero", /no direction/],
  ["negative zeros under cosine", vector(-0, 0, -0), { metric: "cosine" }, "vector_zero", /no direction/],
  ["a dimension too few", vector(1, 2), {}, "dimension_mismatch", /has 2 dimensions and the collection has 3/],
  ["a dimension too many", vector(1, 2, 3, 4), {}, "dimension_mismatch", /has 4 dimensions/],
  ["an empty vector", vector(), {}, "dimension_mismatch", /has 0 dimensions/],
  [
    "a vector for which the server fails",
    { embedding: null, unreadable: "embedding" },
    {},
    "vector_missing",
    /500 for the record's vector/,
  ],
  [
    "a record for which the server fails",
    { embedding: null, document: null, unreadable: "all" },
    {},
    "unreadable",
    /Only its id/,
  ],
  [
    "a record for which the server fails, where texts are embedded again",
    { document: null, unreadable: "all" },
    { vectors: "embed" },
    "unreadable",
    /Only its id/,
  ],
  ["no text to embed", { document: null }, { vectors: "embed" }, "no_text", /no text/],
  ["an empty text to embed", { document: "" }, { vectors: "embed" }, "no_text", /no text/],
  ["white space to embed", { document: " \n\t" }, { vectors: "embed" }, "no_text", /no text/],
])("%s quarantines a record", (_name, record, rules, reason, detail) => {
  expect(find(record, rules)).toEqual({ id: "a", reason, detail: expect.stringMatching(detail) });
});

test.each<[string, Partial<SourceRecord>, Partial<CopyRules>]>([
  ["a vector with the collection's dimensions", {}, {}],
  ["any dimensions where the collection has none yet", vector(1, 2), { dimensions: null }],
  ["zeros under l2", vector(0, 0, 0), {}],
  ["zeros under ip", vector(0, 0, 0), { metric: "ip" }],
  ["one element that is not zero under cosine", vector(0, 0, 1e-30), { metric: "cosine" }],
  ["no text where the vector is copied", { document: null }, {}],
  ["no vector where the text is embedded again", { embedding: null }, { vectors: "embed" }],
  [
    "a vector for which the server fails, where the text is embedded again",
    { embedding: null, unreadable: "embedding" },
    { vectors: "embed" },
  ],
  [
    "a vector with other dimensions where the text is embedded again",
    vector(Number.NaN, 2),
    { vectors: "embed", metric: "cosine" },
  ],
])("%s does not quarantine a record", (_name, record, rules) => {
  expect(find(record, rules)).toBeUndefined();
});

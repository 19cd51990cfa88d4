import { expect, test } from "vitest";
import { exampleCollection, exampleExceptions, exampleReport } from "../../../test/support/example-report.ts";
import { verdictSentence } from "./verdict.ts";

const { totals, collections } = exampleReport();

test("an identical verdict says what was compared", () => {
  expect(verdictSentence(exampleReport())).toBe(
    "Identical: 412 records in 4 collections of 4 tenants, every id, text, metadata value and vector compared in both directions.",
  );
});

test("a verdict with exceptions says how many records are excluded", () => {
  const report = exampleReport({
    verdict: "identical_with_exceptions",
    totals: { ...totals, compared: 406, vectorsCompared: 406, exceptions: 6 },
  });
  expect(verdictSentence(report)).toBe(
    "Identical, with 6 exceptions: 406 of 412 records in 4 collections of 4 tenants, every id, text, metadata value and vector compared in both directions; the exceptions are listed below.",
  );
});

test("records without a vector are exceptions, and all other vectors are compared", () => {
  const kept = exampleExceptions("c").filter(({ reason }) => reason !== "unreadable");
  const counted = { ...totals, vectorsCompared: 412 - kept.length, exceptions: kept.length };
  const report = { verdict: "identical_with_exceptions", exceptions: kept, totals: counted } as const;
  expect(verdictSentence(exampleReport(report))).toMatch(
    /^Identical, with 4 exceptions: 412 records .* and vector compared/,
  );
  const reduced = { ...counted, vectorsCompared: 400 };
  expect(verdictSentence(exampleReport({ ...report, totals: reduced }))).toMatch(
    /compared in both directions, with 400 vectors;/,
  );
});

test("a verdict of not identical says what differs and where", () => {
  const [first, ...others] = collections;
  const differences = { missing: 3, extra: 1, content: 0, metadata: 1, vector: 0, uri: 0 };
  const changed = { ...(first ?? exampleCollection("A", 1)), verdict: "not_identical" as const, differences };
  const report = exampleReport({
    verdict: "not_identical",
    collections: [changed, ...others],
    totals: { ...totals, differences: 5 },
  });
  expect(verdictSentence(report)).toBe(
    "Not identical: 5 differences in 1 of 4 collections (3 missing in Cairn, 1 in Cairn only, 1 with other metadata), among 412 records compared.",
  );
});

test("a verdict of not identical without a difference does not claim one", () => {
  const vanished = { ...exampleCollection("A", 1), verdict: "not_identical" as const, state: "vanished" };
  const report = exampleReport({ verdict: "not_identical", collections: [vanished] });
  expect(verdictSentence(report)).toBe(
    "Not identical: 1 of 4 collections could not be proven identical; see the table below.",
  );
});

test("vectors that were embedded again or not compared are not reported as compared", () => {
  const embedded = { ...exampleCollection("A", 1), vectors: "embed" as const };
  const none = { ...totals, vectorsCompared: 0 };
  expect(verdictSentence(exampleReport({ totals: none, collections: [embedded] }))).toMatch(
    /every id, text and metadata value compared in both directions; the vectors were embedded again from the texts\.$/,
  );
  expect(
    verdictSentence(exampleReport({ totals: { ...none, vectorsCompared: 100 }, collections: [embedded] })),
  ).toMatch(/compared in both directions, with 100 vectors; the others were embedded again from the texts\.$/);
  expect(verdictSentence(exampleReport({ totals: none }))).toMatch(/; no vector was compared\.$/);
});

test("one is singular, and an empty source is reported as empty", () => {
  const one = { ...totals, tenants: 1, collections: 1, sourceRecords: 1, compared: 1, vectorsCompared: 1 };
  expect(verdictSentence(exampleReport({ totals: one }))).toMatch(/^Identical: 1 record in 1 collection of 1 tenant,/);
  const empty = { ...totals, sourceRecords: 0, compared: 0, vectorsCompared: 0 };
  expect(verdictSentence(exampleReport({ totals: empty }))).toBe(
    "Identical: there was nothing to compare, because the source has no records.",
  );
});

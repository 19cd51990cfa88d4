import { countOf, formatCount } from "@cairn/core/report/format.ts";
import type { CollectionReport, MigrationReport, RecordDifferenceKind, Verdict } from "./report.ts";

/** The verdict as a sentence in two parts: the headline, and the facts behind it. */
export interface Sentence {
  readonly lead: string;
  readonly rest: string;
}

/** The short name of each verdict. */
export const VERDICTS: Readonly<Record<Verdict, string>> = {
  identical: "Identical",
  identical_with_exceptions: "Identical, with exceptions",
  not_identical: "Not identical",
};

/** The text that follows the number of records of a kind. */
const KIND_TEXTS: Readonly<Record<RecordDifferenceKind, string>> = {
  missing: "missing in Cairn",
  extra: "in Cairn only",
  deleted: "deleted in Cairn",
  content: "with another text",
  metadata: "with other metadata",
  vector: "with another vector",
  uri: "with another URI",
};

/** The verdict as one self-contained sentence. It claims only what the counts prove. */
export function verdictSentence(report: MigrationReport): string {
  const { lead, rest } = splitVerdict(report);
  return `${lead}: ${rest}`;
}

/** `verdictSentence` in its two parts. */
export function splitVerdict(report: MigrationReport): Sentence {
  if (report.verdict === "not_identical") return { lead: VERDICTS.not_identical, rest: explainDifferences(report) };
  const { exceptions } = report.totals;
  if (report.verdict === "identical") return { lead: VERDICTS.identical, rest: `${explainEqual(report)}.` };
  const listed = `${exceptions === 1 ? "the exception is" : "the exceptions are"} listed below.`;
  return {
    lead: `Identical, with ${countOf(exceptions, "exception")}`,
    rest: `${explainEqual(report)}; ${listed}`,
  };
}

/** `3 missing in Cairn, 1 with other metadata`; empty if nothing differs. */
export function listDifferences(differences: CollectionReport["differences"]): string {
  const kinds = Object.keys(KIND_TEXTS) as RecordDifferenceKind[];
  const found = kinds.filter((kind) => (differences[kind] ?? 0) > 0);
  return found.map((kind) => `${formatCount(differences[kind] ?? 0)} ${KIND_TEXTS[kind]}`).join(", ");
}

function explainEqual(report: MigrationReport): string {
  const { compared, sourceRecords } = report.totals;
  if (sourceRecords === 0) return "there was nothing to compare, because the source has no records";
  const share = compared === sourceRecords ? "" : `${formatCount(compared)} of `;
  return `${share}${countOf(sourceRecords, "record")} in ${describeScope(report)}, ${comparedParts(report)}`;
}

function describeScope({ totals }: MigrationReport): string {
  return `${countOf(totals.collections, "collection")} of ${countOf(totals.tenants, "tenant")}`;
}

/** Names what was compared. Vectors that were embedded again were not compared. A record without a vector is an exception. */
function comparedParts({ totals, collections, exceptions }: MigrationReport): string {
  const { compared, vectorsCompared } = totals;
  const embedded = collections.some(({ vectors }) => vectors === "embed");
  const withoutVector = exceptions.filter(({ reason }) => reason !== "unreadable").length;
  if (!embedded && vectorsCompared + withoutVector >= compared)
    return "every id, text, metadata value and vector compared in both directions";
  const parts = "every id, text and metadata value compared in both directions";
  if (vectorsCompared > 0)
    return `${parts}, with ${countOf(vectorsCompared, "vector")}${embedded ? "; the others were embedded again from the texts" : ""}`;
  return `${parts}; ${embedded ? "the vectors were embedded again from the texts" : "no vector was compared"}`;
}

function explainDifferences(report: MigrationReport): string {
  const different = report.collections.filter((collection) => collection.verdict === "not_identical");
  const where = `${formatCount(different.length)} of ${countOf(report.totals.collections, "collection")}`;
  if (report.totals.differences === 0) return `${where} could not be proven identical; see the table below.`;
  const sum = sumDifferences(report.collections);
  const counted = Object.values(sum).reduce((total, count) => total + count, 0);
  const { failed = 0 } = report.totals;
  // Differences that no collection of the report has are collections that are not in the report.
  const oneSidedCount = report.totals.differences - counted - failed;
  const found = `${countOf(counted, "difference")} in ${where} (${listDifferences(sum)}), among ${countOf(report.totals.compared, "record")} compared`;
  const oneSided = `${countOf(oneSidedCount, "collection")} on one side only`;
  const unfinished = `${countOf(failed, "collection")} failed`;
  const parts = [failed > 0 && unfinished, counted > 0 && found, oneSidedCount > 0 && oneSided, explainChanges(report)];
  return `${parts.filter(Boolean).join("; ")}.`;
}

/** How many of the differences were made in Cairn and are therefore expected. */
function explainChanges({ totals }: MigrationReport): string | false {
  const { differences, changedInCairn = 0 } = totals;
  if (changedInCairn === 0) return false;
  if (changedInCairn === differences) return "all of them were made in Cairn since the migration and are kept";
  return `${formatCount(changedInCairn)} of them ${changedInCairn === 1 ? "was" : "were"} made in Cairn since the migration and ${changedInCairn === 1 ? "is" : "are"} kept`;
}

/** The differences of all collections, by kind. */
function sumDifferences(collections: readonly CollectionReport[]): CollectionReport["differences"] {
  const kinds = Object.keys(KIND_TEXTS) as RecordDifferenceKind[];
  const count = (kind: RecordDifferenceKind) =>
    collections.reduce((sum, { differences }) => sum + (differences[kind] ?? 0), 0);
  return Object.fromEntries(kinds.map((kind) => [kind, count(kind)])) as Record<RecordDifferenceKind, number>;
}

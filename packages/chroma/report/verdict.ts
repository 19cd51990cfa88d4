import { countOf, formatCount } from "./format.ts";
import type { CollectionReport, MigrationReport, RecordDifferenceKind, Verdict } from "./report.ts";

/** The verdict in one sentence, in two parts: the words to set large, and what they stand on. */
export interface Sentence {
  readonly lead: string;
  readonly rest: string;
}

/** A verdict in a word or three. */
export const VERDICTS: Readonly<Record<Verdict, string>> = {
  identical: "Identical",
  identical_with_exceptions: "Identical, with exceptions",
  not_identical: "Not identical",
};

/** What is wrong with `n` records of a kind, to follow the number. */
const FOUND: Readonly<Record<RecordDifferenceKind, string>> = {
  missing: "missing in Cairn",
  extra: "in Cairn only",
  deleted: "deleted in Cairn",
  content: "with another text",
  metadata: "with other metadata",
  vector: "with another vector",
  uri: "with another URI",
};

/** The verdict in one sentence that needs no other knowledge. It claims what the numbers bear out, not more. */
export function verdictSentence(report: MigrationReport): string {
  const { lead, rest } = splitVerdict(report);
  return `${lead}: ${rest}`;
}

/** `verdictSentence` in its two parts. */
export function splitVerdict(report: MigrationReport): Sentence {
  if (report.verdict === "not_identical")
    return { lead: VERDICTS.not_identical, rest: explainDifferences(report) };
  const { exceptions } = report.totals;
  if (report.verdict === "identical") return { lead: VERDICTS.identical, rest: `${explainEqual(report)}.` };
  const listed = `${exceptions === 1 ? "the exception is" : "the exceptions are"} listed below.`;
  return {
    lead: `Identical, with ${countOf(exceptions, "exception")}`,
    rest: `${explainEqual(report)}; ${listed}`,
  };
}

/** `3 missing in Cairn, 1 with other metadata`; empty where nothing differs. */
export function listDifferences(differences: CollectionReport["differences"]): string {
  const kinds = Object.keys(FOUND) as RecordDifferenceKind[];
  const found = kinds.filter((kind) => (differences[kind] ?? 0) > 0);
  return found.map((kind) => `${formatCount(differences[kind] ?? 0)} ${FOUND[kind]}`).join(", ");
}

function explainEqual(report: MigrationReport): string {
  const { compared, sourceRecords } = report.totals;
  if (sourceRecords === 0) return "there was nothing to compare, the source holds no record";
  const share = compared === sourceRecords ? "" : `${formatCount(compared)} of `;
  return `${share}${countOf(sourceRecords, "record")} in ${place(report)}, ${comparedParts(report)}`;
}

function place({ totals }: MigrationReport): string {
  return `${countOf(totals.collections, "collection")} of ${countOf(totals.tenants, "tenant")}`;
}

/** Vectors made anew were not compared, and the sentence must not say so. An exception without a vector is told as such. */
function comparedParts({ totals, collections, exceptions }: MigrationReport): string {
  const { compared, vectorsCompared } = totals;
  const anew = collections.some(({ vectors }) => vectors === "embed");
  const withoutVector = exceptions.filter(({ reason }) => reason !== "unreadable").length;
  if (!anew && vectorsCompared + withoutVector >= compared)
    return "every id, text, metadata value and vector compared both ways";
  const parts = "every id, text and metadata value compared both ways";
  if (vectorsCompared > 0)
    return `${parts}, with ${countOf(vectorsCompared, "vector")}${anew ? "; the others were made anew from the texts" : ""}`;
  return `${parts}; ${anew ? "the vectors were made anew from the texts" : "no vector was compared"}`;
}

function explainDifferences(report: MigrationReport): string {
  const different = report.collections.filter((collection) => collection.verdict === "not_identical");
  const where = `${formatCount(different.length)} of ${countOf(report.totals.collections, "collection")}`;
  if (report.totals.differences === 0)
    return `${where} could not be shown to be the same; see the table below.`;
  const sum = sumDifferences(report.collections);
  const counted = Object.values(sum).reduce((total, one) => total + one, 0);
  const { failed = 0 } = report.totals;
  // What no collection of the report has is a collection that is not in it.
  const left = report.totals.differences - counted - failed;
  const found = `${countOf(counted, "difference")} in ${where} (${listDifferences(sum)}), among ${countOf(report.totals.compared, "record")} compared`;
  const oneSided = `${countOf(left, "collection")} on one side only`;
  const unfinished = `${countOf(failed, "collection")} failed`;
  const parts = [
    failed > 0 && unfinished,
    counted > 0 && found,
    left > 0 && oneSided,
    explainChanges(report),
  ];
  return `${parts.filter(Boolean).join("; ")}.`;
}

/** How many of the differences were made in Cairn, and so are as they should be. */
function explainChanges({ totals }: MigrationReport): string | false {
  const { differences, changedInCairn = 0 } = totals;
  if (changedInCairn === 0) return false;
  if (changedInCairn === differences) return "all of them were made in Cairn since, and are kept";
  return `${formatCount(changedInCairn)} of them ${changedInCairn === 1 ? "was" : "were"} made in Cairn since, and ${changedInCairn === 1 ? "is" : "are"} kept`;
}

/** The differences of all collections, by kind. */
function sumDifferences(collections: readonly CollectionReport[]): CollectionReport["differences"] {
  const kinds = Object.keys(FOUND) as RecordDifferenceKind[];
  const count = (kind: RecordDifferenceKind) =>
    collections.reduce((sum, { differences }) => sum + (differences[kind] ?? 0), 0);
  return Object.fromEntries(kinds.map((kind) => [kind, count(kind)])) as Record<RecordDifferenceKind, number>;
}

import type { Tone } from "../../components/badge.tsx";
import { countOf } from "../../components/format.ts";
import type { Plan, PlannedCollection } from "./api.ts";

/** Something that a reader of a plan should know before the migration starts. */
export interface PlanProblem {
  readonly key: string;
  readonly tone: Tone;
  readonly title: string;
  readonly where?: string;
  readonly detail: string;
}

/** Why a record will be kept without a vector. */
const REASONS: Readonly<Record<string, string>> = {
  vector_null: "Chroma has no vector for them",
  vector_missing: "Chroma has no vector for them",
  vector_not_finite: "their vector contains NaN or infinity",
  vector_zero: "their vector has only zeros, so it has no direction",
  vector_out_of_range: "their vector is too long to be compared",
  dimension_mismatch: "their vector has other dimensions than the collection",
  unreadable: "Chroma fails for them",
  too_large: "Chroma's response for one of them is too large",
  no_text: "there is no text to embed",
};

/** What a plan reports besides its collections. What stops the migration comes first. */
export function listProblems({ unmapped, failed, deletedInCairn, collections, notices, leftOut }: Plan) {
  const unmappedProblems = unmapped.map(({ source, problem, blocking }) => ({
    key: `unmapped ${source.id}`,
    tone: blocking ? ("bad" as const) : ("warning" as const),
    title: blocking ? "No target" : "Cannot be migrated",
    where: source.name,
    detail: problem,
  }));
  const problems: PlanProblem[] = [
    ...unmappedProblems.toSorted((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad")),
    ...failed.map(({ collection, detail }) => problem("warning", "Unreadable", { where: collection, detail })),
    ...collections.flatMap(listOddRecords),
    ...deletedInCairn.map(({ collection, detail }) => problem("quiet", "Stays deleted", { where: collection, detail })),
    ...notices.map((detail) => problem("quiet", "Notice", { detail })),
  ];
  return leftOut.length === 0
    ? problems
    : [...problems, problem("quiet", "Left out", { detail: shorten(leftOut, leftOut.length) })];
}

function problem(tone: Tone, title: string, rest: Pick<PlanProblem, "where" | "detail">): PlanProblem {
  return { key: `${title} ${rest.where} ${rest.detail}`, tone, title, ...rest };
}

function listOddRecords({ source: { name }, quarantined, unreadable, unreadableCount }: PlannedCollection) {
  const records = Object.entries(quarantined).map(([reason, count]) =>
    problem("warning", "Without a vector", {
      where: name,
      detail: `${countOf(count, "record")}: ${REASONS[reason] ?? reason}. Kept with text and metadata, and listed in the report.`,
    }),
  );
  if (unreadableCount === 0) return records;
  const detail = `Chroma cannot return ${countOf(unreadableCount, "record")}: ${shorten(unreadable, unreadableCount)}`;
  return [...records, problem("warning", "Unreadable records", { where: name, detail })];
}

/** Names that a text shows. */
const SHOWN = 10;

function shorten(names: readonly string[], count: number): string {
  const rest = count - Math.min(SHOWN, names.length);
  return `${names.slice(0, SHOWN).join(", ")}${rest > 0 ? ` and ${countOf(rest, "other")}` : ""}`;
}

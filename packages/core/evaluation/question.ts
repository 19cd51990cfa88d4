import { AppError } from "../error.ts";
import type { Grades } from "./metrics.ts";

/** A question whose answers were judged. */
export interface Question {
  /** Unique in its set. */
  readonly id: string;
  readonly text: string;
  /** The relevant documents by id. At least one has a positive grade. */
  readonly grades: Grades;
  /** Filter on metadata, in addition to that of a variant. */
  readonly filter?: unknown;
}

/** Maximum characters of a question. */
export const MAX_QUESTION_LENGTH = 10_000;

/** Maximum judged documents of a question. */
export const MAX_JUDGED = 1_000;

/** The largest grade. */
export const MAX_GRADE = 1_000;

/** A fault of a question in an input, and the field that has it. */
export interface QuestionFault {
  readonly field: string;
  readonly message: string;
}

/**
 * The grades that an input names: a list of ids (grade 1 each), a list of `{ id, grade }`, or an object from id to grade.
 * Returns a fault if it is none of these.
 */
export function readGrades(value: unknown): Grades | QuestionFault {
  const entries = gradeEntries(value);
  if (!entries) return fault("relevant", "must be a list of ids, a list of {id, grade}, or an object from id to grade");
  if (entries.length > MAX_JUDGED) return fault("relevant", `must have at most ${MAX_JUDGED} documents`);
  const grades = new Map<string, number>();
  for (const [id, grade] of entries) {
    if (typeof id !== "string" || id === "") return fault("relevant", "must name documents by ids that are not empty");
    if (typeof grade !== "number" || !(Math.abs(grade) <= MAX_GRADE))
      return fault(
        "relevant",
        `must grade ${JSON.stringify(id)} with a number of at most ${MAX_GRADE}, not ${show(grade)}`,
      );
    if (grades.has(id)) return fault("relevant", `must not name ${JSON.stringify(id)} twice`);
    grades.set(id, grade);
  }
  return grades;
}

function gradeEntries(value: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) return Object.entries(value);
  return value.map((item) => (typeof item === "object" && item !== null ? [item.id, item.grade ?? 1] : [item, 1]));
}

/** The fault of a question, or undefined. */
export function questionFault({ id, text, grades }: Question): QuestionFault | undefined {
  if (id === "" || id.length > 200) return fault("id", "must have 1 to 200 characters");
  if (text.trim() === "" || text.length > MAX_QUESTION_LENGTH)
    return fault("question", `must have 1 to ${MAX_QUESTION_LENGTH} characters`);
  if (![...grades.values()].some((grade) => grade > 0))
    return fault("relevant", "must have a document with a positive grade");
  return undefined;
}

/** Throws `invalid_input` if a question cannot be used, or if two have the same id. */
export function assertQuestions(questions: readonly Question[]): void {
  const seen = new Set<string>();
  for (const [index, question] of questions.entries()) {
    const found = questionFault(question) ?? (seen.has(question.id) ? fault("id", "must be unique") : undefined);
    if (found)
      throw new AppError("invalid_input", `The field ${found.field} of question ${index + 1} ${found.message}.`, {
        path: `questions[${index}].${found.field}`,
      });
    seen.add(question.id);
  }
}

function fault(field: string, message: string): QuestionFault {
  return { field, message };
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

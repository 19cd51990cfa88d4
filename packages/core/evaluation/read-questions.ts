import { parseJson } from "../database/json.ts";
import { AppError } from "../error.ts";
import type { Grades } from "./metrics.ts";
import { type Question, questionFault, readGrades } from "./question.ts";

/** The text of a file, and its name for error messages. */
export interface NamedText {
  readonly file: string;
  readonly text: string;
}

/** Grades by id of the question. */
export type Judgements = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Questions of a file. Questions of a file without judgements get them from qrels. */
export interface QuestionFile {
  readonly questions: readonly Question[];
  /** Questions that are left out, because no document is relevant. */
  readonly unjudged: number;
}

/**
 * The questions of a file: JSON Lines (`{"id", "question", "relevant", "filter"}`; `query` and `text` are other names of
 * `question`, and an id is by default the number of the line) or TSV (id, question). With `judgements`, they replace
 * `relevant`. Throws `invalid_input` with the file, the line and the field.
 */
export function readQuestions(source: NamedText, judgements?: Judgements): QuestionFile {
  const isJson = source.text.trimStart().startsWith("{");
  const questions: Question[] = [];
  const ids = new Set<string>();
  let unjudged = 0;
  for (const { line, number } of linesOf(source)) {
    const at = { file: source.file, number };
    const read = isJson ? readObject(line, at, judgements) : readColumns(line, at, judgements);
    if (ids.has(read.id)) throw refuse(at, "id", `is ${JSON.stringify(read.id)}, as in an earlier line`);
    ids.add(read.id);
    if (judgements && ![...read.grades.values()].some((grade) => grade > 0)) {
      unjudged++;
      continue;
    }
    const fault = questionFault(read);
    if (fault) throw refuse(at, fault.field, fault.message);
    questions.push(read);
  }
  if (questions.length === 0)
    throw new AppError("invalid_input", `${source.file} has no question with a relevant document.`);
  return { questions, unjudged };
}

/**
 * The judgements of a qrels file: question, iteration, document, grade, separated by white space (TREC), or question,
 * document, grade (TSV, with or without a header line). `worst`: codes count down to this one, which means not relevant, and
 * the grade is `worst` minus the code. Throws `invalid_input` with the file, the line and the field.
 */
export function readQrels(source: NamedText, { worst }: { readonly worst?: number } = {}): Judgements {
  const judgements = new Map<string, Map<string, number>>();
  for (const { line, number } of linesOf(source)) {
    const at = { file: source.file, number };
    const columns = line.includes("\t") ? line.split("\t").map((cell) => cell.trim()) : line.trim().split(/\s+/);
    if (columns.length !== 3 && columns.length !== 4)
      throw refuse(at, "grade", `is missing: the line has ${columns.length} columns, not 3 or 4`);
    const [question = "", document = "", code = ""] =
      columns.length === 4 ? [columns[0], columns[2], columns[3]] : columns;
    const value = Number(code);
    if (code === "" || !Number.isFinite(value)) {
      if (number === 1) continue; // a header
      throw refuse(at, "grade", `must be a number, not ${JSON.stringify(code.slice(0, 80))}`);
    }
    if (question === "") throw refuse(at, "question", "is empty");
    if (document === "") throw refuse(at, "document", "is empty");
    const grades = judgements.get(question) ?? new Map<string, number>();
    judgements.set(question, grades.set(document, worst === undefined ? value : worst - value));
  }
  return judgements;
}

interface Place {
  readonly file: string;
  /** From 1. */
  readonly number: number;
}

const NO_GRADES: Grades = new Map();

function readColumns(line: string, at: Place, judgements: Judgements | undefined): Question {
  const [id = "", ...text] = line.split("\t");
  if (text.length === 0) throw refuse(at, "question", "is missing: the line has no tab between id and question");
  if (!judgements) throw refuse(at, "relevant", "is missing: a TSV file needs the judgements of a qrels file");
  return { id: id.trim(), text: text.join(" ").trim(), grades: judgements.get(id.trim()) ?? NO_GRADES };
}

function readObject(line: string, at: Place, judgements: Judgements | undefined): Question {
  const value = parseLine(line, at);
  const { id = String(at.number), question, query, text, relevant, filter } = value;
  const asked = question ?? query ?? text;
  if (typeof id !== "string" && typeof id !== "number") throw refuse(at, "id", "must be a string");
  if (typeof asked !== "string") throw refuse(at, "question", "must be a string");
  if (filter != null && (typeof filter !== "object" || Array.isArray(filter)))
    throw refuse(at, "filter", "must be an object");
  const grades = judgements ? (judgements.get(String(id)) ?? NO_GRADES) : readGrades(relevant);
  if ("field" in grades) throw refuse(at, grades.field, grades.message);
  return { id: String(id), text: asked, grades, ...(filter == null ? {} : { filter }) };
}

function parseLine(line: string, at: Place): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch (error) {
    throw new AppError("invalid_input", `${at.file}, line ${at.number}: not JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new AppError("invalid_input", `${at.file}, line ${at.number}: must be a JSON object.`);
}

/** The lines that are not blank, with their numbers. */
function linesOf({ text }: NamedText): readonly { readonly line: string; readonly number: number }[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  return lines.flatMap((line, index) => (line.trim() === "" ? [] : [{ line, number: index + 1 }]));
}

function refuse({ file, number }: Place, field: string, message: string): AppError {
  return new AppError("invalid_input", `${file}, line ${number}: the field ${field} ${message}.`, { path: field });
}

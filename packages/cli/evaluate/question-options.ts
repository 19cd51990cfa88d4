import { AppError } from "@cairn/core/error.ts";
import type { Question } from "@cairn/core/evaluation/question.ts";
import { readQrels, readQuestions } from "@cairn/core/evaluation/read-questions.ts";
import { type Command, InvalidArgumentError } from "commander";
import { readFileArgument } from "../options/json-argument.ts";
import { count } from "../terminal/counts.ts";

/** Flags that name files of questions. */
export interface QuestionFlags {
  readonly questions?: string;
  readonly qrels?: string;
  readonly qrelsWorst?: number;
}

export function addQuestionOptions(command: Command): Command {
  return command
    .option("--questions <file>", "questions: JSON Lines ({id, question, relevant, filter}), or TSV (id, question)")
    .option("--qrels <file>", "judgements of the questions: TREC qrels, or TSV (question, document, grade)")
    .option(
      "--qrels-worst <code>",
      "code of --qrels that means not relevant, if a smaller code is better; the grade is this minus the code",
      parseNumber,
    );
}

/** The questions of the files. Throws `invalid_input`. */
export async function questionsOf({ questions, qrels, qrelsWorst }: QuestionFlags): Promise<readonly Question[]> {
  if (questions === undefined)
    throw new AppError(
      "invalid_input",
      "There are no questions. Name a file with --questions, or a stored set with --set.",
      {
        path: "--questions",
      },
    );
  if (qrelsWorst !== undefined && qrels === undefined)
    throw new AppError("invalid_input", "--qrels-worst needs --qrels.", { path: "--qrels-worst" });
  const text = await readFileArgument(questions, "--questions");
  const judgements =
    qrels === undefined
      ? undefined
      : readQrels({ file: qrels, text: await readFileArgument(qrels, "--qrels") }, { worst: qrelsWorst });
  const read = readQuestions({ file: questions, text }, judgements);
  if (read.unjudged > 0)
    console.error(`${count(read.unjudged, "question")} left out, because no document is judged as relevant.`);
  return read.questions;
}

/** A number of an option, for commander. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "@cairn/core/error.ts";
import type { Evaluation } from "@cairn/core/evaluation/evaluation.ts";
import type { Question } from "@cairn/core/evaluation/question.ts";
import { compareQuestions } from "@cairn/core/evaluation/report/examples.ts";
import { renderEvaluation } from "@cairn/core/evaluation/report/html.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import { VERSION } from "@cairn/core/version.ts";

/** Asserts that a report can be written, before an evaluation that takes time. Throws `invalid_input`. */
export async function prepareReport(path: string): Promise<void> {
  const refuse = (reason: string, cause?: unknown) =>
    new AppError(
      "invalid_input",
      `The report cannot be written to ${path}: ${reason}. Set another path with --report.`,
      {
        path: "--report",
        cause,
      },
    );
  if (!/\.html?$/i.test(path)) throw refuse("its name does not end in .html");
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code ?? "", error);
  }
}

interface ReportOptions {
  readonly path: string;
  readonly title: string;
  readonly evaluation: Evaluation;
  readonly questions: readonly Question[];
}

/** Writes the page of an evaluation, with passages of the questions that were won and lost. */
export async function writeReport(
  services: Services,
  tenant: Tenant,
  { path, title, evaluation, questions }: ReportOptions,
): Promise<void> {
  const comparisons = await compareQuestions(services, tenant.id, { evaluation, questions });
  await writeFile(
    path,
    renderEvaluation({ evaluation, comparisons, tenant: tenant.name, title, cairnVersion: VERSION }),
  );
}

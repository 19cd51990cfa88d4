import { basename } from "node:path";
import { AppError } from "@cairn/core/error.ts";
import { DEFAULT_CUTOFF, evaluate } from "@cairn/core/evaluation/evaluate.ts";
import type { Evaluation } from "@cairn/core/evaluation/evaluation.ts";
import type { Question } from "@cairn/core/evaluation/question.ts";
import { saveRun } from "@cairn/core/evaluation/run.ts";
import { createSet, getSet, type QuestionSet, readSetQuestions } from "@cairn/core/evaluation/set.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { checkGates, failedGates, type GateFlags } from "../evaluate/gates.ts";
import { printEvaluation, showEvaluationProgress } from "../evaluate/print.ts";
import { addQuestionOptions, parseNumber, type QuestionFlags, questionsOf } from "../evaluate/question-options.ts";
import { prepareReport, writeReport } from "../evaluate/report.ts";
import { addVariantOption, variantsOf } from "../evaluate/variant-option.ts";
import { EXIT } from "../exit.ts";
import { withTenant } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { addTenantOption } from "../options/tenant-option.ts";
import { paragraph, printJson, visible } from "../terminal/print.ts";

const HELP = `
Measure how well a collection answers questions whose relevant documents are known, and compare ways to search it: modes,
collections with another model or chunking, filters. Each variant gets nDCG, recall, MRR, hit rate and latency, and the
difference from the first variant, or from --baseline, with its 95 % interval. Vectors of questions are cached. A draft that a
change of model is filling can be a variant by its name. Exit code 1: a variant fails --min-ndcg or --max-drop.`;

interface EvaluateFlags extends QuestionFlags, GateFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly variant?: readonly string[];
  readonly set?: string;
  readonly save?: string;
  readonly cutoff?: number;
  readonly report?: string;
}

export function addEvaluate(program: Command, { signal, finish }: CommandContext): void {
  const command = addTenantOption(
    program
      .command("evaluate")
      .summary("Measure and compare how well questions are answered")
      .description(paragraph(HELP)),
  );
  addVariantOption(addQuestionOptions(command).option("--set <name>", "stored questions, instead of --questions"))
    .option("--collection <name>", "collection of the variants that name none (default: knowledge)")
    .option(
      "--cutoff <k>",
      `results of a question that are judged (default: ${DEFAULT_CUTOFF})`,
      integerBetween(1, 1000),
    )
    .option("--baseline <variant>", "name of the variant that the others are compared with (default: the first)")
    .option("--min-ndcg <value>", "fail if the nDCG of a variant is lower", parseNumber)
    .option("--max-drop <value>", "fail if the nDCG of a variant is lower than that of --baseline by more", parseNumber)
    .option("--save <name>", "store the questions under this name, with the result as their first run")
    .option("--report <file.html>", "write a report with the questions that were won and lost")
    .action((flags: EvaluateFlags, self: Command) =>
      withTenant(self, async (services, tenant, { json }) => {
        checkGates(flags);
        if (flags.report !== undefined) await prepareReport(flags.report);
        const { set, questions } = await readQuestionsOf(services, tenant.id, flags);
        const variants =
          flags.variant || !set?.settings.variants
            ? variantsOf(flags.variant, flags.collection)
            : set.settings.variants;
        const progress = showEvaluationProgress({ quiet: json });
        const { cutoff = set?.settings.cutoff, baseline } = flags;
        const options = { questions, variants, cutoff, baseline, signal, onProgress: progress.onProgress };
        const evaluation = await evaluate(services, tenant.id, options).finally(progress.stop);
        const stored = await store(services, { tenantId: tenant.id, set, questions, evaluation, save: flags.save });
        if (json) printJson(evaluation);
        else printEvaluation(evaluation);
        if (flags.report !== undefined) {
          const title = flags.set ?? basename(flags.questions ?? "");
          await writeReport(services, tenant, { path: flags.report, title, evaluation, questions });
          if (!json) console.log(`Report: ${flags.report}`);
        }
        if (stored && !json) console.log(`Stored as a run of the set ${visible(stored.name)}.`);
        const failures = failedGates(evaluation, flags);
        for (const failure of failures) console.error(failure);
        finish(failures.length > 0 ? EXIT.failure : EXIT.done);
      }),
    );
}

/** The questions of `--set` or of `--questions`. */
async function readQuestionsOf(
  { database }: Services,
  tenantId: string,
  flags: EvaluateFlags,
): Promise<{ readonly set?: QuestionSet; readonly questions: readonly Question[] }> {
  if (flags.set === undefined) return { questions: await questionsOf(flags) };
  if (flags.questions !== undefined || flags.save !== undefined)
    throw new AppError("invalid_input", "--set has questions already. Omit --questions and --save.", { path: "--set" });
  const set = await getSet(database, tenantId, flags.set);
  return { set, questions: await readSetQuestions(database, set) };
}

interface Stored {
  readonly tenantId: string;
  readonly set: QuestionSet | undefined;
  readonly questions: readonly Question[];
  readonly evaluation: Evaluation;
  readonly save: string | undefined;
}

/** Stores the result of a stored set, and first the set that `--save` names. */
async function store(
  { database }: Services,
  { tenantId, set, questions, evaluation, save }: Stored,
): Promise<QuestionSet | undefined> {
  const { cutoff, variants } = evaluation;
  const settings = { cutoff, variants: variants.map(({ name, options }) => ({ name, options })) };
  const target = save === undefined ? set : await createSet(database, tenantId, { name: save, questions, settings });
  if (target) await saveRun(database, target, { evaluation, startedBy: "request" });
  return target;
}

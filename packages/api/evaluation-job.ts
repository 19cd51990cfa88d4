import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { summarize } from "@cairn/core/evaluation/run.ts";
import { runSet, type SetResult } from "@cairn/core/evaluation/run-set.ts";
import type { Variant } from "@cairn/core/evaluation/variant.ts";
import type { JobWork } from "@cairn/core/job/run.ts";
import type { Services } from "@cairn/core/services.ts";

/** Milliseconds that an evaluation may take. */
const TIMEOUT_MS = 600_000;

interface EvaluateRequest {
  readonly set: string;
  readonly variants?: readonly Variant[];
  readonly cutoff?: number;
  readonly baseline?: string;
  readonly started_by?: "request" | "schedule";
}

type EvaluateWork = Pick<JobWork, "request" | "signal" | "report"> & {
  /** Gets the result of a scheduled run. */
  readonly onEvaluation: ((result: SetResult) => void) | undefined;
};

/** Runs a question set as a job. Returns the id of the run and its summary. Throws `deadline_exceeded` after ten minutes. */
export async function evaluateSet(
  services: Services,
  tenantId: string,
  { request, signal, report, onEvaluation }: EvaluateWork,
): Promise<JsonObject> {
  const { started_by: startedBy = "request", ...options } = request as unknown as EvaluateRequest;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const result = await runSet(services, tenantId, {
      ...options,
      startedBy,
      signal: AbortSignal.any([signal, timeout]),
      onProgress: ({ phase, done, total }) =>
        report(
          phase === "embed"
            ? { questions: total, embedded: done }
            : { questions: total, embedded: total, searched: done },
        ),
    });
    if (startedBy === "schedule") onEvaluation?.(result);
    const { run, evaluation, drops } = result;
    const { variants } = summarize(evaluation);
    const summaries = variants.map(({ name, totals, differences }) => ({ name, ...totals, differences }));
    return { run, variants: summaries, drops } as unknown as JsonObject;
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw error;
    throw new AppError(
      "deadline_exceeded",
      "The evaluation takes longer than ten minutes. Use fewer questions or variants.",
      { cause: error },
    );
  }
}

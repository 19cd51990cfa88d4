import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { BatchState } from "@cairn/chroma/steps/environment.ts";
import {
  copyStep,
  planStep,
  promoteStep,
  releaseStep,
  reportStep,
  type Shard,
  searchStep,
  settleStep,
} from "@cairn/chroma/steps/steps.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Context } from "aws-lambda";
import { openService } from "./service.ts";

type StepEvent = BatchState & Shard & { readonly step: string; readonly cause: string };

const STEPS = {
  plan: planStep,
  copy: copyStep,
  settle: settleStep,
  promote: promoteStep,
  search: searchStep,
  report: reportStep,
  release: releaseStep,
} as const;

/** Milliseconds before the function's own end by which a step stops between two pages. */
const RESERVE = 60_000;

/** One step of the migration's state machine. A failure bears its code as its name, which is what the machine knows it by. */
export async function handler(
  event: StepEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<object> {
  try {
    const { services, settings } = await openService();
    const { chromaUrl, chromaToken, databaseUrl } = settings;
    if (!chromaUrl)
      throw new AppError("source_unsupported", "The secret ChromaUrl is not set. See docs/deploy.md.");
    const step = STEPS[event.step as keyof typeof STEPS];
    if (!step) throw new AppError("invalid_input", `There is no step ${JSON.stringify(event.step)}.`);
    return await step(
      {
        services,
        source: await openSource({ url: chromaUrl, token: chromaToken }),
        databaseName: new URL(databaseUrl).host,
        cairnVersion: "0.1.0",
        signal: AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE)),
      },
      event,
    );
  } catch (error) {
    if (error instanceof AppError) throw Object.assign(new Error(error.message), { name: error.code });
    throw error;
  }
}

import type { BatchState, StepEnvironment } from "@cairn/chroma/steps/environment.ts";
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

export type StepEvent = BatchState & Shard & { readonly step: string; readonly cause: string };

const STEPS = {
  plan: planStep,
  copy: copyStep,
  settle: settleStep,
  promote: promoteStep,
  search: searchStep,
  report: reportStep,
  release: releaseStep,
} as const;

/** The step that a state asks for. A failure bears its code as its name, which is what the machine knows it by. */
export async function runStep(environment: StepEnvironment, event: StepEvent): Promise<object> {
  try {
    const step = STEPS[event.step as keyof typeof STEPS];
    if (!step) throw new AppError("invalid_input", `There is no step ${JSON.stringify(event.step)}.`);
    return await step(environment, event);
  } catch (error) {
    throw namedByCode(error);
  }
}

/** A failure as Step Functions matches it: by name. */
export function namedByCode(error: unknown): unknown {
  return error instanceof AppError ? Object.assign(new Error(error.message), { name: error.code }) : error;
}

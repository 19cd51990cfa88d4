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

/** Runs the step of a state. The name of a thrown error is its code, because the state machine matches errors by name. */
export async function runStep(environment: StepEnvironment, event: StepEvent): Promise<object> {
  try {
    const step = STEPS[event.step as keyof typeof STEPS];
    if (!step) throw new AppError("invalid_input", `The step ${JSON.stringify(event.step)} does not exist.`);
    return await step(environment, event);
  } catch (error) {
    throw nameByCode(error);
  }
}

/** The error with its code as its name, which Step Functions matches. */
export function nameByCode(error: unknown): unknown {
  return error instanceof AppError ? Object.assign(new Error(error.message), { name: error.code }) : error;
}

import { PROBLEMS, type ProblemCode } from "@cairn/api/problem.ts";
import { AppError } from "@cairn/core/error.ts";
import { failJob, getJob, type Job, type JobAddress } from "@cairn/core/job/job.ts";
import { runJob } from "@cairn/core/job/run.ts";
import type { Service } from "./compose.ts";
import { readMessage } from "./job-message.ts";

/** Deliveries of a message after which its job fails. Each earlier worker died, or could not reach the database. */
const MAX_ATTEMPTS = 3;

/** A dead letter for the operator: a job that failed because of the service, or a message without a job's address. */
export interface DeadLetter extends Partial<JobAddress> {
  readonly reason: { readonly code: string; readonly message: string };
}

export interface JobMessage {
  readonly body: unknown;
  /** Number of this delivery, from 1. */
  readonly attempt: number;
  /** Aborted when the worker's time is over. The job is then sent again and continues from its progress. */
  readonly signal: AbortSignal;
}

/**
 * Runs the job that a message addresses. A failure of the service and a missing job are sent as dead letters with their
 * reason. A failure that the job's owner can correct (a used-up budget, a deleted collection) is recorded only in the
 * job. Throws if the message should be delivered again.
 */
export async function processMessage(
  { services, kinds, queue }: Service,
  { body, attempt, signal }: JobMessage,
  sendDeadLetter: (letter: DeadLetter) => Promise<void>,
): Promise<void> {
  const job = readAddress(body);
  if (!job) return sendDeadLetter({ reason: INVALID_MESSAGE });
  if (attempt > MAX_ATTEMPTS) await failJob(services.database, job, TOO_MANY_ATTEMPTS);
  else if ((await runJob(services, kinds, job, { signal })) === "released") return queue.send(job);
  const reason = await getJob(services.database, job).then(serviceFailure, reasonOfMissingJob);
  if (reason) await sendDeadLetter({ ...job, reason });
}

const INVALID_MESSAGE = {
  code: "invalid_input",
  message: "The message does not contain a job's address.",
} as const;

const TOO_MANY_ATTEMPTS = {
  code: "internal_error",
  message: `The job was started ${MAX_ATTEMPTS} times and never finished. Its worker died or could not reach the database. Send the job again in smaller pieces.`,
} as const;

function readAddress(body: unknown): JobAddress | undefined {
  try {
    return readMessage(body);
  } catch {
    return undefined;
  }
}

/** The error of a job that failed because of the service, not because of its owner. */
function serviceFailure({ status, lastError }: Job): DeadLetter["reason"] | undefined {
  if (status !== "failed" || !lastError) return undefined;
  return (PROBLEMS[lastError.code as ProblemCode]?.status ?? 500) >= 500 ? lastError : undefined;
}

function reasonOfMissingJob(error: unknown): DeadLetter["reason"] {
  if (!(error instanceof AppError && error.code === "not_found")) throw error;
  return { code: error.code, message: error.message };
}

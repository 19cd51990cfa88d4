import { PROBLEMS, type ProblemCode } from "@cairn/api/problem.ts";
import { AppError } from "@cairn/core/error.ts";
import { failJob, getJob, type Job, type JobAddress } from "@cairn/core/job/job.ts";
import { runJob } from "@cairn/core/job/run.ts";
import type { Service } from "./compose.ts";
import { readMessage } from "./message.ts";

/** Deliveries of a message after which its job is given up: whoever took it died of it, or could not reach the database. */
const DELIVERIES = 3;

/** What somebody should look at: a job that the service failed at, or a message that names none. */
export interface DeadLetter extends Partial<JobAddress> {
  readonly reason: { readonly code: string; readonly message: string };
}

export interface Delivery {
  readonly body: unknown;
  /** Which delivery of this message it is, from 1. */
  readonly attempt: number;
  /** Aborted when the worker's time is over: the job is sent again, and goes on where it was. */
  readonly signal: AbortSignal;
}

/**
 * Runs the job that a message names. What the service fails at goes to the dead letters with its reason, as does a job
 * that is gone; what its owner can mend (a used-up budget, a collection that is gone) only stands with the job. Throws
 * where the message should come again.
 */
export async function deliver(
  { services, kinds, queue }: Service,
  { body, attempt, signal }: Delivery,
  bury: (letter: DeadLetter) => Promise<void>,
): Promise<void> {
  const job = read(body);
  if (!job) return bury({ reason: { code: "invalid_input", message: "The message names no job." } });
  if (attempt > DELIVERIES) await failJob(services.database, job, GIVEN_UP);
  else if ((await runJob(services, kinds, job, { signal })) === "released") return queue.send(job);
  const reason = await getJob(services.database, job).then(faultOf, missing);
  if (reason) await bury({ ...job, reason });
}

const GIVEN_UP = {
  code: "internal_error",
  message: `The job was begun ${DELIVERIES} times and never came to an end. Its worker died of it, or could not reach the database. Send it again, in smaller pieces.`,
} as const;

function read(body: unknown): JobAddress | undefined {
  try {
    return readMessage(body);
  } catch {
    return undefined;
  }
}

/** What the service, not the job's owner, has to mend. */
function faultOf({ status, lastError }: Job): DeadLetter["reason"] | undefined {
  if (status !== "failed" || !lastError) return undefined;
  return (PROBLEMS[lastError.code as ProblemCode]?.status ?? 500) >= 500 ? lastError : undefined;
}

function missing(error: unknown): DeadLetter["reason"] {
  if (!(error instanceof AppError && error.code === "not_found")) throw error;
  return { code: error.code, message: error.message };
}

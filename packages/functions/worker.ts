import { runJob } from "@cairn/core/job/run.ts";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { readMessage } from "./queue.ts";
import { openService } from "./service.ts";

/** Milliseconds before the function's own end by which a job is given back. */
const RESERVE = 20_000;

/** Runs the jobs that messages name. A message whose job could not be reached is tried again, the others are done. */
export async function handler(
  event: SQSEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<SQSBatchResponse> {
  const { services, kinds, queue, log } = await openService();
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE));
  const failures: { itemIdentifier: string }[] = [];
  for (const { messageId, body } of event.Records)
    try {
      const job = readMessage(body);
      if ((await runJob(services, kinds, job, { signal })) === "released") await queue.send(job);
    } catch (error) {
      log.failure(error, { about: "a job's message", message: messageId });
      failures.push({ itemIdentifier: messageId });
    }
  return { batchItemFailures: failures };
}

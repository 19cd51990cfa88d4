import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { deliver } from "./deliver.ts";
import { createSqsQueue } from "./queue.ts";
import { openService } from "./service.ts";

/** Milliseconds before the function's own end by which a job is given back. */
const RESERVE = 20_000;

/** Runs the jobs that messages name. A message whose job could not be reached is tried again, the others are done. */
export async function handler(
  event: SQSEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<SQSBatchResponse> {
  const service = await openService();
  const dead = createSqsQueue(service.settings.deadJobsQueueUrl);
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE));
  const failures: { itemIdentifier: string }[] = [];
  for (const { messageId, body, attributes } of event.Records)
    try {
      const attempt = Number(attributes.ApproximateReceiveCount);
      await deliver(service, { body, attempt, signal }, dead.send);
    } catch (error) {
      service.log.failure(error, { about: "a job's message", message: messageId });
      failures.push({ itemIdentifier: messageId });
    }
  return { batchItemFailures: failures };
}

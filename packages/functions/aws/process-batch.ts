import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { flushUsage } from "../compose.ts";
import { processMessage } from "../process-message.ts";
import { openService } from "./service.ts";
import { createSqsQueue } from "./sqs-queue.ts";

/** Milliseconds before the function's time limit at which a job is released. */
const RESERVE_MS = 20_000;

/** Runs the jobs of a batch of messages. Only messages whose job could not be reached are delivered again. */
export async function processBatch(
  event: SQSEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<SQSBatchResponse> {
  const service = await openService();
  const deadLetters = createSqsQueue(service.settings.deadJobsQueueUrl);
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS));
  const failures: { itemIdentifier: string }[] = [];
  for (const { messageId, body, attributes } of event.Records)
    try {
      const attempt = Number(attributes.ApproximateReceiveCount);
      await processMessage(service, { body, attempt, signal }, deadLetters.send);
    } catch (error) {
      service.log.failure(error, { about: "a job's message", message: messageId });
      failures.push({ itemIdentifier: messageId });
    }
  await flushUsage(service, { always: true });
  return { batchItemFailures: failures };
}

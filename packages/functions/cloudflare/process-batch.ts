import { flushUsage, type Service } from "../compose.ts";
import { processMessage } from "../process-message.ts";
import type { Env, MessageBatch } from "./runtime.ts";

export interface BatchOptions {
  /** Aborted when the worker's time is over. */
  readonly signal: AbortSignal;
  readonly deadLetters: Env["DEAD_JOBS"];
}

/** Runs the jobs of a batch of messages. Only messages whose job could not be reached are delivered again. */
export async function processBatch(
  service: Service,
  { messages }: MessageBatch,
  { signal, deadLetters }: BatchOptions,
): Promise<void> {
  for (const message of messages)
    try {
      const job = { body: message.body, attempt: message.attempts, signal };
      await processMessage(service, job, (letter) => deadLetters.send(letter));
      message.ack();
    } catch (error) {
      service.log.failure(error, { about: "a job's message", message: message.id });
      message.retry({ delaySeconds: 30 });
    }
  await flushUsage(service, { always: true });
}

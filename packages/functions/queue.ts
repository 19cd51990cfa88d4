import { AppError } from "@cairn/core/error.ts";
import type { JobAddress } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import * as z from "zod";

const address = z.object({ tenantId: z.uuid().nullable(), id: z.uuid() });

/** Sends jobs through SQS: their addresses alone, as what they are asked for stands in the database. */
export function createSqsQueue(url: string | undefined): JobQueue {
  return {
    async send(job) {
      if (!url)
        throw new AppError("invalid_input", "The setting jobsQueueUrl is missing. See docs/deploy.md.");
      // The runtime brings the SDK; most requests need none of it.
      const { SQSClient, SendMessageCommand } = await import("@aws-sdk/client-sqs");
      const message = new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(job) });
      await new SQSClient({}).send(message);
    },
  };
}

/** The job that a message names. Throws for what is no job's address: the queue sets it aside. */
export function readMessage(body: string): JobAddress {
  return address.parse(JSON.parse(body));
}

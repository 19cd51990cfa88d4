import { AppError } from "@cairn/core/error.ts";

/**
 * Sends messages to a queue of SQS's: addresses of jobs alone, as what they are asked for stands in the database. Each is
 * in its tenant's group, so that a tenant with many jobs does not hold up the others'. Source: "Amazon SQS fair queues".
 */
export function createSqsQueue(url: string | undefined): {
  send(message: { readonly tenantId?: string | null }): Promise<void>;
} {
  return {
    async send(message) {
      if (!url) throw new AppError("invalid_input", "The address of a queue is missing. See docs/deploy.md.");
      // The runtime brings the SDK; most requests need none of it.
      const { SQSClient, SendMessageCommand } = await import("@aws-sdk/client-sqs");
      const command = new SendMessageCommand({
        QueueUrl: url,
        MessageBody: JSON.stringify(message),
        MessageGroupId: message.tenantId ?? "operator",
      });
      await new SQSClient({}).send(command);
    },
  };
}

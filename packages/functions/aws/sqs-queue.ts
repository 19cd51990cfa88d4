import { AppError } from "@cairn/core/error.ts";

/**
 * An SQS queue for job addresses. The jobs' requests are stored in the database, not in the messages. The message group is
 * the tenant, so that a tenant with many jobs does not delay other tenants. Source: "Amazon SQS fair queues".
 */
export function createSqsQueue(url: string | undefined): {
  send(message: { readonly tenantId?: string | null }): Promise<void>;
} {
  return {
    async send(message) {
      if (!url)
        throw new AppError(
          "invalid_input",
          "The job cannot be sent: the URL of the SQS queue is not set. See docs/deploy.md.",
        );
      // The runtime provides the SDK. Most requests do not need it.
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

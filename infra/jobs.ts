import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** Deliveries before SQS moves a message to the dead-letter queue. The worker needs fewer to send it there with a reason. */
const MAX_DELIVERIES = 5;

/** Concurrent jobs. */
const MAX_WORKERS = 5;

/** Background jobs (202 responses): a queue, its worker and its dead-letter queue. */
export function jobs(secrets: Secrets, schemaApplied: aws.lambda.Invocation) {
  const { databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken } = secrets;
  const dead = new sst.aws.Queue("DeadJobs", {
    transform: { queue: { messageRetentionSeconds: 14 * 86_400 } },
  });
  const queue = new sst.aws.Queue("Jobs", {
    // Longer than the worker's timeout, so that a job is not delivered twice at the same time.
    visibilityTimeout: "16 minutes",
    dlq: { queue: dead.arn, retry: MAX_DELIVERIES },
  });
  const worker = functionArgs("worker", {
    secrets: [databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken],
    timeout: "15 minutes",
    memory: "2048 MB",
    environment: { CAIRN_JOBS_QUEUE_URL: queue.url, CAIRN_DEAD_JOBS_QUEUE_URL: dead.url },
    concurrency: MAX_WORKERS,
    permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn, dead.arn] }],
    dependsOn: schemaApplied,
  });
  const { nodes } = queue.subscribe(worker, {
    batch: { size: 1, partialResponses: true },
    // SQS starts no more workers than are reserved. A throttled delivery counts as a delivery and could dead-letter a valid job.
    transform: { eventSourceMapping: { scalingConfig: { maximumConcurrency: MAX_WORKERS } } },
  });
  return { queue, dead, worker: nodes.function };
}

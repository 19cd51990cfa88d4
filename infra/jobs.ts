import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** Deliveries of a message before the queue sets it aside by itself: more than the worker needs to say why. */
const ATTEMPTS = 5;

/** What the API answers 202 to: a queue, its worker, and where messages end that nobody could take. */
export function jobs({ databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken }: Secrets) {
  const dead = new sst.aws.Queue("DeadJobs", {
    transform: { queue: { messageRetentionSeconds: 14 * 86_400 } },
  });
  const queue = new sst.aws.Queue("Jobs", {
    // Longer than the worker may take, or a job would be delivered twice at once.
    visibilityTimeout: "16 minutes",
    dlq: { queue: dead.arn, retry: ATTEMPTS },
  });
  const worker = functionArgs("worker", {
    secrets: [databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken],
    timeout: "15 minutes",
    memory: "2048 MB",
    environment: { CAIRN_JOBS_QUEUE_URL: queue.url, CAIRN_DEAD_JOBS_QUEUE_URL: dead.url },
    concurrency: 5,
    permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn, dead.arn] }],
  });
  queue.subscribe(worker, { batch: { size: 1, partialResponses: true } });
  return { queue, dead };
}

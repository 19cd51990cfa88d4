import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** Deliveries of a message before the queue sets it aside by itself: more than the worker needs to say why. */
const ATTEMPTS = 5;

/** Jobs at once. */
const WORKERS = 5;

/** What the API answers 202 to: a queue, its worker, and where messages end that nobody could take. */
export function jobs(secrets: Secrets, applied: aws.lambda.Invocation) {
  const { databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken } = secrets;
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
    concurrency: WORKERS,
    permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn, dead.arn] }],
    after: applied,
  });
  const { nodes } = queue.subscribe(worker, {
    batch: { size: 1, partialResponses: true },
    // The queue asks for no more than there are: a refused delivery counts as one, and sets a good job aside.
    transform: { eventSourceMapping: { scalingConfig: { maximumConcurrency: WORKERS } } },
  });
  return { queue, dead, worker: nodes.function };
}

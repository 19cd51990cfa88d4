import { functionArgs } from "./function";
import type { jobs } from "./jobs";
import type { Secrets } from "./secrets";

interface Kept extends ReturnType<typeof jobs> {
  readonly applied: aws.lambda.Invocation;
}

/** The scheduled reindex, which sends lost jobs again, too. Index builds need the direct URL. */
export function maintenance({ databaseUrl, databaseDirectUrl }: Secrets, { queue, applied }: Kept) {
  return new sst.aws.CronV2("Maintenance", {
    schedule: "rate(15 minutes)",
    function: functionArgs("maintenance", {
      secrets: [databaseUrl, databaseDirectUrl],
      timeout: "15 minutes",
      memory: "512 MB",
      environment: { CAIRN_JOBS_QUEUE_URL: queue.url },
      permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn] }],
      concurrency: 1,
      retries: 0, // the next run is near
      after: applied,
    }),
    retries: 1,
  });
}

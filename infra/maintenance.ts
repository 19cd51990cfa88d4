import { functionArgs } from "./function";
import type { jobs } from "./jobs";
import type { Secrets } from "./secrets";

interface Dependencies extends ReturnType<typeof jobs> {
  readonly schemaApplied: aws.lambda.Invocation;
}

/** The scheduled maintenance, which also sends lost jobs again. Index builds need the direct URL. */
export function maintenance({ databaseUrl, databaseDirectUrl }: Secrets, { queue, schemaApplied }: Dependencies) {
  return new sst.aws.CronV2("Maintenance", {
    schedule: "rate(15 minutes)",
    function: functionArgs("maintenance", {
      secrets: [databaseUrl, databaseDirectUrl],
      timeout: "15 minutes",
      memory: "512 MB",
      environment: { CAIRN_JOBS_QUEUE_URL: queue.url },
      permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn] }],
      concurrency: 1,
      retries: 0, // the next run follows within 15 minutes
      dependsOn: schemaApplied,
    }),
    retries: 1,
  });
}

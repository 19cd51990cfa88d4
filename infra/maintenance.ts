import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** The schema at every deploy, and the scheduled reindex. Index builds need the direct URL. */
export function maintenance({ databaseUrl, databaseDirectUrl }: Secrets) {
  const secrets = [databaseUrl, databaseDirectUrl];
  const schema = new sst.aws.Function(
    "Schema",
    functionArgs("schema", { secrets, timeout: "5 minutes", copyFiles: [{ from: "migrations" }] }),
  );
  // At every deploy: what is new is applied, what is there is left alone.
  const applied = new aws.lambda.Invocation("SchemaApplied", {
    functionName: schema.name,
    input: "{}",
    triggers: { deployed: new Date().toISOString() },
  });
  const schedule = new sst.aws.CronV2("Maintenance", {
    schedule: "rate(15 minutes)",
    function: functionArgs("maintenance", {
      secrets,
      timeout: "15 minutes",
      memory: "512 MB",
      concurrency: 1,
    }),
    retries: 1,
  });
  return { schema, applied, schedule };
}

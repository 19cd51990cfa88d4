import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** The schema migration. Every deploy applies pending steps before the other functions change. */
export function schema({ databaseUrl, databaseDirectUrl }: Secrets) {
  const migrate = new sst.aws.Function(
    "Schema",
    functionArgs("schema", {
      secrets: [databaseUrl, databaseDirectUrl],
      timeout: "5 minutes",
      copyFiles: [{ from: "migrations" }],
    }),
  );
  return new aws.lambda.Invocation("SchemaApplied", {
    functionName: migrate.name,
    input: "{}",
    triggers: { deployed: new Date().toISOString() },
  });
}

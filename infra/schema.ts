import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** The schema, at every deploy: what is new is applied, what is there is left alone. The other functions wait for it. */
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

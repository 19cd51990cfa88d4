import { migrationMachine } from "../packages/functions/aws/machine";
import { functionArgs } from "./function";
import type { Secrets } from "./secrets";

/** Concurrent copies. Each is a function with its own database connections. */
const SHARDS = 4;

/** The migration from Chroma as a state machine. Start it with `aws stepfunctions start-execution`; see docs/deploy.md. */
export function migration(secrets: Secrets, schemaApplied: aws.lambda.Invocation) {
  const { databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken } = secrets;
  const steps = new sst.aws.Function(
    "MigrationSteps",
    functionArgs("migration", {
      secrets: [databaseUrl, databaseDirectUrl, openAiApiKey, chromaUrl, chromaToken],
      timeout: "15 minutes",
      memory: "2048 MB",
      concurrency: SHARDS + 1,
      dependsOn: schemaApplied,
    }),
  );
  const role = new aws.iam.Role("MigrationRole", {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "states.amazonaws.com" }),
  });
  new aws.iam.RolePolicy("MigrationPolicy", {
    role: role.id,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [{ actions: ["lambda:InvokeFunction"], resources: [steps.arn] }],
    }).json,
  });
  const machine = new aws.sfn.StateMachine("Migration", {
    roleArn: role.arn,
    definition: steps.arn.apply((functionArn) => JSON.stringify(migrationMachine({ functionArn, shards: SHARDS }))),
  });
  return { steps, machine };
}

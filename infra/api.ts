import { execFileSync } from "node:child_process";
import { functionArgs } from "./function";
import type { jobs } from "./jobs";
import type { Secrets } from "./secrets";

interface Dependencies extends ReturnType<typeof jobs> {
  readonly schemaApplied: aws.lambda.Invocation;
}

/** The HTTPS API: one function behind API Gateway, and one behind a streaming URL for chat and job events. */
export function api(secrets: Secrets, { queue, schemaApplied }: Dependencies) {
  const { databaseUrl, openAiApiKey, chatApiKey, rerankApiKey, chromaUrl } = secrets;
  const shared = {
    secrets: [databaseUrl, openAiApiKey, chatApiKey, rerankApiKey, chromaUrl],
    environment: { CAIRN_JOBS_QUEUE_URL: queue.url },
    permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn] }],
    dependsOn: schemaApplied,
  };
  const domain = process.env.CAIRN_DOMAIN;
  const gateway = new sst.aws.ApiGatewayV2("Api", {
    ...(domain ? { domain } : {}),
    cors: false, // the service sets its own CORS headers
    accessLog: { retention: "1 month" },
  });
  execFileSync("npm", ["run", "build:console"], { stdio: "ignore" });
  const copyFiles = [{ from: "packages/console/dist", to: "console" }];
  const route = gateway.route(
    "$default",
    functionArgs("api", { ...shared, copyFiles, timeout: "29 seconds", concurrency: 50 }),
  );
  const stream = new sst.aws.Function(
    "Stream",
    functionArgs("stream", {
      ...shared,
      timeout: "3 minutes",
      concurrency: 20,
      streaming: true,
      url: { cors: false },
    }),
  );
  return { gateway, route, stream };
}

import { functionArgs } from "./function";
import type { jobs } from "./jobs";
import type { Secrets } from "./secrets";

/** The HTTPS API: one function behind API Gateway, and the same behind an address that streams, for chat and job events. */
export function api(secrets: Secrets, { queue }: ReturnType<typeof jobs>) {
  const { databaseUrl, openAiApiKey, chromaUrl } = secrets;
  const shared = {
    secrets: [databaseUrl, openAiApiKey, chromaUrl],
    environment: {
      CAIRN_JOBS_QUEUE_URL: queue.url,
      CAIRN_CHAT_MODEL: process.env.CAIRN_CHAT_MODEL ?? "",
      CAIRN_EMBEDDING_MODEL: process.env.CAIRN_EMBEDDING_MODEL ?? "",
      CAIRN_RATE_LIMIT: process.env.CAIRN_RATE_LIMIT ?? "",
      CAIRN_EMBEDDING_BUDGET: process.env.CAIRN_EMBEDDING_BUDGET ?? "",
      CAIRN_CORS_ORIGINS: process.env.CAIRN_CORS_ORIGINS ?? "",
      OPENAI_BASE_URL: process.env.OPENAI_BASE_URL ?? "",
    },
    permissions: [{ actions: ["sqs:SendMessage"], resources: [queue.arn] }],
  };
  const domain = process.env.CAIRN_DOMAIN;
  const gateway = new sst.aws.ApiGatewayV2("Api", {
    ...(domain ? { domain } : {}),
    cors: false, // the service answers for itself
    accessLog: { retention: "1 month" },
  });
  const route = gateway.route(
    "$default",
    functionArgs("api", { ...shared, timeout: "29 seconds", concurrency: 50 }),
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

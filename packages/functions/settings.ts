import type { JwtOptions } from "@cairn/api/auth/jwt.ts";
import { readChatOptions, readJwtOptions } from "@cairn/api/settings.ts";
import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";

/** Largest time limit of a request, in milliseconds. API Gateway and the function time out soon after; the difference covers a cold start. */
const MAX_DEADLINE_MS = 25_000;

/**
 * Settings of the functions. On AWS secrets are linked resources: SST encrypts them in the bundle; tests set them as
 * SST_RESOURCE_… variables. On Cloudflare secrets are bindings. All other settings are environment variables.
 */
const schema = z.object({
  databaseUrl: z.string().regex(/^postgres(ql)?:\/\//),
  databaseDirectUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//)
    .optional(),
  databaseDriver: z.enum(["pg", "neon"]).optional(),
  openaiApiKey: z.string().optional(),
  openaiBaseUrl: z.url({ protocol: /^https?$/ }).optional(),
  chromaUrl: z.url({ protocol: /^https?$/ }).optional(),
  chromaToken: z.string().optional(),
  chatModel: z.string().optional(),
  chatBaseUrl: z.string().optional(),
  chatApiKey: z.string().optional(),
  embeddingModel: z.string().optional(),
  embeddingDimensions: z.coerce.number().int().min(1).max(16_000).optional(),
  embeddingMaxInputs: z.coerce.number().int().min(1).max(2_048).optional(),
  embeddingMaxTokens: z.coerce.number().int().min(16).max(1_000_000).optional(),
  requestsPerMinute: z.coerce.number().int().min(1).optional(),
  embeddingTokensPerDay: z.coerce.number().int().min(0).optional(),
  deadline: z.coerce.number().int().min(100).max(MAX_DEADLINE_MS).optional(),
  connections: z.coerce.number().int().min(1).max(1_000).optional(),
  tenantConnections: z.coerce.number().int().min(1).max(1_000).optional(),
  tenantConcurrency: z.coerce.number().int().min(1).max(100_000).optional(),
  tenantQueue: z.coerce.number().int().min(0).max(100_000).optional(),
  queueTimeout: z.coerce.number().int().min(1).max(600_000).optional(),
  tenantStreams: z.coerce.number().int().min(1).max(100_000).optional(),
  unknownKeysPerMinute: z.coerce.number().int().min(1).max(100_000).optional(),
  maxBody: z.coerce.number().int().min(1_000).optional(),
  maxResponse: z.coerce.number().int().min(1_000).max(100_000_000).optional(),
  corsOrigins: z.string().optional(),
  jwtJwksUrl: z.string().optional(),
  jwtIssuer: z.string().optional(),
  jwtAudience: z.string().optional(),
  jwtTenantClaim: z.string().optional(),
  jobsQueueUrl: z.url().optional(),
  deadJobsQueueUrl: z.url().optional(),
});

export interface Settings extends Readonly<z.infer<typeof schema>> {
  /** Undefined: chat responds 503. */
  readonly chat: ChatModelOptions | undefined;
  /** Undefined: only the service's own API keys are accepted. */
  readonly jwt: JwtOptions | undefined;
}

/** Placeholder value of a secret that was never set (infra/secrets.ts). */
const UNSET = "unset";

/** Settings from linked resources and the environment. Throws `invalid_input` with the name of the setting, never its value. */
export function readSettings(
  resource: (name: string) => string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const values = {
    databaseUrl: resource("DatabaseUrl"),
    databaseDirectUrl: resource("DatabaseDirectUrl"),
    openaiApiKey: resource("OpenAiApiKey"),
    chatApiKey: resource("ChatApiKey"),
    chromaUrl: resource("ChromaUrl"),
    chromaToken: resource("ChromaToken"),
    databaseDriver: environment.CAIRN_DATABASE_DRIVER,
    openaiBaseUrl: environment.OPENAI_BASE_URL,
    chatModel: environment.CAIRN_CHAT_MODEL,
    chatBaseUrl: environment.CAIRN_CHAT_BASE_URL,
    embeddingModel: environment.CAIRN_EMBEDDING_MODEL,
    embeddingDimensions: environment.CAIRN_EMBEDDING_DIMENSIONS,
    embeddingMaxInputs: environment.CAIRN_EMBEDDING_MAX_INPUTS,
    embeddingMaxTokens: environment.CAIRN_EMBEDDING_MAX_TOKENS,
    requestsPerMinute: environment.CAIRN_RATE_LIMIT,
    embeddingTokensPerDay: environment.CAIRN_EMBEDDING_BUDGET,
    deadline: environment.CAIRN_DEADLINE,
    maxBody: environment.CAIRN_MAX_BODY,
    maxResponse: environment.CAIRN_MAX_RESPONSE,
    connections: environment.CAIRN_CONNECTIONS,
    tenantConnections: environment.CAIRN_TENANT_CONNECTIONS,
    tenantConcurrency: environment.CAIRN_TENANT_CONCURRENCY,
    tenantQueue: environment.CAIRN_TENANT_QUEUE,
    queueTimeout: environment.CAIRN_QUEUE_TIMEOUT,
    tenantStreams: environment.CAIRN_TENANT_STREAMS,
    unknownKeysPerMinute: environment.CAIRN_UNKNOWN_KEYS,
    corsOrigins: environment.CAIRN_CORS_ORIGINS,
    jwtJwksUrl: environment.CAIRN_JWT_JWKS_URL,
    jwtIssuer: environment.CAIRN_JWT_ISSUER,
    jwtAudience: environment.CAIRN_JWT_AUDIENCE,
    jwtTenantClaim: environment.CAIRN_JWT_TENANT_CLAIM,
    jobsQueueUrl: environment.CAIRN_JOBS_QUEUE_URL,
    deadJobsQueueUrl: environment.CAIRN_DEAD_JOBS_QUEUE_URL,
  };
  const present = Object.entries(values).filter(
    ([, value]) => value !== undefined && value !== "" && value !== UNSET,
  );
  const result = schema.safeParse(Object.fromEntries(present));
  if (result.success)
    return Object.freeze({
      ...result.data,
      chat: readChatOptions(result.data),
      jwt: readJwtOptions(result.data),
    });
  const name = String(result.error.issues[0]?.path[0] ?? "");
  throw new AppError("invalid_input", `The setting ${name} is missing or invalid. See docs/deploy.md.`, {
    path: name,
  });
}

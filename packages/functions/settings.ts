import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";

/**
 * What the functions are told. On AWS secrets are linked: SST brings them as resources, encrypted in the bundle or, in a
 * test, as SST_RESOURCE_… variables; on Cloudflare they are bindings. What is no secret comes as environment variables.
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
  embeddingModel: z.string().optional(),
  embeddingDimensions: z.coerce.number().int().min(1).max(16_000).optional(),
  requestsPerMinute: z.coerce.number().int().min(1).optional(),
  embeddingTokensPerDay: z.coerce.number().int().min(0).optional(),
  corsOrigins: z.string().optional(),
  jobsQueueUrl: z.url().optional(),
  deadJobsQueueUrl: z.url().optional(),
});

export type Settings = Readonly<z.infer<typeof schema>>;

/** A secret that was never set: `npx sst secret set` is told to put this in its place. */
const UNSET = "unset";

/** Reads them from linked resources and the environment. Throws `invalid_input`, naming the setting and never its value. */
export function readSettings(
  resource: (name: string) => string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const given = {
    databaseUrl: resource("DatabaseUrl"),
    databaseDirectUrl: resource("DatabaseDirectUrl"),
    openaiApiKey: resource("OpenAiApiKey"),
    chromaUrl: resource("ChromaUrl"),
    chromaToken: resource("ChromaToken"),
    databaseDriver: environment.CAIRN_DATABASE_DRIVER,
    openaiBaseUrl: environment.OPENAI_BASE_URL,
    chatModel: environment.CAIRN_CHAT_MODEL,
    embeddingModel: environment.CAIRN_EMBEDDING_MODEL,
    embeddingDimensions: environment.CAIRN_EMBEDDING_DIMENSIONS,
    requestsPerMinute: environment.CAIRN_RATE_LIMIT,
    embeddingTokensPerDay: environment.CAIRN_EMBEDDING_BUDGET,
    corsOrigins: environment.CAIRN_CORS_ORIGINS,
    jobsQueueUrl: environment.CAIRN_JOBS_QUEUE_URL,
    deadJobsQueueUrl: environment.CAIRN_DEAD_JOBS_QUEUE_URL,
  };
  const set = Object.entries(given).filter(
    ([, value]) => value !== undefined && value !== "" && value !== UNSET,
  );
  const result = schema.safeParse(Object.fromEntries(set));
  if (result.success) return Object.freeze(result.data);
  const name = String(result.error.issues[0]?.path[0] ?? "");
  throw new AppError(
    "invalid_input",
    `The setting ${name} is missing or cannot be used. See docs/deploy.md.`,
    {
      path: name,
    },
  );
}

import type { EmbeddingConfig } from "@cairn/core/embedding/embedders.ts";
import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";

/** The global options, from flags and environment variables. Flags take precedence. */
const schema = z.object({
  databaseUrl: z.string().min(1).optional(),
  databaseDirectUrl: z.string().min(1).optional(),
  directory: z.string().min(1),
  openaiApiKey: z.string().min(1).optional(),
  openaiBaseUrl: z.url({ protocol: /^https?$/ }).optional(),
  embeddingModel: z
    .string()
    .regex(/^[\w-]+\/\S+$/, "the form is provider/model")
    .optional(),
  embeddingDimensions: z.coerce.number().int().min(1).max(16_000).optional(),
  embeddingMaxInputs: z.coerce.number().int().min(1).max(2_048).optional(),
  embeddingMaxTokens: z.coerce.number().int().min(16).max(1_000_000).optional(),
  localUrl: z.url({ protocol: /^https?$/ }).optional(),
  localModels: z.string().min(1).optional(),
  /** Set by `cairn serve` only. */
  connections: z.number().optional(),
  tenantConnections: z.number().optional(),
  url: z.url({ protocol: /^https?$/ }).optional(),
  key: z.string().min(1).optional(),
  json: z.boolean().default(false),
});

export type Config = Readonly<z.infer<typeof schema>>;

const OPTION_NAMES: Readonly<Record<string, string>> = {
  databaseUrl: "--database-url (DATABASE_URL)",
  openaiBaseUrl: "--openai-base-url (OPENAI_BASE_URL)",
  embeddingModel: "--embedding-model (CAIRN_EMBEDDING_MODEL)",
  embeddingDimensions: "--embedding-dimensions (CAIRN_EMBEDDING_DIMENSIONS)",
  embeddingMaxInputs: "--embedding-max-inputs (CAIRN_EMBEDDING_MAX_INPUTS)",
  embeddingMaxTokens: "--embedding-max-tokens (CAIRN_EMBEDDING_MAX_TOKENS)",
  url: "--url (CAIRN_URL)",
  key: "--key (CAIRN_KEY)",
  localUrl: "--local-url (CAIRN_LOCAL_URL)",
};

/** Parses and validates the global options. An empty environment variable counts as unset. Throws `invalid_input`. */
export function parseConfig(options: Record<string, unknown>): Config {
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ""));
  const result = schema.safeParse(set);
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  const key = String(issue?.path[0] ?? "");
  const name = OPTION_NAMES[key] ?? key;
  throw new AppError("invalid_input", `${name} is not valid: ${issue?.message}.`, { path: name });
}

/** The embedding settings of the configuration. */
export function embeddingConfig(config: Config): EmbeddingConfig {
  const { openaiApiKey, openaiBaseUrl, localUrl, localModels, embeddingModel, embeddingDimensions } = config;
  return {
    ...(openaiApiKey || openaiBaseUrl
      ? { openai: { apiKey: openaiApiKey ?? "none", baseUrl: openaiBaseUrl } }
      : {}),
    ...(localUrl || localModels ? { local: { baseUrl: localUrl, modelsDirectory: localModels } } : {}),
    defaultModel: embeddingModel,
    offlineByDefault: config.databaseUrl === undefined,
    defaultDimensions: embeddingDimensions,
    requests: { maxInputs: config.embeddingMaxInputs, maxTextTokens: config.embeddingMaxTokens },
  };
}

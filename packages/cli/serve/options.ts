import { type ChatSettings, chatOf, type JwtSettings } from "@cairn/api/settings.ts";
import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, Option } from "commander";
import { wholeNumber } from "../commands/chroma-options.ts";
import type { Config } from "../config.ts";

export interface ServeFlags extends ChatSettings, JwtSettings {
  readonly host: string;
  readonly port: number;
  readonly rateLimit?: number;
  readonly embeddingBudget?: number;
  readonly deadline?: number;
  readonly maxBody?: number;
  readonly maxResponse?: number;
  readonly corsOrigins?: string;
  readonly tenantConcurrency?: number;
  readonly tenantQueue?: number;
  readonly queueTimeout?: number;
  readonly tenantStreams?: number;
  readonly unknownKeys?: number;
  readonly trustedProxies?: string;
  readonly maxConnections: number;
  readonly chroma?: string;
  readonly token?: string;
  readonly maintenance: number;
  readonly logLevel: string;
}

/** What the service is told beside where its database and models are. */
export function addServeOptions(command: Command): Command {
  const options = [
    new Option("--host <address>", "address to listen on").env("CAIRN_HOST").default("127.0.0.1"),
    new Option("--port <n>", "port to listen on").env("PORT").argParser(wholeNumber(0, 65_535)).default(8787),
    new Option("--chat-model <name>", "model that answers /v1/chat; unset: chat answers 503").env(
      "CAIRN_CHAT_MODEL",
    ),
    new Option("--chat-base-url <url>", "its OpenAI-compatible server (default: --openai-base-url)").env(
      "CAIRN_CHAT_BASE_URL",
    ),
    new Option("--chat-api-key <key>", "its key (default: --openai-api-key)").env("CAIRN_CHAT_API_KEY"),
    new Option("--rate-limit <n>", "requests of a tenant a minute (default: 1200)")
      .env("CAIRN_RATE_LIMIT")
      .argParser(wholeNumber(1)),
    new Option("--embedding-budget <tokens>", "of a tenant a day (default: any number)")
      .env("CAIRN_EMBEDDING_BUDGET")
      .argParser(wholeNumber(0)),
    new Option("--deadline <ms>", "for a request (default: 25000)")
      .env("CAIRN_DEADLINE")
      .argParser(wholeNumber(100)),
    new Option("--max-body <bytes>", "of a request (default: 5000000)")
      .env("CAIRN_MAX_BODY")
      .argParser(wholeNumber(1_000)),
    new Option("--max-response <bytes>", "of texts and metadata in an answer (default: 10000000)")
      .env("CAIRN_MAX_RESPONSE")
      .argParser(wholeNumber(1_000, 100_000_000)),
    new Option("--cors-origins <list>", "origins whose pages may call the API, separated by commas").env(
      "CAIRN_CORS_ORIGINS",
    ),
    ...sharingOptions(),
    new Option("--jwt-jwks-url <url>", "keys of an issuer whose tokens are taken beside API keys").env(
      "CAIRN_JWT_JWKS_URL",
    ),
    new Option("--jwt-issuer <iss>", "must be in its tokens").env("CAIRN_JWT_ISSUER"),
    new Option("--jwt-audience <aud>", "must be in its tokens").env("CAIRN_JWT_AUDIENCE"),
    new Option("--jwt-tenant-claim <claim>", "holds the tenant's id (default: tenant_id)").env(
      "CAIRN_JWT_TENANT_CLAIM",
    ),
    new Option("--chroma <url>", "the Chroma server that /v1/migrations takes over").env("CHROMA_URL"),
    new Option("--token <token>", "its token").env("CHROMA_TOKEN"),
    new Option(
      "--maintenance <minutes>",
      "between two looks after indexes and what has had its time; 0: never",
    )
      .env("CAIRN_MAINTENANCE")
      .argParser(wholeNumber(0, 10_000))
      .default(60),
    new Option("--log-level <level>", "of the lines on standard output")
      .env("CAIRN_LOG_LEVEL")
      .choices(["info", "error", "silent"])
      .default("info"),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

/** How tenants share the service. */
function sharingOptions(): readonly Option[] {
  const count = wholeNumber(1, 100_000);
  return [
    new Option("--connections <n>", "to the database, at most (default: 10; 3 or more to share them out)")
      .env("CAIRN_CONNECTIONS")
      .argParser(wholeNumber(1, 1_000)),
    new Option("--tenant-connections <n>", "that one tenant uses at once (default: half of them)")
      .env("CAIRN_TENANT_CONNECTIONS")
      .argParser(wholeNumber(1, 1_000)),
    new Option("--tenant-concurrency <n>", "requests of a tenant at once (default: 16)")
      .env("CAIRN_TENANT_CONCURRENCY")
      .argParser(count),
    new Option("--tenant-queue <n>", "that wait for their turn; more are answered 429 (default: 256)")
      .env("CAIRN_TENANT_QUEUE")
      .argParser(wholeNumber(0, 100_000)),
    new Option("--queue-timeout <ms>", "that one waits at most (default: 20000)")
      .env("CAIRN_QUEUE_TIMEOUT")
      .argParser(wholeNumber(1, 600_000)),
    new Option("--tenant-streams <n>", "streamed answers of a tenant at once (default: 128)")
      .env("CAIRN_TENANT_STREAMS")
      .argParser(count),
    new Option("--unknown-keys <n>", "keys not in force that an address may try a minute (default: 60)")
      .env("CAIRN_UNKNOWN_KEYS")
      .argParser(count),
    new Option("--trusted-proxies <list>", "addresses and networks whose X-Forwarded-For is believed").env(
      "CAIRN_TRUSTED_PROXIES",
    ),
    new Option("--max-connections <n>", "connections of clients at once")
      .env("CAIRN_MAX_CONNECTIONS")
      .argParser(count)
      .default(1_000),
  ];
}

export function chatModelOf(flags: ServeFlags, config: Config): ChatModel | undefined {
  const chat = chatOf({ ...config, ...flags });
  if (flags.chatModel && !chat)
    throw new AppError(
      "invalid_input",
      "--chat-model needs a server: set OPENAI_API_KEY or CAIRN_CHAT_BASE_URL.",
      {
        path: "--chat-model",
      },
    );
  return chat && createChatModel(chat);
}

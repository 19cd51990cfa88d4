import { type ChatSettings, type JwtSettings, readChatOptions } from "@cairn/api/settings.ts";
import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, Option } from "commander";
import type { Config } from "../config.ts";
import { integerBetween } from "../options/integer.ts";

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
  readonly maintenance: number;
  readonly logLevel: string;
}

/** Adds the options of `cairn serve`, with those of its extensions. The database and the embedding models are global options. */
export function addServeOptions(command: Command, extensions: readonly Option[]): Command {
  const options = [
    new Option("--host <address>", "address to listen on").env("CAIRN_HOST").default("127.0.0.1"),
    new Option("--port <n>", "port to listen on")
      .env("PORT")
      .argParser(integerBetween(0, 65_535))
      .default(8787),
    new Option("--chat-model <name>", "chat model of /v1/chat (default: none; chat responds with 503)").env(
      "CAIRN_CHAT_MODEL",
    ),
    new Option(
      "--chat-base-url <url>",
      "OpenAI-compatible server of the chat model (default: --openai-base-url)",
    ).env("CAIRN_CHAT_BASE_URL"),
    new Option("--chat-api-key <key>", "API key of that server (default: --openai-api-key)").env(
      "CAIRN_CHAT_API_KEY",
    ),
    new Option("--rate-limit <n>", "maximum number of requests of a tenant per minute (default: 1200)")
      .env("CAIRN_RATE_LIMIT")
      .argParser(integerBetween(1)),
    new Option(
      "--embedding-budget <tokens>",
      "maximum number of embedding tokens of a tenant per day (default: unlimited)",
    )
      .env("CAIRN_EMBEDDING_BUDGET")
      .argParser(integerBetween(0)),
    new Option("--deadline <ms>", "time limit of a request, in milliseconds (default: 25000)")
      .env("CAIRN_DEADLINE")
      .argParser(integerBetween(100)),
    new Option("--max-body <bytes>", "maximum size of a request body, in bytes (default: 5000000)")
      .env("CAIRN_MAX_BODY")
      .argParser(integerBetween(1_000)),
    new Option(
      "--max-response <bytes>",
      "maximum size of texts and metadata in a response, in bytes (default: 10000000)",
    )
      .env("CAIRN_MAX_RESPONSE")
      .argParser(integerBetween(1_000, 100_000_000)),
    new Option("--cors-origins <list>", "origins whose pages can call the API, separated by commas").env(
      "CAIRN_CORS_ORIGINS",
    ),
    ...limitOptions(),
    new Option(
      "--jwt-jwks-url <url>",
      "key set (JWKS) of an issuer whose tokens are accepted in addition to API keys",
    ).env("CAIRN_JWT_JWKS_URL"),
    new Option("--jwt-issuer <iss>", "required issuer of the tokens").env("CAIRN_JWT_ISSUER"),
    new Option("--jwt-audience <aud>", "required audience of the tokens").env("CAIRN_JWT_AUDIENCE"),
    new Option("--jwt-tenant-claim <claim>", "claim that contains the tenant's id (default: tenant_id)").env(
      "CAIRN_JWT_TENANT_CLAIM",
    ),
    ...extensions,
    new Option("--maintenance <minutes>", "minutes between maintenance runs (0 disables)")
      .env("CAIRN_MAINTENANCE")
      .argParser(integerBetween(0, 10_000))
      .default(60),
    new Option("--log-level <level>", "log level of standard output")
      .env("CAIRN_LOG_LEVEL")
      .choices(["info", "error", "silent"])
      .default("info"),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

/** Options that limit connections, and the share of the service that one tenant or address can use. */
function limitOptions(): readonly Option[] {
  const parseLimit = integerBetween(1, 100_000);
  return [
    new Option(
      "--connections <n>",
      "maximum number of database connections (default: 10; at least 3 to divide them among tenants)",
    )
      .env("CAIRN_CONNECTIONS")
      .argParser(integerBetween(1, 1_000)),
    new Option(
      "--tenant-connections <n>",
      "maximum number of database connections of one tenant (default: half of --connections)",
    )
      .env("CAIRN_TENANT_CONNECTIONS")
      .argParser(integerBetween(1, 1_000)),
    new Option("--tenant-concurrency <n>", "maximum number of concurrent requests of a tenant (default: 16)")
      .env("CAIRN_TENANT_CONCURRENCY")
      .argParser(parseLimit),
    new Option(
      "--tenant-queue <n>",
      "maximum number of queued requests of a tenant; more get 429 (default: 256)",
    )
      .env("CAIRN_TENANT_QUEUE")
      .argParser(integerBetween(0, 100_000)),
    new Option(
      "--queue-timeout <ms>",
      "maximum time of a request in the queue, in milliseconds (default: 20000)",
    )
      .env("CAIRN_QUEUE_TIMEOUT")
      .argParser(integerBetween(1, 600_000)),
    new Option(
      "--tenant-streams <n>",
      "maximum number of concurrent streamed responses of a tenant (default: 128)",
    )
      .env("CAIRN_TENANT_STREAMS")
      .argParser(parseLimit),
    new Option(
      "--unknown-keys <n>",
      "maximum number of invalid keys that an address can try per minute (default: 60)",
    )
      .env("CAIRN_UNKNOWN_KEYS")
      .argParser(parseLimit),
    new Option(
      "--trusted-proxies <list>",
      "addresses and networks of proxies whose X-Forwarded-For is trusted, separated by commas",
    ).env("CAIRN_TRUSTED_PROXIES"),
    new Option("--max-connections <n>", "maximum number of concurrent client connections")
      .env("CAIRN_MAX_CONNECTIONS")
      .argParser(parseLimit)
      .default(1_000),
  ];
}

/** Creates the chat model; undefined if none is set. Throws `invalid_input` if the model has no server. */
export function chatModelOf(flags: ServeFlags, config: Config): ChatModel | undefined {
  const chat = readChatOptions({ ...config, ...flags });
  if (flags.chatModel && !chat)
    throw new AppError(
      "invalid_input",
      "--chat-model needs a server. Set OPENAI_API_KEY or CAIRN_CHAT_BASE_URL.",
      { path: "--chat-model" },
    );
  return chat && createChatModel(chat);
}

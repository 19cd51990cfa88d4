import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import type { AppOptions } from "../app.ts";
import type { JwtOptions } from "../auth/jwt.ts";
import type { SettingValues } from "./setting.ts";
import type { SETTINGS } from "./table.ts";

/** Options of `createApp` that are parts of the process, not settings. */
type Parts = Pick<
  AppOptions,
  | "queue"
  | "log"
  | "metrics"
  | "observers"
  | "docs"
  | "console"
  | "configuration"
  | "closing"
  | "operatorRoutes"
  | "protocols"
  | "namespaces"
  | "readFile"
>;

type Configured = Omit<AppOptions, keyof Parts | "credentialCacheMs">;

export interface AppSettings extends Partial<SettingValues<typeof SETTINGS, "serve">> {
  readonly chat: ChatModelOptions | undefined;
  readonly jwt: JwtOptions | undefined;
}

/** The options of `createApp` that settings determine, for every entry point: limits, CORS, token issuer, chat model. */
export function appOptions(settings: AppSettings): {
  readonly [Key in keyof Required<Configured>]: Configured[Key] | undefined;
} {
  return {
    requestsPerMinute: settings.requestsPerMinute,
    embeddingTokensPerDay: settings.embeddingTokensPerDay,
    deadline: settings.deadline,
    maxBody: settings.maxBody,
    maxUpload: settings.maxUpload,
    maxResponse: settings.maxResponse,
    tenantConcurrency: settings.tenantConcurrency,
    tenantQueue: settings.tenantQueue,
    queueTimeout: settings.queueTimeout,
    tenantStreams: settings.tenantStreams,
    unknownKeysPerMinute: settings.unknownKeysPerMinute,
    corsOrigins: settings.corsOrigins?.split(",").map((origin) => origin.trim()),
    jwt: settings.jwt,
    chatModel: settings.chat && createChatModel(settings.chat),
  };
}

import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import { AppError } from "@cairn/core/error.ts";
import type { JwtOptions } from "./auth/jwt.ts";

// Reads the settings of the chat model and the token issuer, which are the same in every runtime: flags and variables of
// `cairn serve`, variables and secrets of a cloud. An empty value counts as unset. Errors name the variable.

export interface ChatSettings {
  /** The model's name on its server. */
  readonly chatModel?: string;
  /** Its OpenAI-compatible server. Default: the embedding server. */
  readonly chatBaseUrl?: string;
  /** Its key. Default: the embedding server's. */
  readonly chatApiKey?: string;
  readonly openaiBaseUrl?: string;
  readonly openaiApiKey?: string;
}

/** The options of the chat model; undefined if there is no model name, or neither a server nor a key. Throws `invalid_input`. */
export function readChatOptions(settings: ChatSettings): ChatModelOptions | undefined {
  const { chatModel: model, openaiBaseUrl, openaiApiKey } = settings;
  const chatUrl = settings.chatBaseUrl
    ? requireHttpUrl(settings.chatBaseUrl, "CAIRN_CHAT_BASE_URL")
    : undefined;
  const baseUrl = chatUrl ?? (openaiBaseUrl || undefined);
  const apiKey = settings.chatApiKey || openaiApiKey;
  return model && (baseUrl || apiKey) ? { model, baseUrl, apiKey: apiKey || "none" } : undefined;
}

export interface JwtSettings {
  readonly jwtJwksUrl?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  readonly jwtTenantClaim?: string;
}

/** The options of the token issuer; undefined if none of its settings is set. Throws `invalid_input` if they are incomplete. */
export function readJwtOptions(settings: JwtSettings): JwtOptions | undefined {
  const { jwtJwksUrl, jwtIssuer, jwtAudience, jwtTenantClaim } = settings;
  if (![jwtJwksUrl, jwtIssuer, jwtAudience, jwtTenantClaim].some(Boolean)) return undefined;
  return {
    jwksUrl: requireHttpUrl(requireSetting(jwtJwksUrl, "CAIRN_JWT_JWKS_URL"), "CAIRN_JWT_JWKS_URL"),
    issuer: requireSetting(jwtIssuer, "CAIRN_JWT_ISSUER"),
    audience: requireSetting(jwtAudience, "CAIRN_JWT_AUDIENCE"),
    tenantClaim: jwtTenantClaim || undefined,
  };
}

function requireSetting(value: string | undefined, variable: string): string {
  if (value) return value;
  throw new AppError(
    "invalid_input",
    `${variable} is not set. A token issuer requires CAIRN_JWT_JWKS_URL, CAIRN_JWT_ISSUER and CAIRN_JWT_AUDIENCE.`,
    { path: variable },
  );
}

/** The value if it is an HTTP URL. The error does not show it, because a URL may contain a password. */
function requireHttpUrl(text: string, variable: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new AppError(
    "invalid_input",
    `${variable} is not a valid URL: it must begin with http:// or https://.`,
    {
      path: variable,
    },
  );
}

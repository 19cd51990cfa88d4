import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import { AppError } from "@cairn/core/error.ts";
import type { JwtOptions } from "./auth/jwt.ts";

// What a service is told beside numbers, the same wherever it runs: as flags and variables of `cairn serve`, as variables
// and secrets of a cloud. What is empty counts as unset; a fault is named by its variable.

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

/** The chat model; undefined where none is named, or neither a server nor a key. Throws `invalid_input`. */
export function chatOf(settings: ChatSettings): ChatModelOptions | undefined {
  const { chatModel: model, openaiBaseUrl, openaiApiKey } = settings;
  const own = settings.chatBaseUrl ? webAddress(settings.chatBaseUrl, "CAIRN_CHAT_BASE_URL") : undefined;
  const baseUrl = own ?? (openaiBaseUrl || undefined);
  const apiKey = settings.chatApiKey || openaiApiKey;
  return model && (baseUrl || apiKey) ? { model, baseUrl, apiKey: apiKey || "none" } : undefined;
}

export interface JwtSettings {
  readonly jwtJwksUrl?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  readonly jwtTenantClaim?: string;
}

/** The issuer whose tokens are taken; undefined where nothing is said of one. Throws `invalid_input` for half of it. */
export function jwtOf(settings: JwtSettings): JwtOptions | undefined {
  const { jwtJwksUrl, jwtIssuer, jwtAudience, jwtTenantClaim } = settings;
  if (![jwtJwksUrl, jwtIssuer, jwtAudience, jwtTenantClaim].some(Boolean)) return undefined;
  return {
    jwksUrl: webAddress(needed(jwtJwksUrl, "CAIRN_JWT_JWKS_URL"), "CAIRN_JWT_JWKS_URL"),
    issuer: needed(jwtIssuer, "CAIRN_JWT_ISSUER"),
    audience: needed(jwtAudience, "CAIRN_JWT_AUDIENCE"),
    tenantClaim: jwtTenantClaim || undefined,
  };
}

function needed(value: string | undefined, variable: string): string {
  if (value) return value;
  throw new AppError(
    "invalid_input",
    `${variable} is not set. Tokens of an issuer need CAIRN_JWT_JWKS_URL, CAIRN_JWT_ISSUER and CAIRN_JWT_AUDIENCE.`,
    { path: variable },
  );
}

/** Never shown, as an address may hold a password. */
function webAddress(text: string, variable: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new AppError(
    "invalid_input",
    `${variable} cannot be used: it must be an address that begins with http:// or https://.`,
    {
      path: variable,
    },
  );
}

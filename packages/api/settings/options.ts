import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import { AppError } from "@cairn/core/error.ts";
import type { JwtOptions } from "../auth/jwt.ts";
import type { SettingValues } from "./setting.ts";
import { SETTINGS } from "./table.ts";

// Reads the settings of the chat model and of the token issuer, which are checked as a group. An empty value counts as unset.
// Errors name the variable.

type Values = Partial<SettingValues<typeof SETTINGS, "serve"> & SettingValues<typeof SETTINGS, "cairn">>;

type ChatSettings = Pick<Values, "chatModel" | "chatBaseUrl" | "chatApiKey" | "openaiBaseUrl" | "openaiApiKey">;

/** The options of the chat model; undefined if there is no model name, or neither a server nor a key. Throws `invalid_input`. */
export function readChatOptions(settings: ChatSettings): ChatModelOptions | undefined {
  const { chatModel: model, openaiBaseUrl, openaiApiKey } = settings;
  const chatUrl = settings.chatBaseUrl ? requireHttpUrl(settings, "chatBaseUrl") : undefined;
  const baseUrl = chatUrl ?? (openaiBaseUrl || undefined);
  const apiKey = settings.chatApiKey || openaiApiKey;
  return model && (baseUrl || apiKey) ? { model, baseUrl, apiKey: apiKey || "none" } : undefined;
}

type JwtSettings = Pick<Values, "jwtJwksUrl" | "jwtIssuer" | "jwtAudience" | "jwtTenantClaim">;

/** The options of the token issuer; undefined if none of its settings is set. Throws `invalid_input` if they are incomplete. */
export function readJwtOptions(settings: JwtSettings): JwtOptions | undefined {
  const { jwtJwksUrl, jwtIssuer, jwtAudience, jwtTenantClaim } = settings;
  if (![jwtJwksUrl, jwtIssuer, jwtAudience, jwtTenantClaim].some(Boolean)) return undefined;
  return {
    jwksUrl: requireHttpUrl(settings, "jwtJwksUrl"),
    issuer: requireSetting(settings, "jwtIssuer"),
    audience: requireSetting(settings, "jwtAudience"),
    tenantClaim: jwtTenantClaim || undefined,
  };
}

type TextKey = "chatBaseUrl" | "jwtJwksUrl" | "jwtIssuer" | "jwtAudience";

function requireSetting(settings: Values, key: TextKey): string {
  const value = settings[key];
  if (value) return value;
  const { variable } = SETTINGS[key];
  const { jwtJwksUrl, jwtIssuer, jwtAudience } = SETTINGS;
  throw new AppError(
    "invalid_input",
    `${variable} is not set. A token issuer requires ${jwtJwksUrl.variable}, ${jwtIssuer.variable} and ${jwtAudience.variable}.`,
    { path: variable },
  );
}

/** The value if it is an HTTP URL. The error does not show it, because a URL may contain a password. */
function requireHttpUrl(settings: Values, key: TextKey): string {
  const text = requireSetting(settings, key);
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  const { variable } = SETTINGS[key];
  throw new AppError("invalid_input", `${variable} is not a valid URL: it must begin with http:// or https://.`, {
    path: variable,
  });
}

import { readChatOptions } from "@cairn/api/settings/options.ts";
import { longFlag, type SettingValues } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import type { ChatModelOptions } from "@cairn/core/assistant/chat-options.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Config } from "../config.ts";

/** The options of `cairn serve`. The database and the embedding models are global options. */
export type ServeFlags = SettingValues<typeof SETTINGS, "serve">;

/** The options of the chat model; undefined if none is set. Throws `invalid_input` if the model has no server. */
export function chatOptionsOf(flags: ServeFlags, config: Config): ChatModelOptions | undefined {
  const chat = readChatOptions({ ...config, ...flags });
  if (chat || !flags.chatModel) return chat;
  const { chatModel, openaiApiKey, chatBaseUrl } = SETTINGS;
  throw new AppError(
    "invalid_input",
    `${longFlag(chatModel)} needs a server. Set ${openaiApiKey.variable} or ${chatBaseUrl.variable}.`,
    { path: longFlag(chatModel) },
  );
}

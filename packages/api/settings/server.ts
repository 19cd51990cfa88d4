import { GROUPED_URL, integer, type SettingTable, TEXT } from "./setting.ts";

/** The address that `cairn serve` listens on, and the chat model. */
export const SERVER_SETTINGS = {
  host: {
    flag: "--host <address>",
    variable: "CAIRN_HOST",
    description: "address to listen on",
    type: TEXT,
    default: "127.0.0.1",
    usedBy: ["serve"],
  },
  port: {
    flag: "--port <n>",
    variable: "PORT",
    description: "port to listen on",
    type: integer(0, 65_535),
    default: 8787,
    usedBy: ["serve"],
  },
  chatModel: {
    flag: "--chat-model <name>",
    variable: "CAIRN_CHAT_MODEL",
    description: "chat model of /v1/chat",
    type: TEXT,
    defaultText: "none; chat responds with 503",
    usedBy: ["serve", "cloud"],
  },
  chatBaseUrl: {
    flag: "--chat-base-url <url>",
    variable: "CAIRN_CHAT_BASE_URL",
    description: "OpenAI-compatible server of the chat model",
    type: GROUPED_URL,
    defaultText: "--openai-base-url",
    usedBy: ["serve", "cloud"],
  },
  chatApiKey: {
    flag: "--chat-api-key <key>",
    variable: "CAIRN_CHAT_API_KEY",
    secret: "ChatApiKey",
    description: "API key of that server",
    type: TEXT,
    defaultText: "--openai-api-key",
    usedBy: ["serve", "cloud"],
  },
} as const satisfies SettingTable;

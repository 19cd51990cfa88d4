import { HTTP_URL, type SettingTable, TEXT } from "@cairn/api/settings/setting.ts";

/** The Chroma server that `cairn serve` and the functions migrate. */
export const CHROMA_SETTINGS = {
  chromaUrl: {
    flag: "--chroma <url>",
    variable: "CHROMA_URL",
    secret: "ChromaUrl",
    description: "address of the Chroma server that /v1/migrations migrates",
    type: HTTP_URL,
    usedBy: ["serve", "cloud"],
  },
  chromaToken: {
    flag: "--token <token>",
    variable: "CHROMA_TOKEN",
    secret: "ChromaToken",
    description: "token for the Chroma server",
    type: TEXT,
    usedBy: ["serve", "cloud"],
  },
} as const satisfies SettingTable;

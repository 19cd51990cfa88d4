import { HTTP_URL, settingTable, text, usedBy } from "@cairn/api/settings/setting.ts";

const both = usedBy("serve", "cloud");

/** The Chroma server that `cairn serve` and the functions migrate. */
export const CHROMA_SETTINGS = settingTable({
  chromaUrl: both("address of the Chroma server that /v1/migrations migrates", {
    ...HTTP_URL,
    option: "chroma",
    variable: "CHROMA_URL",
    secret: "ChromaUrl",
  }),
  chromaToken: both("token for the Chroma server", {
    ...text("token"),
    option: "token",
    variable: "CHROMA_TOKEN",
    secret: "ChromaToken",
  }),
});

import { HTTP_URL, integer, SWITCH, settingTable, text, usedBy } from "@cairn/api/settings/setting.ts";

const both = usedBy("serve", "cloud");

/** The Chroma server that `cairn serve` and the functions migrate. */
export const CHROMA_SETTINGS = settingTable({
  chromaUrl: both(
    "address of the Chroma server: the service is a gateway in front of it, and /v1/migrations migrates it",
    {
      ...HTTP_URL,
      option: "chroma",
      variable: "CHROMA_URL",
      secret: "ChromaUrl",
    },
  ),
  chromaToken: both("token for the Chroma server", {
    ...text("token"),
    option: "token",
    variable: "CHROMA_TOKEN",
    secret: "ChromaToken",
  }),
  chromaMaxBody: both("maximum size of a request body of Chroma's API, in bytes", {
    ...integer(1_000_000, 40 * 1024 * 1024),
    value: "bytes",
    default: 40 * 1024 * 1024,
    cloud: { default: 5_000_000 },
  }),
  chromaNoAuth: usedBy("serve")(
    "accepts requests of Chroma's API without a key, which may create any tenant and database; for 127.0.0.1 only",
    SWITCH,
  ),
  chromaMigrationsOnly: usedBy("serve")("uses the Chroma server for /v1/migrations only, without the gateway", SWITCH),
  chromaTimeout: usedBy("serve")("time after which a request of the gateway to Chroma counts as lost, in seconds", {
    ...integer(1, 600),
    value: "seconds",
    default: 60,
  }),
  chromaAllowReset: usedBy("serve")("lets clients of Chroma's API delete everything that they see with reset", SWITCH),
});

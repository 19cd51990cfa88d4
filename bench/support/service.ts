import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

export interface ServiceOptions {
  /** Address of the Chroma server in front of which the service is the gateway. Default: none. */
  readonly chroma?: string;
}

/** Starts `cairn serve` as a separate process. */
export async function startService(databaseUrl: string, { chroma }: ServiceOptions = {}) {
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    CAIRN_RATE_LIMIT: "100000000",
    CAIRN_LOG_LEVEL: "info",
  };
  const child = spawn(process.execPath, [CAIRN, "serve", "--port", "0", ...(chroma ? ["--chroma", chroma] : [])], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  for await (const text of child.stderr.setEncoding("utf8")) {
    output += text;
    if (/reference at/.test(output)) break;
  }
  const url = /at (http:\S+),/.exec(output)?.[1];
  if (!url) throw new Error(`The service did not start: ${output}`);
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type CairnCli, databaseEnvironment } from "./cairn-cli.ts";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

export interface Served {
  readonly url: string;
  /** What it said to whoever started it, so far. */
  said(): string;
  /** Asks it to end, and waits; its exit code. */
  stop(): Promise<number | null>;
}

export interface ServeOptions {
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** `cairn serve` in the folder and on the database of a command line, on a port of its own. Ready to be asked. */
export async function startServe(cli: CairnCli, options: ServeOptions = {}): Promise<Served> {
  const { flags = [], environment } = options;
  let said = "";
  const service = spawn(process.execPath, [CAIRN, "serve", "--port", "0", ...flags], {
    cwd: cli.folder,
    env: { ...process.env, OPENAI_API_KEY: "", ...databaseEnvironment(cli.databaseUrl), ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(service, "close");
  service.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = () => service.exitCode !== null || service.signalCode !== null;
  const url = () => /at (http:\S+),/.exec(said)?.[1];
  for (let tries = 0; tries < 300 && !url() && !ended(); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const found = url();
  if (!found) {
    service.kill("SIGKILL");
    throw new Error(`cairn serve did not start: ${said}`);
  }
  return {
    url: found,
    said: () => said,
    async stop() {
      service.kill("SIGTERM");
      const [code] = await closed;
      return code;
    },
  };
}

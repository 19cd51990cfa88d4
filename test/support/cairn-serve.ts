import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type CairnCli, databaseEnvironment } from "./cairn-cli.ts";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

/** A running `cairn serve`. */
export interface RunningService {
  readonly url: string;
  /** Returns its standard error so far. */
  output(): string;
  /** Sends SIGTERM, waits for the exit and returns the exit code. */
  stop(): Promise<number | null>;
}

export interface ServeOptions {
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts `cairn serve` with the folder and database of a command line, on a free port, and waits until it is ready. */
export async function startServe(cli: CairnCli, options: ServeOptions = {}): Promise<RunningService> {
  const { flags = [], environment } = options;
  let output = "";
  const service = spawn(process.execPath, [CAIRN, "serve", "--port", "0", ...flags], {
    cwd: cli.folder,
    env: { ...process.env, OPENAI_API_KEY: "", ...databaseEnvironment(cli.databaseUrl), ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(service, "close");
  service.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const hasExited = () => service.exitCode !== null || service.signalCode !== null;
  const url = () => /at (http:\S+),/.exec(output)?.[1];
  for (let attempt = 0; attempt < 300 && !url() && !hasExited(); attempt++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const address = url();
  if (!address) {
    service.kill("SIGKILL");
    throw new Error(`cairn serve did not start: ${output}`);
  }
  return {
    url: address,
    output: () => output,
    async stop() {
      service.kill("SIGTERM");
      const [code] = await closed;
      return code;
    },
  };
}

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const APPLICATION = fileURLToPath(new URL("application.mjs", import.meta.url));
const MOVING_APPLICATION = fileURLToPath(new URL("moving-application.mjs", import.meta.url));
const CAIRN = fileURLToPath(new URL("../bin/cairn.mjs", import.meta.url));
const run = promisify(execFile);

export interface Address {
  /** `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly token?: string;
}

/** Runs the application against a server that speaks Chroma's API, and returns what it prints. */
export async function runApplication({ url, token }: Address, collection: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const command = [APPLICATION, hostname, port, collection, ...(token ? [token] : [])];
  return (await run(process.execPath, command)).stdout;
}

/** What became of the requests of the application that writes and searches. */
export interface ApplicationResult {
  readonly writes: number;
  readonly queries: number;
  readonly failed: number;
  /** Records that were written and are not there at the end. */
  readonly missing: number;
  /** Milliseconds of the slowest write. */
  readonly longestWriteMs: number;
}

/** Starts the application that writes and searches without a pause, until it is stopped. */
export function startApplication({ url, token }: Address, collection: string) {
  const { hostname, port } = new URL(url);
  const command = [MOVING_APPLICATION, hostname, port, collection, ...(token ? [token] : [])];
  const child = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  return {
    /** Waits for the requests that run. Throws if the application failed. */
    async stop(): Promise<ApplicationResult> {
      child.stdin.end();
      return JSON.parse(await output) as ApplicationResult;
    },
    kill: () => void child.kill(),
  };
}

/** Runs a command of Cairn in a process of its own, and returns what it prints. */
export async function runCairn(...args: readonly string[]): Promise<string> {
  return (await run(process.execPath, [CAIRN, ...args])).stdout.trim();
}

/** Serves a folder of the embedded database on a free port. */
export async function serveCairn(directory: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const command = [CAIRN, "serve", "--port", "0", "--directory", directory, "--log-level", "silent"];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "ignore", "pipe"] });
  const url = await readAddress(child);
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function readAddress(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const text of child.stderr?.setEncoding("utf8") ?? []) {
    output += text;
    const [, url] = /at (http:\S+),/.exec(output) ?? [];
    if (url) return url;
  }
  throw new Error(`Cairn did not start: ${output}`);
}

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AppError } from "@cairn/core/error.ts";

export interface ChromaServer {
  /** `http://127.0.0.1:8000` or another port. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface ChromaServerOptions {
  /** Command that accepts `run --path … --port … --host …`. Default: the server in the npm package `chromadb`. */
  readonly command?: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Folder of the server's data. Default: a new temporary folder, which stop() removes. */
  readonly path?: string;
}

/** Starts a real Chroma server on 127.0.0.1 and waits until it responds. */
export async function startChroma(options: ChromaServerOptions = {}): Promise<ChromaServer> {
  const { command } = options;
  const path = options.path ?? (await mkdtemp(join(tmpdir(), "cairn-chroma-")));
  const port = options.port ?? (await freePort());
  const run = ["run", "--path", path, "--port", String(port), "--host", "127.0.0.1"];
  await mkdir(path, { recursive: true });
  // A file, not a pipe: a server blocks when nothing reads its pipe.
  const log = join(path, "server.log");
  const output = openSync(log, "a");
  const stdio: StdioOptions = ["ignore", output, output];
  const child = command
    ? spawn(command, run, { stdio })
    : spawn(process.execPath, [bundledServer(), ...run], { stdio });
  closeSync(output);
  const url = `http://127.0.0.1:${port}`;
  await waitForHeartbeat(url, child, log);
  return {
    url,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      if (!options.path) await rm(path, { recursive: true, force: true });
    },
  };
}

/** The command of the npm package chromadb. */
function bundledServer(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("chromadb")), "../cli.mjs");
  } catch (error) {
    throw new AppError("source_unavailable", "Chroma's server is missing. Install it: npm install chromadb", {
      cause: error,
    });
  }
}

async function waitForHeartbeat(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null)
      throw new Error(`Chroma exited with code ${child.exitCode}:\n${await readLogTail(log)}`);
    try {
      if ((await fetch(`${url}/api/v2/heartbeat`)).ok) return;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill("SIGKILL");
  throw new Error(`Chroma did not respond at ${url} within 60 s:\n${await readLogTail(log)}`);
}

async function readLogTail(log: string): Promise<string> {
  return (await readFile(log, "utf8")).slice(-2_000);
}

/** Returns a free port of 127.0.0.1. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

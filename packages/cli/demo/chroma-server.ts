import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ChromaServer {
  /** `http://127.0.0.1:8000` or another port. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface ChromaServerOptions {
  /** Command that takes `run --path … --port … --host …`. Default: the server inside the npm package `chromadb`. */
  readonly command?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Folder of the server's data. Default: a new temporary one, removed by stop(). */
  readonly path?: string;
}

const BUNDLED = fileURLToPath(new URL("../../../node_modules/chromadb/dist/cli.mjs", import.meta.url));

/** Starts a real Chroma server on 127.0.0.1 and waits until it answers. */
export async function startChroma(options: ChromaServerOptions = {}): Promise<ChromaServer> {
  const { command } = options;
  const path = options.path ?? (await mkdtemp(join(tmpdir(), "cairn-chroma-")));
  const port = options.port ?? (await freePort());
  const run = ["run", "--path", path, "--port", String(port), "--host", "127.0.0.1"];
  await mkdir(path, { recursive: true });
  // A file, not a pipe: a server whose pipe nobody empties stops answering.
  const log = join(path, "server.log");
  const output = openSync(log, "a");
  const stdio: StdioOptions = ["ignore", output, output];
  const child = command
    ? spawn(command, run, { stdio })
    : spawn(process.execPath, [BUNDLED, ...run], { stdio });
  closeSync(output);
  const url = `http://127.0.0.1:${port}`;
  await untilAlive(url, child, log);
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

async function untilAlive(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null)
      throw new Error(`Chroma ended with ${child.exitCode}:\n${await lastWords(log)}`);
    try {
      if ((await fetch(`${url}/api/v2/heartbeat`)).ok) return;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill("SIGKILL");
  throw new Error(`Chroma did not answer at ${url} within 60 s:\n${await lastWords(log)}`);
}

async function lastWords(log: string): Promise<string> {
  return (await readFile(log, "utf8")).slice(-2_000);
}

/** A port of 127.0.0.1 that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

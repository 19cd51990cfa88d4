import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CAIRN = fileURLToPath(new URL("../../../packages/cli/bin/cairn.mjs", import.meta.url));

/** Seconds until a request to Chroma counts as lost. */
const CHROMA_TIMEOUT_S = 2;

/** A `cairn serve --chroma` in a process of its own, which can be killed and started again on the same port. */
export interface GatewayProcess {
  readonly port: number;
  start(): Promise<void>;
  /** SIGSTOP, until `resume`. */
  pause(): void;
  resume(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The end of its standard error. */
  output(): string;
}

export interface GatewayProcessOptions {
  readonly port: number;
  readonly folder: string;
  readonly databaseUrl: string;
  readonly chromaUrl: string;
}

export function createGatewayProcess(options: GatewayProcessOptions): GatewayProcess {
  const { port, folder, databaseUrl, chromaUrl } = options;
  let child: ChildProcess | undefined;
  let output = "";
  const flags = ["--port", String(port), "--chroma", chromaUrl, "--chroma-timeout", String(CHROMA_TIMEOUT_S)];
  return {
    port,
    output: () => output,
    async start() {
      const started = spawn(process.execPath, [CAIRN, "serve", ...flags], {
        cwd: folder,
        env: { ...process.env, OPENAI_API_KEY: "", DATABASE_URL: databaseUrl, CAIRN_EMBEDDING_MODEL: "offline/words" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      child = started;
      started.stderr?.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-20_000);
      });
      for (let attempt = 0; attempt < 600; attempt++) {
        if (started.exitCode !== null) break;
        if (await isListening(port)) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      started.kill("SIGKILL");
      throw new Error(`cairn serve did not start:\n${output}`);
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function isListening(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/api/v2/heartbeat`)).ok;
  } catch {
    return false;
  }
}

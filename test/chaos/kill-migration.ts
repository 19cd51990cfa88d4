import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

export interface ChaosOptions {
  readonly chromaUrl: string;
  /** A PostgreSQL server's database; undefined: the embedded database in `directory`. */
  readonly databaseUrl: string | undefined;
  readonly directory: string;
  /** Times that the process is killed. */
  readonly kills: number;
  /** Records a page: small, so that there is something left to kill. */
  readonly pageSize: number;
  readonly onKill?: (killed: ChaosResult) => void;
}

export interface ChaosResult {
  readonly kills: number;
  /** Kills that came while pages were being copied, and compared; the others came before or after. */
  readonly copying: number;
  readonly comparing: number;
  /** Times that a run came to its end before it could be killed. */
  readonly finished: number;
  /** Exit code of the last run, which nobody killed, and what it said. */
  readonly exitCode: number | null;
  readonly output: string;
}

/** Starts `cairn migrate`, kills it (-9) at a random moment, and again, and lets the last run come to its end. */
export async function killMigration(options: ChaosOptions): Promise<ChaosResult> {
  let result: ChaosResult = { kills: 0, copying: 0, comparing: 0, finished: 0, exitCode: null, output: "" };
  while (result.kills < options.kills) {
    const { killed, phase } = await liveAndDie(options);
    if (!killed) result = { ...result, finished: result.finished + 1 };
    else {
      const amid = phase ? { [phase]: result[phase] + 1 } : {};
      result = { ...result, kills: result.kills + 1, ...amid };
    }
    options.onKill?.(result);
  }
  const last = start(options);
  const output = collect(last);
  const [exitCode] = (await once(last, "exit")) as [number | null];
  return { ...result, exitCode, output: output() };
}

type Phase = "copying" | "comparing";

/** One process: killed at some moment of its start, or, three times in four, some while after its first page. */
async function liveAndDie(
  options: ChaosOptions,
): Promise<{ readonly killed: boolean; readonly phase: Phase | undefined }> {
  const child = start(options);
  const output = collect(child);
  let phase: Phase | undefined;
  const atStart = Math.random() < 0.25;
  const die = (within: number) => setTimeout(() => child.kill("SIGKILL"), Math.random() * within);
  if (atStart) die(1_000);
  child.stderr?.on("data", (chunk: Buffer) => {
    const [now] = /copying|comparing/.exec(chunk.toString()) ?? [];
    if (!now) return;
    if (!phase && !atStart) die(200);
    phase = now as Phase;
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL" && code !== 0 && code !== 3)
    throw new Error(`cairn migrate ended with ${code}:\n${output()}`);
  return { killed: signal === "SIGKILL", phase };
}

function start({ chromaUrl, databaseUrl, directory, pageSize }: ChaosOptions): ChildProcess {
  const args = [
    "migrate",
    "--chroma",
    chromaUrl,
    "--page-size",
    String(pageSize),
    "--queries",
    "0",
    "--report",
    `${directory}/report.json`,
  ];
  return spawn(process.execPath, [CAIRN, ...args, "--directory", `${directory}/cairn`], {
    env: { ...process.env, DATABASE_URL: databaseUrl ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function collect(child: ChildProcess): () => string {
  let text = "";
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return () => text;
}

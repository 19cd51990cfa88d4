import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

export interface ChaosOptions {
  readonly chromaUrl: string;
  /** URL of a PostgreSQL database; undefined: the embedded database in `directory`. */
  readonly databaseUrl: string | undefined;
  readonly directory: string;
  /** Number of kills. */
  readonly kills: number;
  /** Records per page. Small pages make a run long enough to be killed. */
  readonly pageSize: number;
  readonly onKill?: (killed: ChaosResult) => void;
}

export interface ChaosResult {
  readonly kills: number;
  /** Kills while pages were copied. */
  readonly copying: number;
  /** Kills while pages were compared. */
  readonly comparing: number;
  /** Runs that finished before they were killed. */
  readonly finished: number;
  /** Exit code of the last run, which is not killed. */
  readonly exitCode: number | null;
  /** Output of the last run. */
  readonly output: string;
}

/** Starts `cairn migrate` repeatedly, kills it (SIGKILL) at random moments, and lets the last run finish. */
export async function killMigration(options: ChaosOptions): Promise<ChaosResult> {
  let result: ChaosResult = { kills: 0, copying: 0, comparing: 0, finished: 0, exitCode: null, output: "" };
  while (result.kills < options.kills) {
    const { killed, phase } = await runUntilKilled(options);
    if (!killed) result = { ...result, finished: result.finished + 1 };
    else {
      const phaseCount = phase ? { [phase]: result[phase] + 1 } : {};
      result = { ...result, kills: result.kills + 1, ...phaseCount };
    }
    options.onKill?.(result);
  }
  const last = start(options);
  const output = collect(last);
  const [exitCode] = (await once(last, "exit")) as [number | null];
  return { ...result, exitCode, output: output() };
}

type Phase = "copying" | "comparing";

/** Runs one process and kills it: with a probability of one in four during its start, otherwise after its first page. */
async function runUntilKilled(
  options: ChaosOptions,
): Promise<{ readonly killed: boolean; readonly phase: Phase | undefined }> {
  const child = start(options);
  const output = collect(child);
  let phase: Phase | undefined;
  const atStart = Math.random() < 0.25;
  const killWithin = (ms: number) => setTimeout(() => child.kill("SIGKILL"), Math.random() * ms);
  if (atStart) killWithin(1_000);
  child.stderr?.on("data", (chunk: Buffer) => {
    const [current] = /copying|comparing/.exec(chunk.toString()) ?? [];
    if (!current) return;
    if (!phase && !atStart) killWithin(200);
    phase = current as Phase;
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL" && code !== 0 && code !== 3)
    throw new Error(`cairn migrate failed with exit code ${code}:\n${output()}`);
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
  const append = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4_000);
  };
  child.stdout?.on("data", append);
  child.stderr?.on("data", append);
  return () => text;
}

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createEmptyDatabase, serverUrl } from "./database.ts";
import { useResource } from "./fixture.ts";

/** The entry point of the `cairn` command. */
export const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

/** The result of a command that has ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CairnCli {
  /** The working directory, which contains the embedded database. */
  readonly folder: string;
  /** Address of the database on the test server; undefined for the embedded database. */
  readonly databaseUrl: string | undefined;
  run(
    args: readonly string[],
    options?: {
      readonly input?: string;
      readonly env?: NodeJS.ProcessEnv;
      /** Sends the signal of Ctrl-C when the error output matches. */
      readonly stopAt?: RegExp;
    },
  ): Promise<CommandResult>;
  /** Runs a command with `--json` and returns the parsed output. */
  json(...args: string[]): Promise<ReturnType<typeof JSON.parse>>;
  remove(): Promise<void>;
}

/** Returns the environment variables for the test's database. The offline embedder is fast, the bundled model is not. */
export function databaseEnvironment(url: string | undefined): Readonly<Record<string, string>> {
  return { DATABASE_URL: url ?? "", CAIRN_EMBEDDING_MODEL: "offline/words" };
}

/** Creates a `cairn` command with its own folder and database: embedded in the folder, or on the test server. */
export async function createCairnCli(): Promise<CairnCli> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-cli-"));
  const empty = serverUrl() ? await createEmptyDatabase() : undefined;
  const run: CairnCli["run"] = async (args, options = {}) => {
    const child = spawn(process.execPath, [CAIRN, ...args], {
      cwd: folder,
      env: { ...process.env, OPENAI_API_KEY: "", ...databaseEnvironment(empty?.url), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.end(options.input ?? "");
    const { stopAt } = options;
    let shown = "";
    if (stopAt)
      child.stderr.on("data", (piece: Buffer) => {
        const isShown = stopAt.test(shown);
        shown += piece;
        if (!isShown && stopAt.test(shown)) child.kill("SIGINT");
      });
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    return { code, out, err };
  };
  return {
    folder,
    databaseUrl: empty?.url,
    run,
    async json(...args) {
      const { out, err } = await run([...args, "--json"]);
      try {
        return JSON.parse(out);
      } catch {
        throw new Error(`cairn ${args.join(" ")} printed no JSON: ${out}${err}`);
      }
    },
    async remove() {
      await empty?.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A `cairn` command with its own folder and database for the tests of the file or `describe` block. */
export function useCairnCli(): CairnCli {
  return useResource(createCairnCli, (cli) => cli.remove());
}

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createEmptyDatabase, serverUrl } from "./database.ts";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CairnCli {
  /** Where it runs, and where its embedded database is. */
  readonly folder: string;
  /** Undefined: the embedded database. */
  readonly databaseUrl: string | undefined;
  run(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: NodeJS.ProcessEnv },
  ): Promise<Ended>;
  /** What the command printed with `--json`. */
  json(...args: string[]): Promise<ReturnType<typeof JSON.parse>>;
  remove(): Promise<void>;
}

/** The variables that name the test's database. On a server the words-only embedder must be named, too. */
export function databaseEnvironment(url: string | undefined): Readonly<Record<string, string>> {
  return url ? { DATABASE_URL: url, CAIRN_EMBEDDING_MODEL: "offline/words" } : { DATABASE_URL: "" };
}

/** The command `cairn` in a folder and on a database of its own: embedded there, or on the test's server. */
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

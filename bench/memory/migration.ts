import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

/** Peak memory (resident set) of a `cairn` command, in MB. Throws if it does not exit with 0. */
export async function peakMemory(
  args: readonly string[],
  databaseUrl: string,
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  const child = spawn(CAIRN, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DATABASE_URL: databaseUrl, ...env },
  });
  let peak = 0;
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  }, 50);
  const [code] = await once(child, "exit");
  clearInterval(timer);
  if (code !== 0) throw new Error(`cairn ${args[0]} failed with exit code ${code}`);
  return Math.round(peak / 1024);
}

const FILLER = Buffer.from("a long text with many words in it ".repeat(2_000));

/** A Chroma response in which each document `grow 3` becomes 3 MB of text. One emoji makes V8 store two bytes per character. */
export function* growDocuments(body: string): Generator<string | Buffer> {
  let at = 0;
  for (const { 0: text, 1: megabytes, index } of body.matchAll(/"grow (\d+)"/g)) {
    yield `${body.slice(at, index)}"🍵`;
    for (let length = 0; length < Number(megabytes) * 1e6; length += FILLER.length) yield FILLER;
    yield '"';
    at = index + text.length;
  }
  yield body.slice(at);
}

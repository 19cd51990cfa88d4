import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const CAIRN = fileURLToPath(new URL("../../packages/cli/bin/cairn.mjs", import.meta.url));

/** The most memory (resident set) that a command of `cairn` takes, in MB. Throws where it does not end with 0. */
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
  if (code !== 0) throw new Error(`cairn ${args[0]} ended with ${code}`);
  return Math.round(peak / 1024);
}

const FILLER = Buffer.from("a long text with many words in it ".repeat(2_000));

/** An answer of Chroma's in which each document `grow 3` has 3 MB, with one character that makes them two bytes each. */
export function* growDocuments(body: string): Generator<string | Buffer> {
  let at = 0;
  for (const { 0: text, 1: megabytes, index } of body.matchAll(/"grow (\d+)"/g)) {
    yield `${body.slice(at, index)}"🍵`;
    for (let made = 0; made < Number(megabytes) * 1e6; made += FILLER.length) yield FILLER;
    yield '"';
    at = index + text.length;
  }
  yield body.slice(at);
}

import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { AppError } from "../error.ts";

interface LockHolder {
  readonly pid: number;
  /** When the process began, as the kernel counts it: tells it from a later one with the same pid. */
  readonly began: string | undefined;
  readonly host: string;
  readonly command: string;
  readonly since: string;
}

/**
 * Takes `directory/lock` for this process and returns what releases it. PGlite itself has no lock, and two
 * processes in one folder lose writes silently. The lock of a process that died is taken over.
 * Throws `database_unavailable`, naming the holder.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "lock");
  const own = join(directory, `lock.${process.pid}.${Math.random().toString(36).slice(2)}`);
  const holder: LockHolder = {
    pid: process.pid,
    began: await processStart(process.pid),
    host: hostname(),
    command: process.argv.slice(1, 4).join(" "),
    since: new Date().toISOString(),
  };
  await writeFile(own, JSON.stringify(holder));
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await linked(own, path)) return () => rm(path, { force: true });
      const other = await readHolder(path);
      if (other && (await isAlive(other))) throw held(directory, other);
      // Of several that find the lock of a dead process, one renames it away; the others find it gone.
      await rename(path, `${own}.stale`).catch(ignoreMissing);
      const moved = await readHolder(`${own}.stale`);
      if (moved && (await isAlive(moved))) {
        await rename(`${own}.stale`, path);
        throw held(directory, moved);
      }
      await rm(`${own}.stale`, { force: true });
    }
    throw new AppError("database_unavailable", `The lock ${path} keeps changing hands. Try again in a moment.`);
  } finally {
    await rm(own, { force: true });
  }
}

function held(directory: string, holder: LockHolder): AppError {
  return new AppError(
    "database_unavailable",
    `The embedded database in ${directory} is in use by process ${holder.pid} on ${holder.host} ` +
      `(${holder.command}, since ${holder.since}). Wait for it to end or stop it; for several processes at once ` +
      "set DATABASE_URL to a PostgreSQL server.",
  );
}

/** A hard link is made whole or not at all, also where two processes try at once. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LockHolder;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    ignoreMissing(error);
    return undefined;
  }
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  if (holder.host !== hostname()) return true; // a shared disk: nobody here can tell
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return holder.began === undefined || (await processStart(holder.pid)) === holder.began;
}

/** Clock ticks from boot to the start of a process, from Linux's /proc; undefined on other systems. */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

function ignoreMissing(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ESRCH") throw error;
}

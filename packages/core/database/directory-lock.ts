import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../error.ts";
import { isRunning, type ProcessIdentity, thisProcess } from "../process-identity.ts";

/**
 * Takes `directory/lock` for this process and returns what releases it. PGlite itself has no lock, and two
 * processes in one folder lose writes silently. The lock of a process that died is taken over.
 * Throws `database_unavailable`, naming the holder.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "lock");
  const own = join(directory, `lock.${process.pid}.${Math.random().toString(36).slice(2)}`);
  await writeFile(own, JSON.stringify(await thisProcess()));
  try {
    const holder = await take(own, path);
    if (holder) throw held(directory, holder);
    return () => rm(path, { force: true });
  } finally {
    await rm(own, { force: true });
  }
}

/**
 * Puts the file `own` at `path`, or returns who is there and lives. A dead holder's file is removed only under a lock
 * of its own: to look and to remove are two steps, and in between another may have taken over. A process that dies
 * in the midst of that is dealt with in the same way, one lock further.
 */
async function take(own: string, path: string): Promise<ProcessIdentity | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await linked(own, path)) return undefined;
    const holder = await readHolder(path);
    if (holder === "gone") continue;
    if (holder && (await isRunning(holder)) !== false) return holder;
    const other = await take(own, `${path}.takeover`);
    if (other) return other;
    try {
      const still = await readHolder(path);
      if (still !== "gone" && (!still || (await isRunning(still)) === false)) await rm(path);
    } finally {
      await rm(`${path}.takeover`, { force: true });
    }
  }
  throw new AppError("database_unavailable", `The lock ${path} keeps changing hands. Try again in a moment.`);
}

function held(directory: string, holder: ProcessIdentity): AppError {
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

/** Undefined where the file cannot be read as anybody's: files come whole or not at all, so a crash has spoilt it. */
async function readHolder(path: string): Promise<ProcessIdentity | "gone" | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as ProcessIdentity;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "gone";
    throw error;
  }
}

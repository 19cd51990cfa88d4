import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await linked(own, path)) return () => rm(path, { force: true });
      const other = await readHolder(path);
      if (other && (await isRunning(other)) !== false) throw held(directory, other);
      // Of several that find the lock of a dead process, one renames it away; the others find it gone.
      await rename(path, `${own}.stale`).catch(ignoreMissing);
      const moved = await readHolder(`${own}.stale`);
      if (moved && (await isRunning(moved)) !== false) {
        await rename(`${own}.stale`, path);
        throw held(directory, moved);
      }
      await rm(`${own}.stale`, { force: true });
    }
    throw new AppError(
      "database_unavailable",
      `The lock ${path} keeps changing hands. Try again in a moment.`,
    );
  } finally {
    await rm(own, { force: true });
  }
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

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as ProcessIdentity;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    ignoreMissing(error);
    return undefined;
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../error.ts";
import { isRunning, type ProcessIdentity, thisProcess } from "../process-identity.ts";

/**
 * Acquires `directory/lock` for this process and returns the function that releases it. PGlite itself has no lock, and
 * two processes in one folder lose writes silently. The lock of a dead process is taken over.
 * Throws `database_unavailable`, which names the process that has the lock.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "lock");
  const ownFile = join(directory, `lock.${process.pid}.${Math.random().toString(36).slice(2)}`);
  await writeFile(ownFile, JSON.stringify(await thisProcess()));
  try {
    const owner = await acquire(ownFile, path);
    if (owner) throw alreadyLocked(directory, owner);
    return () => rm(path, { force: true });
  } finally {
    await rm(ownFile, { force: true });
  }
}

/**
 * Links `ownFile` to `path`, or returns the running process that has the lock. A dead process's lock file is removed
 * only under a second lock: checking and removing are two steps, and another process can take over in between. If a
 * process dies while it has the second lock, a third lock handles that in the same way.
 */
async function acquire(ownFile: string, path: string): Promise<ProcessIdentity | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await tryLink(ownFile, path)) return undefined;
    const owner = await readOwner(path);
    if (owner === "gone") continue;
    if (owner && (await isRunning(owner)) !== false) return owner;
    const takeoverOwner = await acquire(ownFile, `${path}.takeover`);
    if (takeoverOwner) return takeoverOwner;
    try {
      const current = await readOwner(path);
      if (current !== "gone" && (!current || (await isRunning(current)) === false)) await rm(path);
    } finally {
      await rm(`${path}.takeover`, { force: true });
    }
  }
  throw new AppError(
    "database_unavailable",
    `The lock ${path} could not be acquired: other processes keep taking it. Try again in a moment.`,
  );
}

function alreadyLocked(directory: string, owner: ProcessIdentity): AppError {
  return new AppError(
    "database_unavailable",
    `The embedded database in ${directory} is in use by process ${owner.pid} on ${owner.host} ` +
      `(${owner.command}, since ${owner.since}). Stop that process, or wait until it ends. To use several processes at once, ` +
      "use a PostgreSQL server.",
    { remedy: "set_database_url" },
  );
}

/** Whether the link was created. Creating a hard link is atomic, also when two processes try at once. */
async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Undefined if the file cannot be parsed. Lock files are created atomically, so only a crash can have damaged it. */
async function readOwner(path: string): Promise<ProcessIdentity | "gone" | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as ProcessIdentity;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "gone";
    throw error;
  }
}

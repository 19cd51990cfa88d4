import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { constants, createReadStream, createWriteStream, existsSync } from "node:fs";
import { copyFile, link, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { AppError } from "@cairn/core/error.ts";
import { splitLines } from "@cairn/files/lines.ts";

export interface ArchiveFile {
  write(lines: readonly string[]): Promise<void>;
  /** Gives the complete file its name. */
  finish(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** Codes of file systems without hard links. */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** Creates a compressed file, which has its name only when it is complete. Only its owner can read it. */
export function createArchiveFile(path: string): ArchiveFile {
  if (existsSync(path))
    throw new AppError("invalid_input", `The file ${path} exists. Name another one, or remove it.`, { path });
  const partial = `${path}.${randomUUID().slice(0, 8)}.partial`;
  const gzip = createGzip();
  // A new file: an existing one could have other permissions, or lead elsewhere.
  const written = pipeline(gzip, createWriteStream(partial, { mode: 0o600, flags: "wx" })).catch((error) => {
    throw unwritable(path, error);
  });
  written.catch(() => {}); // reported by finish or by the next write
  return {
    async write(lines) {
      if (!gzip.write(lines.join(""))) await Promise.race([once(gzip, "drain"), written]);
    },
    async finish() {
      gzip.end();
      await written;
      await link(partial, path).catch(async (error) => {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (!WITHOUT_LINKS.has(code) || existsSync(path)) throw unwritable(path, error);
        await copyFile(partial, path, constants.COPYFILE_EXCL);
      });
      await rm(partial);
    },
    async discard() {
      gzip.destroy();
      await written.catch(() => {});
      await rm(partial, { force: true });
    },
  };
}

/** The lines of a compressed file. Throws `invalid_input` if it is not complete, or not such a file. */
export async function* readArchiveLines(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const unpacked = createGunzip().setEncoding("utf8");
  const read = pipeline(file, unpacked);
  read.catch(() => {}); // thrown by the loop, too
  try {
    for await (const line of splitLines(unpacked, (reason) => unreadable(path, reason))) if (line !== "") yield line;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith("Z_"))
      throw unreadable(path, "it is damaged, incomplete, or not an archive", error);
    throw systemError(error, (reason) => unreadable(path, reason, error));
  } finally {
    file.destroy();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  EACCES: "the permission is missing",
  ENOSPC: "the disk is full",
  EEXIST: "it exists",
  ENAMETOOLONG: "its name is too long",
};

/** The error for one of the operating system, or the error itself. */
function systemError(error: unknown, create: (reason: string) => AppError): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined || code === undefined
    ? error
    : create(REASONS[code] ?? `the operating system reports ${code}`);
}

function unwritable(path: string, cause: unknown): unknown {
  return systemError(
    cause,
    (reason) => new AppError("invalid_input", `The file ${path} cannot be written: ${reason}.`, { path, cause }),
  );
}

function unreadable(path: string, why: string, cause?: unknown): AppError {
  return new AppError("invalid_input", `The file ${path} cannot be imported: ${why}.`, { path, cause });
}

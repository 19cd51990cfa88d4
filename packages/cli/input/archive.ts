import { once } from "node:events";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { AppError } from "@cairn/core/error.ts";

/** Maximum length of a line, in UTF-16 code units. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

export interface ArchiveFile {
  write(lines: readonly string[]): Promise<void>;
  /** Gives the complete file its name. */
  finish(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** Creates a compressed file, which has its name only when it is complete. Only its owner can read it. */
export function createArchiveFile(path: string): ArchiveFile {
  if (existsSync(path))
    throw new AppError("invalid_input", `The file ${path} exists. Name another one, or remove it.`, { path });
  const partial = `${path}.partial`;
  const gzip = createGzip();
  const written = pipeline(gzip, createWriteStream(partial, { mode: 0o600 }));
  written.catch(() => {}); // reported by finish or by the next write
  return {
    async write(lines) {
      if (!gzip.write(lines.join(""))) await Promise.race([once(gzip, "drain"), written]);
    },
    async finish() {
      gzip.end();
      await written;
      await rename(partial, path);
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
  let rest = "";
  try {
    for await (const piece of unpacked) {
      const lines = `${rest}${piece}`.split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MAX_LINE_LENGTH)
        throw unreadable(path, `one of its lines has more than ${MAX_LINE_LENGTH} characters`);
      yield* lines;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw unreadable(path, "it does not exist", error);
    if (code?.startsWith("Z_")) throw unreadable(path, "it is damaged, incomplete, or not an archive", error);
    throw error;
  } finally {
    file.destroy();
  }
  if (rest !== "") yield rest;
}

function unreadable(path: string, why: string, cause?: unknown): AppError {
  return new AppError("invalid_input", `The file ${path} cannot be imported: ${why}.`, { path, cause });
}

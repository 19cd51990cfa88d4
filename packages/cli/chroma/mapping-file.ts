import { readFile, writeFile } from "node:fs/promises";
import type { Mapping } from "@cairn/chroma/protocol/mapping.ts";
import { AppError } from "@cairn/core/error.ts";

export interface MappingFile {
  readonly path: string;
  /** Files with another mapping that were there already. They are unchanged. */
  readonly kept: readonly string[];
}

/**
 * Writes a mapping to `cairn-map.json` in the working directory, with one collection in each line. Another file of that name
 * is kept, and the mapping goes to `cairn-map-2.json` and so on. Throws `invalid_input` if the folder cannot be written.
 */
export async function writeMappingFile(mapping: Mapping): Promise<MappingFile> {
  const lines = Object.entries(mapping).map(([key, target]) => `  ${JSON.stringify(key)}: ${JSON.stringify(target)}`);
  const text = `{\n${lines.join(",\n")}\n}\n`;
  const kept: string[] = [];
  for (;;) {
    const path = kept.length === 0 ? "cairn-map.json" : `cairn-map-${kept.length + 1}.json`;
    if (await isWritten(path, text)) return { path, kept };
    kept.push(path);
  }
}

/** Creates a file, and returns whether it has this text then. An existing file is not changed. */
async function isWritten(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return (await readFile(path, "utf8").catch(() => undefined)) === text;
    throw new AppError(
      "invalid_input",
      `The proposed mapping cannot be written to ${path} (${code}). Run the command in a folder that you can write to, or set --pattern or --map.`,
      { path: "--map", cause: error },
    );
  }
}

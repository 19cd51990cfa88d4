import { readFile } from "node:fs/promises";
import { parseJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";

/** Returns the text of the file that an option names. Throws `invalid_input` if the file cannot be read. */
export async function readFileArgument(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError("invalid_input", `The file ${path} of ${flag} cannot be read (${code}).`, {
      path: flag,
      cause: error,
    });
  }
}

/** Returns the JSON value of an option; undefined if the option is not set. Throws `invalid_input`. */
export function parseJsonArgument(text: string | undefined, flag: string): unknown {
  if (text === undefined) return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    throw new AppError("invalid_input", `${flag} is not JSON: ${(error as Error).message}`, {
      path: flag,
      cause: error,
    });
  }
}

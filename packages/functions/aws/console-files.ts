import { readFile } from "node:fs/promises";
import type { ConsoleAssets } from "@cairn/api/routes/console.ts";

/** Reads a file of the console, which infra/api.ts copies next to the bundle. `sst dev` does not set LAMBDA_TASK_ROOT. */
export const readConsoleFile: ConsoleAssets = async (name) => {
  try {
    const folder = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
    return new Uint8Array(await readFile(`${folder}/console/${name}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

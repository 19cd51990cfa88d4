import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ConsoleAssets } from "@cairn/api/routes/console.ts";

type ConsoleBuild = typeof import("@cairn/console/build.ts");

const FOLDER = new URL("../../console/", import.meta.url);

/** Reads the built files of the console. The published package contains them; a clone builds them at the first request. */
export function createConsoleReader(): ConsoleAssets {
  const build = new URL("build.ts", FOLDER);
  return existsSync(build) ? buildOnce(build) : readBuilt;
}

function buildOnce({ href }: URL): ConsoleAssets {
  let files: ReturnType<ConsoleBuild["buildConsole"]> | undefined;
  return async (name) => {
    files ??= import(href).then(({ buildConsole }: ConsoleBuild) => buildConsole());
    files.catch(() => {
      files = undefined; // the next request shows whether the sources were repaired
    });
    return (await files).get(name);
  };
}

async function readBuilt(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await readFile(new URL(`dist/${name}`, FOLDER)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

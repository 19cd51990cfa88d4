import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildConsole } from "./build.ts";

// Writes the built page into a folder: node packages/console/write.ts [FOLDER]. Default: packages/console/dist.

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL("dist", import.meta.url)));
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const [name, content] of await buildConsole()) await writeFile(join(folder, name), content);

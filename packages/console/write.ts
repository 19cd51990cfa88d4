import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildConsole } from "./build.ts";

// Writes the built page into a folder: node packages/console/write.ts [FOLDER]. Default: packages/console/dist.

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL("dist", import.meta.url)));
await mkdir(folder, { recursive: true });
const files = await buildConsole();
for (const [name, content] of files) await writeFile(join(folder, name), content);
// Last, so that the files of a build that someone is reading stay complete.
for (const name of await readdir(folder)) if (!files.has(name)) await rm(join(folder, name));

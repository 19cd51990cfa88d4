import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { compile, ROOT } from "./compile.ts";
import { makeManifest } from "./manifest.ts";

// Writes what would be published, a tarball, into a folder: npm run pack -- FOLDER

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("The target folder is missing. Usage: npm run pack -- FOLDER");
const target = resolve(process.env.INIT_CWD ?? ".", folder);
const work = await mkdtemp(join(tmpdir(), "cairndb-"));
try {
  await compile(work);
  await writeFile(join(work, "package.json"), `${JSON.stringify(makeManifest(), null, 2)}\n`);
  for (const [from, to] of [
    ["publish/README.md", "README.md"],
    ["LICENSE", "LICENSE"],
  ] as const)
    await cp(join(ROOT, from), join(work, to));
  await mkdir(target, { recursive: true });
  execFileSync("npm", ["pack", "--pack-destination", target], { cwd: work, stdio: "inherit" });
} finally {
  await rm(work, { recursive: true, force: true });
}

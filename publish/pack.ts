import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { compile, ROOT } from "./compile.ts";
import { makeManifest } from "./manifest.ts";

// Writes what would be published, a tarball, into a folder: npm run pack -- FOLDER

/** The changelog exists after the first release. */
const DOCUMENTS = ["publish/README.md", "publish/CHANGELOG.md", "LICENSE"];

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("The target folder is missing. Usage: npm run pack -- FOLDER");
const target = resolve(process.env.INIT_CWD ?? ".", folder);
const work = await mkdtemp(join(tmpdir(), "cairndb-"));
try {
  await compile(work);
  await writeFile(join(work, "package.json"), `${JSON.stringify(makeManifest(), null, 2)}\n`);
  for (const file of globSync(DOCUMENTS, { cwd: ROOT })) await cp(join(ROOT, file), join(work, basename(file)));
  await mkdir(target, { recursive: true });
  execFileSync("npm", ["pack", "--pack-destination", target], { cwd: work, stdio: "inherit" });
} finally {
  await rm(work, { recursive: true, force: true });
}

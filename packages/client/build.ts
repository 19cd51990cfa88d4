import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

// Builds the client as JavaScript with types, for an application in another repository:
// node packages/client/build.ts ../app/cairn

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("The target folder is missing. Usage: node packages/client/build.ts ../app/cairn");
const target = resolve(folder);
const resolveHere = (path: string) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: ["client.ts", "vector.ts", "langchain.ts", "ai-sdk.ts"].map(resolveHere),
  outdir: join(target, "client"),
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  external: ["@langchain/core", "ai"],
});

const compiler = resolveHere("../../node_modules/typescript/bin/tsc");
const project = resolveHere("tsconfig.build.json");
// Several threads that create the same folder lost the files of a folder in 2 of 37 builds (TypeScript 7.0.2, all processors busy).
const options = ["-p", project, "--outDir", target, "--singleThreaded"];
execFileSync(process.execPath, [compiler, ...options], { stdio: "inherit" });
for (const file of globSync("{api,client,core}/*.d.ts", { cwd: target })) {
  const types = readFileSync(join(target, file), "utf8");
  const relocated = types
    .replaceAll(/"@cairn\/([^"]+)\.ts"/g, '"../$1.js"')
    .replaceAll(/"(\.\/[^"]+)\.ts"/g, '"$1.js"');
  writeFileSync(join(target, file), relocated);
}

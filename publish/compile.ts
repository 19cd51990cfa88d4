import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildConsole } from "@cairn/console/build.ts";
import { type BuildOptions, build, type Plugin } from "esbuild";

export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The workspaces in the published package. The functions are deployed from the repository. */
export const WORKSPACES = ["core", "files", "api", "chroma", "client", "cli"];

/** Modules that only the repository uses. */
const EXCLUDED = ["**/*.test.ts", "**/*.d.ts", "**/configuration/write.ts", "**/serve/lint.ts"];

/** Files that the modules read. */
const ASSETS = ["packages/cli/demo/knowledge/*.json", "migrations/*.sql"];

/** The oldest Node that runs the compiled modules. Node 24 runs the sources. */
export const MIN_NODE = 22;

/** Writes every module as JavaScript with its types, in the folders of the repository, so that relative paths stay right. */
export async function compile(target: string): Promise<void> {
  const options: BuildOptions = {
    absWorkingDir: ROOT,
    outbase: ".",
    outdir: target,
    bundle: true,
    plugins: [externalModules],
    platform: "node",
    format: "esm",
    target: `node${MIN_NODE}`,
    define: { CAIRN_MIN_NODE: String(MIN_NODE), CAIRN_COMMAND: JSON.stringify("npx cairndb") },
  };
  await build({ ...options, entryPoints: find("ts") });
  await build({ ...options, entryPoints: find("mjs"), outExtension: { ".js": ".mjs" } });
  for (const file of globSync(ASSETS, { cwd: ROOT })) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(ROOT, file), join(target, file));
  }
  const console = join(target, "packages/console/dist");
  await mkdir(console, { recursive: true });
  for (const [name, content] of await buildConsole()) await writeFile(join(console, name), content);
  writeTypes(target);
}

function find(extension: string): string[] {
  const files = WORKSPACES.map((name) => `packages/${name}/**/*.${extension}`);
  return globSync(files, { cwd: ROOT, exclude: [...EXCLUDED, "**/node_modules/**"] });
}

/** Every module stays a file of its own; only the specifiers change. */
const externalModules: Plugin = {
  name: "external modules",
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
      if (kind === "entry-point" || path.endsWith(".json")) return undefined;
      return { path: published(path, relative(ROOT, importer)), external: true };
    });
  },
};

/** The specifier in the published package of an import in the file `importer`. */
function published(specifier: string, importer: string): string {
  if (specifier.startsWith(".")) return specifier.replace(/\.ts$/, ".js");
  if (!specifier.startsWith("@cairn/")) return specifier;
  const path = relative(dirname(importer), specifier.replace("@cairn/", "packages/")).replace(/\.ts$/, ".js");
  return path.startsWith(".") ? path : `./${path}`;
}

function writeTypes(target: string): void {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  // Several threads that create the same folder lose files now and then.
  const options = ["-p", "publish/tsconfig.json", "--outDir", target, "--singleThreaded"];
  execFileSync(process.execPath, [compiler, ...options], { cwd: ROOT, stdio: "inherit" });
  for (const file of globSync("packages/**/*.d.ts", { cwd: target })) {
    const types = readFileSync(join(target, file), "utf8");
    const changed = types.replaceAll(/(from |import\()"([^"]+)"/g, (_, before: string, specifier: string) =>
      [before, '"', published(specifier, file), '"'].join(""),
    );
    writeFileSync(join(target, file), changed);
    for (const [, imported = ""] of changed.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g))
      assertTypes(target, join(dirname(file), imported));
  }
}

/** The compiler writes no types of some modules that others import: these have to be among the project's files. */
function assertTypes(target: string, module: string): void {
  if (existsSync(join(target, `${module}.d.ts`))) return;
  throw new Error(`The types of ${module}.ts are missing. Add it to "files" in publish/tsconfig.json.`);
}

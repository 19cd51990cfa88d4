import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The packages that each package may import: the arrows of docs/architecture.md. */
const ALLOWED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  core: [],
  files: ["core"],
  api: ["core", "files"],
  chroma: ["core", "api"], // the API only for its routes
  client: ["api"],
  console: ["api", "client"], // of the API only its types
  functions: ["core", "files", "api", "chroma"],
  cli: ["core", "files", "api", "chroma", "client", "console"],
};

/** The paths that each folder outside of packages may import. */
const ALLOWED_PATHS: Readonly<Record<string, readonly string[]>> = {
  bench: ["bench/", "packages/", "test/support/"],
  infra: ["infra/", "packages/functions/", "packages/api/settings/"],
  test: ["test/", "bench/", "packages/", "publish/", "sst.config"],
};

/** The version of everything. It has no code. */
const VERSION_FILE = "publish/package.json";

/** Modules that only entry points may use. */
const FORBIDDEN_IN_CORE = /^(commander|cli-progress|hono|chromadb|sst|@aws-sdk|node:http|node:readline)/;

interface Import {
  /** Path of the importing file from the root. */
  readonly file: string;
  /** `packages/<name>`, `bench`, `infra` or `test`. */
  readonly folder: string;
  readonly specifier: string;
  /** Path of the imported file from the root; undefined for a dependency. */
  readonly target: string | undefined;
}

async function readImports(): Promise<readonly Import[]> {
  const imports: Import[] = [];
  for (const folder of ["packages", ...Object.keys(ALLOWED_PATHS)])
    for (const name of await readdir(join(ROOT, folder), { recursive: true })) {
      const file = `${folder}/${name}`;
      if (!/\.(ts|tsx|mjs)$/.test(file) || file.includes("node_modules")) continue;
      const text = await readFile(join(ROOT, file), "utf8");
      for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g))
        imports.push({ file, folder: folderOf(file), specifier, target: targetOf(file, specifier) });
    }
  return imports;
}

function folderOf(path: string): string {
  const [top = "", name] = path.split("/");
  return top === "packages" ? `${top}/${name}` : top;
}

function targetOf(file: string, specifier: string): string | undefined {
  const path = specifier.startsWith(".")
    ? join(file, "..", specifier)
    : specifier.startsWith("@cairn/")
      ? specifier.replace("@cairn/", "packages/")
      : undefined;
  return path && (extname(path) ? path : `${path}.ts`); // infra/ imports without an extension
}

/** The imports of the packages, without their tests. */
async function readProductImports(): Promise<readonly Import[]> {
  return (await readImports()).filter(({ file }) => file.startsWith("packages/") && !file.endsWith(".test.ts"));
}

test("packages import in one direction, core ← api ← chroma ← functions and cli, and nothing of bench, infra or test", async () => {
  const wrong = (await readProductImports()).filter(({ folder, specifier, target }) => {
    if (target === undefined || target === VERSION_FILE) return false;
    const other = folderOf(target);
    if (specifier.startsWith(".")) return other !== folder;
    const name = folder.replace("packages/", "");
    return !ALLOWED_PACKAGES[name]?.some((allowed) => other === `packages/${allowed}`);
  });
  expect(wrong).toEqual([]);
});

test("bench imports packages and test support, infra only packages/functions and the settings, and test does not import infra", async () => {
  const imports = (await readImports()).filter(({ folder }) => folder in ALLOWED_PATHS);
  expect(new Set(imports.map(({ folder }) => folder))).toEqual(new Set(Object.keys(ALLOWED_PATHS)));
  const wrong = imports.filter(
    ({ folder, target }) => target && !ALLOWED_PATHS[folder]?.some((path) => target.startsWith(path)),
  );
  expect(wrong).toEqual([]);
});

test("core does not use HTTP servers, terminals or Chroma, and reads no environment", async () => {
  const imports = await readProductImports();
  const core = imports.filter(({ folder }) => folder === "packages/core");
  expect(core.length).toBeGreaterThan(50);
  expect(core.filter(({ specifier }) => FORBIDDEN_IN_CORE.test(specifier))).toEqual([]);
  const files = new Set(
    imports
      .filter(({ folder }) => folder !== "packages/cli" && folder !== "packages/functions")
      .map(({ file }) => file),
  );
  for (const file of files)
    expect(await readFile(join(ROOT, file), "utf8"), file).not.toMatch(
      /process\.env|\bconsole\.(?:log|error|warn|info|debug|table|dir|trace)\b/,
    );
});

test("imports have no cycles in packages, bench, infra and test", async () => {
  const graph = new Map<string, string[]>();
  for (const { file, target } of await readImports()) if (target) graph.set(file, [...(graph.get(file) ?? []), target]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  const cycles = [...graph.keys()].flatMap((file) => visit(file, []) ?? []);
  expect(cycles).toEqual([]);
});

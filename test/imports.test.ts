import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const PACKAGES = fileURLToPath(new URL("../packages/", import.meta.url));

/** Which packages each may import: the arrows of docs/architecture.md. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  api: ["core"],
  chroma: ["core", "api"], // for its routes alone
  client: ["api"],
  functions: ["core", "api", "chroma"],
  cli: ["core", "api", "chroma", "client"],
};

/** Nothing of these belongs below the entry points. */
const FORBIDDEN_IN_CORE = /^(commander|cli-progress|hono|chromadb|sst|@aws-sdk|node:http|node:readline)/;

interface Import {
  readonly file: string;
  readonly package: string;
  readonly specifier: string;
}

async function readImports(): Promise<readonly Import[]> {
  const files = (await readdir(PACKAGES, { recursive: true })).filter(
    (file) => /\.(ts|mjs)$/.test(file) && !/\.test\.ts$/.test(file) && !file.includes("node_modules"),
  );
  const imports: Import[] = [];
  for (const file of files) {
    const text = await readFile(join(PACKAGES, file), "utf8");
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g))
      imports.push({ file, package: file.split("/")[0] ?? "", specifier: specifier ?? "" });
  }
  return imports;
}

test("imports go one way: core ← api ← chroma ← functions and cli, and no package reaches into another by a path", async () => {
  const wrong = (await readImports()).filter(({ package: from, specifier, file }) => {
    const other = /^@cairn\/(\w+)\//.exec(specifier)?.[1];
    if (other) return !ALLOWED[from]?.includes(other);
    return specifier.startsWith(".") && !join(file, "..", specifier).startsWith(`${from}/`);
  });
  expect(wrong).toEqual([]);
});

test("core knows no HTTP server, no terminal, no Chroma, and reads no environment", async () => {
  const imports = (await readImports()).filter(({ package: from }) => from === "core");
  expect(imports.length).toBeGreaterThan(50);
  expect(imports.filter(({ specifier }) => FORBIDDEN_IN_CORE.test(specifier))).toEqual([]);
  const files = new Set(
    (await readImports())
      .filter(({ package: from }) => from !== "cli" && from !== "functions")
      .map(({ file }) => file),
  );
  for (const file of files)
    expect(await readFile(join(PACKAGES, file), "utf8"), file).not.toMatch(/process\.env|console\./);
});

test("no circle among the files of a package", async () => {
  const graph = new Map<string, string[]>();
  for (const { file, specifier } of await readImports()) {
    const target = specifier.startsWith(".")
      ? join(file, "..", specifier)
      : specifier.replace(/^@cairn\//, "");
    graph.set(file, [...(graph.get(file) ?? []), target]);
  }
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  };
  const circles = [...graph.keys()].flatMap((file) => visit(file, []) ?? []);
  expect(circles).toEqual([]);
});

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { serveTestApi, useTestApi } from "./support/api.ts";
import { useServer, useTestDatabase } from "./support/fixture.ts";

// Runs every example of docs/api.md and compares its output with the guide.

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));
const runCommand = promisify(execFile);

const api = useTestApi(useTestDatabase());
const server = useServer(() => serveTestApi(api));
let guide: string;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  guide = await readFile(join(REPOSITORY, "docs/api.md"), "utf8");
  const { key } = await api.addTenant("guide");
  environment = { ...process.env, CAIRN_URL: server.url, CAIRN_KEY: key, TMPDIR: tmpdir() };
});

/** A matcher for output of the guide: strings must be equal, except "…", and numbers may have any value. */
function toMatcher(shown: unknown): unknown {
  if (typeof shown === "string") return shown === "…" ? expect.any(String) : shown;
  if (typeof shown === "number") return expect.any(Number);
  if (Array.isArray(shown)) return shown.map(toMatcher);
  if (shown === null || typeof shown !== "object") return shown;
  return Object.fromEntries(Object.entries(shown).map(([key, value]) => [key, toMatcher(value)]));
}

test("the shell examples of docs/api.md print the documented output", async () => {
  const examples = [...guide.matchAll(/```sh\n([\s\S]*?)```\n```json\n([\s\S]*?)```/g)];
  expect(examples.length).toBe(guide.match(/```sh/g)?.length);
  expect(examples.length).toBeGreaterThanOrEqual(6);
  const folder = await mkdtemp(join(tmpdir(), "cairn-guide-")); // the examples write files
  try {
    for (const [, script, shown] of examples) {
      const { stdout } = await runCommand("bash", ["-euc", script as string], { env: environment, cwd: folder });
      expect(JSON.parse(stdout), script).toEqual(toMatcher(JSON.parse(shown as string)));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Type-checks and runs an example in a folder that has `packages` installed. Returns its output. */
async function runExample(
  folder: string,
  example: string,
  { packages, config }: { readonly packages: readonly string[]; readonly config: object },
): Promise<string> {
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  for (const name of packages)
    await symlink(join(REPOSITORY, "node_modules", name), join(folder, "node_modules", name));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
  await writeFile(join(folder, "example.ts"), example);
  const compiler = join(REPOSITORY, "node_modules/typescript/bin/tsc");
  await runCommand(process.execPath, [compiler, "--noEmit", "-p", folder], { env: environment }).catch((error) => {
    throw new Error(`The example does not compile: ${error.stdout}${error.stderr}`);
  });
  return (await runCommand(process.execPath, ["example.ts"], { cwd: folder, env: environment })).stdout;
}

test("the TypeScript example of docs/api.md compiles and prints the documented output, in this repository and in another application", async () => {
  const examples = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, example]) => example as string);
  expect(examples).toHaveLength(1);
  const [example = ""] = examples;
  const [, printed] = /\/\/ (.+)\n$/.exec(example) ?? [];
  const [, ingest = ""] = /```sh\n([\s\S]*?)```/.exec(guide) ?? [];
  await runCommand("bash", ["-euc", ingest], { env: environment });
  const thisFolder = await mkdtemp(join(tmpdir(), "cairn-example-"));
  const otherFolder = await mkdtemp(join(tmpdir(), "cairn-example-"));
  try {
    const modules = join(REPOSITORY, "packages/api/request/rate-limiter-flexible.d.ts");
    const inRepository = example.replace("cairndb/client", "@cairn/client/client.ts");
    expect(inRepository).not.toBe(example);
    const output = await runExample(thisFolder, inRepository, {
      packages: ["@cairn", "@types/node", "hono"],
      config: { extends: join(REPOSITORY, "tsconfig.json"), include: [], files: ["example.ts", modules] },
    });
    expect(output).toBe(`${printed}\n`);

    await runCommand(process.execPath, [join(REPOSITORY, "publish/pack.ts"), otherFolder], { cwd: REPOSITORY });
    const installed = join(otherFolder, "node_modules/cairndb");
    await mkdir(installed, { recursive: true });
    const [tarball = ""] = (await readdir(otherFolder)).filter((name) => name.endsWith(".tgz"));
    await runCommand("tar", ["-xzf", join(otherFolder, tarball), "-C", installed, "--strip-components", "1"]);
    const compilerOptions = { module: "nodenext", strict: true, types: ["node"] };
    const packagedOutput = await runExample(otherFolder, example, {
      packages: ["@types/node", "hono", "@hono", "zod"],
      config: { compilerOptions, files: ["example.ts"] },
    });
    expect(packagedOutput).toBe(`${printed}\n`);
  } finally {
    for (const folder of [thisFolder, otherFolder]) await rm(folder, { recursive: true });
  }
});

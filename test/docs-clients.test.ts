import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveTestApi, useTestApi } from "./support/api.ts";
import { startChatApi } from "./support/chat-api.ts";
import { chromaOptions } from "./support/chroma-api.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";
import { useServer, useTestDatabase } from "./support/fixture.ts";

// Runs the examples of docs/langchain.md, docs/llamaindex.md and docs/python.md against the service. The comments after a
// line that prints are the documented output.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PACKAGES = join(ROOT, "test/vector-stores/node_modules");
const PYTHON = "/usr/bin/python3";
const run = promisify(execFile);

const chat = useServer(startChatApi);
const embedding = useServer(startEmbeddingApi);
const api = useTestApi(useTestDatabase(), () => ({
  ...chromaOptions(),
  chatModel: createChatModel({ model: "scripted", apiKey: "none", baseUrl: chat.url }),
}));
const server = useServer(() => serveTestApi(api));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-clients-"));
  await mkdir(join(folder, "handbook"));
  for (const name of ["returns", "hours"]) await writeFile(join(folder, `handbook/${name}.md`), `# ${name}\n`);
  await installPackages();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Installs the packages of others, and `cairndb` as links to this repository. */
async function installPackages(): Promise<void> {
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, "cairndb"), { recursive: true });
  await symlink(join(ROOT, "packages"), join(modules, "cairndb/packages"));
  const exports = { "./client": "./packages/client/client.ts", "./langchain": "./packages/client/langchain.ts" };
  await writeFile(join(modules, "cairndb/package.json"), JSON.stringify({ name: "cairndb", type: "module", exports }));
  for (const name of ["@langchain", "@llamaindex", "llamaindex"])
    if (existsSync(join(PACKAGES, name))) await symlink(join(PACKAGES, name), join(modules, name));
}

/** The blocks of a page in a language. */
async function blocksOf(page: string, language: string): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, "docs", page), "utf8");
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(([, block = ""]) => block);
}

/** The output that a block documents: the comments that follow a line that prints. */
function documentedOutput(block: string, comment: string): string {
  const lines = block.split("\n").filter((line) => line.startsWith(comment));
  return lines.map((line) => `${line.slice(comment.length)}\n`).join("");
}

async function runBlock(command: string, file: string, block: string): Promise<string> {
  const { key } = await api.addTenant();
  await writeFile(join(folder, file), block);
  const variables = { CAIRN_URL: server.url, CAIRN_KEY: key, OPENAI_API_KEY: "none", OPENAI_BASE_URL: embedding.url };
  const env = { ...process.env, ...variables, NODE_NO_WARNINGS: "1" };
  return (await run(command, [file], { cwd: folder, env })).stdout;
}

test.skipIf(!existsSync(PACKAGES)).each([
  ["langchain.md", 2],
  ["llamaindex.md", 1],
])("the JavaScript of docs/%s prints the documented output", async (page, count) => {
  const blocks = await blocksOf(page, "js");
  expect(blocks).toHaveLength(count);
  for (const block of blocks) {
    const documented = documentedOutput(block, "// ");
    expect(documented).not.toBe("");
    expect(await runBlock(process.execPath, "example.mjs", block), block).toBe(documented);
  }
});

/** Whether Python has a module. */
function hasModule(name: string): boolean {
  try {
    execFileSync(PYTHON, ["-c", `import ${name}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const hasPython = existsSync(PYTHON);

test.skipIf(!hasPython).each(["langchain.md", "llamaindex.md", "python.md"])(
  "the Python of docs/%s is valid, and prints the documented output if its packages are installed",
  async (page) => {
    const blocks = await blocksOf(page, "python");
    expect(blocks.length).toBeGreaterThan(0);
    const parts = page === "python.md" ? [blocks.slice(0, 1), blocks.slice(1)] : [blocks];
    for (const part of parts) {
      const script = part.join("\n");
      await run(PYTHON, ["-c", "import ast, sys; ast.parse(sys.argv[1])", script]);
      const modules = [...script.matchAll(/^(?:from|import) (\w+)/gm)].map(([, name = ""]) => name);
      if (!modules.every(hasModule)) continue;
      expect(await runBlock(PYTHON, "example.py", script), script).toBe(documentedOutput(script, "# "));
    }
  },
);

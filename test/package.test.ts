import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Registry, startRegistry } from "./support/registry.ts";

// What a user gets from npm: the package is built, published to a registry on loopback, installed in an empty folder and used.

const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** The command of the registry, verdaccio. It is not a dependency of the project; `.ci/run` installs it. */
const verdaccio = process.env.CAIRN_TEST_VERDACCIO;
const TIMEOUT_MS = 600_000;
const run = promisify(execFile);

describe.skipIf(!verdaccio)("the published package", () => {
  let packed: string;
  let registry: Registry;
  beforeAll(async () => {
    packed = await mkdtemp(join(tmpdir(), "cairn-packed-"));
    await run(process.execPath, [join(ROOT, "publish/pack.ts"), packed], { cwd: ROOT });
    registry = await startRegistry(verdaccio as string);
    await registry.publish(join(packed, await tarballName()));
  }, TIMEOUT_MS);
  afterAll(async () => {
    await registry.stop();
    await rm(packed, { recursive: true, force: true });
  });

  async function tarballName(): Promise<string> {
    const [name = "", ...others] = await readdir(packed);
    expect(others).toEqual([]);
    return name;
  }

  test("is small, and has neither tests nor links to the repository", async () => {
    const tarball = join(packed, await tarballName());
    expect((await stat(tarball)).size).toBeLessThan(2_300_000);
    const { stdout } = await run("tar", ["-tvzf", tarball]);
    expect(stdout).not.toMatch(/\.test\.|\.ts$(?<!\.d\.ts)|^l/m);
    const bytes = stdout.split("\n").reduce((sum, line) => sum + Number(line.split(/\s+/)[2] ?? 0), 0);
    expect(bytes).toBeLessThan(4_800_000);
  });

  describe.each(["24", "22"])("with Node %s, in an empty folder", (node) => {
    let folder: string;
    let env: NodeJS.ProcessEnv;
    beforeAll(async () => {
      folder = await realpath(await mkdtemp(join(tmpdir(), "cairn-installed-")));
      const { devDependencies, overrides } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
      const { chromadb, typescript } = devDependencies;
      await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", overrides }));
      const others = [`chromadb@${chromadb}`, `typescript@${typescript}`, "@types/node", "@langchain/core", "ai"];
      await npm("install", "cairndb", `node@${node}`, ...others, "--registry", registry.url);
      // The package's own Node comes first, as for a user who has it installed.
      const { DATABASE_URL, OPENAI_API_KEY, CAIRN_EMBEDDING_MODEL, TEST_DATABASE_URL, ...rest } = process.env;
      env = { ...rest, PATH: `${join(folder, "node_modules/.bin")}:${process.env.PATH}` };
    }, TIMEOUT_MS);
    afterAll(() => rm(folder, { recursive: true, force: true }));

    async function npm(...args: readonly string[]): Promise<void> {
      await run("npm", [...args, "--no-audit", "--no-fund", "--loglevel", "error"], { cwd: folder });
    }

    async function cairn(...args: readonly string[]): Promise<string> {
      return (await run("npx", ["--no", "cairndb", ...args], { cwd: folder, env })).stdout.trim();
    }

    test("the demo runs", { timeout: TIMEOUT_MS }, async () => {
      const output = await cairn("demo");
      expect(output).toContain("$ npx cairndb query");
      expect(output.match(/^1\. (returns-policy|kc-001|help\/billing\/refund-steps|1001) /gm)).toHaveLength(4);
      expect(output).toContain("The answers are the same.");
    });

    test("an application uses the client and the library, and an assistant the tools", {
      timeout: TIMEOUT_MS,
    }, async () => {
      expect(await run(join(folder, "node_modules/.bin/node"), ["--version"])).toMatchObject({
        stdout: expect.stringContaining(`v${node}.`),
      });
      await cairn("tenants", "create", "acme");
      const text = join(folder, "returns.txt");
      await writeFile(text, "You may send back anything within 60 days. Refunds go to the card you paid with.");
      await cairn("ingest", "--tenant", "acme", text);
      const key = await cairn("keys", "create", "--tenant", "acme");
      expect(await askAssistant()).toContain("Refunds go to the card");
      const service = await serve();
      try {
        expect(await runApplication(service.url, key)).toEqual({
          first: text,
          found: "refunds",
          foundByTable: "hours",
          vector: "AAAAAA==",
          tool: "object",
          retriever: 1,
          wrong: "object",
          from: expect.toSatisfy((urls: readonly string[]) =>
            urls.every((url) => url.startsWith(pathToFileURL(join(folder, "node_modules/cairndb/")).href)),
          ),
        });
      } finally {
        await service.stop();
      }
    });

    test("a browser's bundle of the client is small and needs nothing of Node", async () => {
      const { outputFiles } = await build({
        stdin: { contents: 'export { createClient, read } from "cairndb/client";', resolveDir: folder },
        bundle: true,
        minify: true,
        format: "esm",
        platform: "browser",
        write: false,
      });
      expect(outputFiles[0]?.contents.length).toBeLessThan(30_000);
    });

    /** Starts the server of docs/chat.md, as written there, and searches with a client. */
    async function askAssistant(): Promise<string> {
      const page = await readFile(join(ROOT, "docs/chat.md"), "utf8");
      const [, json = ""] = /```json\n(\{"mcpServers": \{"knowledge": \{"command".*)\n```/.exec(page) ?? [];
      const { command, args } = JSON.parse(json).mcpServers.knowledge;
      const client = new Client({ name: "test", version: "1" });
      await client.connect(
        new StdioClientTransport({ command, args, cwd: folder, env: env as Record<string, string>, stderr: "ignore" }),
      );
      try {
        return JSON.stringify(await client.callTool({ name: "search", arguments: { query: "money back" } }));
      } finally {
        await client.close();
      }
    }

    async function serve() {
      const child = spawn("npx", ["--no", "cairndb", "serve", "--port", "0"], {
        cwd: folder,
        env,
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      let output = "";
      for await (const chunk of child.stderr.setEncoding("utf8")) {
        output += chunk;
        if (/reference at/.test(output)) break;
      }
      return {
        url: /at (http:\S+),/.exec(output)?.[1] ?? "",
        async stop() {
          const exited = once(child, "exit");
          process.kill(-(child.pid as number), "SIGTERM");
          await exited;
        },
      };
    }

    async function runApplication(url: string, key: string): Promise<unknown> {
      await copyFile(join(ROOT, "test/support/package-application.ts"), join(folder, "application.ts"));
      const options = { strict: true, module: "nodenext", target: "es2023", types: ["node"], skipLibCheck: true };
      await writeFile(
        join(folder, "tsconfig.json"),
        JSON.stringify({ compilerOptions: options, files: ["application.ts"] }),
      );
      await run("npx", ["--no", "tsc"], { cwd: folder, env }).catch(({ stdout }) => {
        throw new Error(`The application does not compile:\n${stdout}`);
      });
      const { stdout } = await run("node", ["application.js", url, key], { cwd: folder, env });
      return JSON.parse(stdout);
    }
  });
});

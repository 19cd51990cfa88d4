import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BROWSER, startBrowser } from "./support/browser.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

let tree: string;

/** A copy of the product without packages/chroma, its commands and the lines that mount them. */
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), "cairn-without-chroma-"));
  const removed = /node_modules|^packages\/chroma(\/|$)|^packages\/cli\/chroma(\/|$)|\.test\.ts$/;
  for (const folder of ["packages", "migrations"])
    await cp(join(ROOT, folder), join(tree, folder), {
      recursive: true,
      filter: (path) => !removed.test(relative(ROOT, path)),
    });
  for (const file of ["package.json", "publish/package.json"]) await cp(join(ROOT, file), join(tree, file));
  const modules = join(tree, "node_modules");
  await mkdir(join(modules, "@cairn"), { recursive: true });
  for (const name of await readdir(join(ROOT, "node_modules")))
    if (name !== "@cairn" && !name.startsWith("."))
      await symlink(join(ROOT, "node_modules", name), join(modules, name));
  for (const name of await readdir(join(tree, "packages")))
    await symlink(join(tree, "packages", name), join(modules, "@cairn", name));
  const mounts = join(tree, "packages/cli/extensions.ts");
  const lines = (await readFile(mounts, "utf8")).replace(/^import .*chroma.*\n/m, "").replace("[chroma]", "[]");
  await writeFile(mounts, lines);
});
afterAll(() => rm(tree, { recursive: true, force: true }));

const run = (args: readonly string[]) =>
  promisify(execFile)(process.execPath, [join(tree, "packages/cli/bin/cairn.mjs"), ...args], {
    cwd: tree,
    env: { PATH: process.env.PATH, HOME: tree },
  });

test("without Chroma's packages a tenant's documents are ingested and queried", async () => {
  await run(["tenants", "create", "acme"]);
  await writeFile(join(tree, "handbook.md"), "You may return a kettle within 30 days.");
  await run(["ingest", "--tenant", "acme", "handbook.md"]);
  const { stdout } = await run(["query", "--tenant", "acme", "return a kettle", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ hits: [{ id: "handbook.md" }] });
});

interface Service {
  readonly url: string;
  stop(): Promise<unknown>;
}

async function startService(): Promise<Service> {
  const service = spawn(process.execPath, [join(tree, "packages/cli/bin/cairn.mjs"), "serve", "--port", "0"], {
    cwd: tree,
    env: { PATH: process.env.PATH, HOME: tree },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    service.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const [, address] = /at (http:\S+),/.exec(output) ?? [];
      if (address) resolve(address);
    });
    service.once("close", () => reject(new Error(output)));
  });
  const closed = new Promise((resolve) => service.once("close", resolve));
  return {
    url,
    stop() {
      service.kill("SIGTERM");
      return closed;
    },
  };
}

test("and the service answers", async () => {
  const service = await startService();
  expect((await fetch(`${service.url}/ready`)).status).toBe(200);
  const { paths } = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(paths)).toContain("/v1/query");
  expect(Object.keys(paths)).not.toContain("/v1/migrations");
  await service.stop();
});

test.skipIf(!BROWSER)("and the console has no views of a migration, and goes on to the first view", async () => {
  const { stdout: key } = await run(["keys", "create", "--operator"]);
  const [service, browser] = await Promise.all([startService(), startBrowser()]);
  const page = await browser.open(`${service.url}/console#/cutover`);
  await page.getByLabel("API key").fill(key.trim());
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/#\/overview/);
  await page.getByRole("link", { name: "Operations" }).waitFor();
  expect(await page.getByRole("link", { name: /Migration|Cut-over/ }).count()).toBe(0);
  expect(await page.getByRole("alert").count()).toBe(0);
  expect(browser.errors).toEqual([]);
  await Promise.all([browser.stop(), service.stop()]);
});

test("and its commands are unknown", async () => {
  await expect(run(["migrate", "--chroma", "http://127.0.0.1:1"])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("unknown command 'migrate'"),
  });
});

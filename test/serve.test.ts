import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CairnCli, createCairnCli } from "./support/cairn-cli.ts";
import { serverUrl } from "./support/database.ts";

// The service as a person starts it: nothing configured, then what it prints.

const CAIRN = fileURLToPath(new URL("../packages/cli/bin/cairn.mjs", import.meta.url));

let cli: CairnCli;
let service: ChildProcess;
let said = "";
let url = "";
let key = "";
beforeAll(async () => {
  cli = await createCairnCli();
  if (serverUrl()) await cli.run(["db", "migrate"]);
  const env = { ...process.env, OPENAI_API_KEY: "", DATABASE_URL: cli.databaseUrl ?? "" };
  service = spawn(process.execPath, [CAIRN, "serve", "--port", "0"], {
    cwd: cli.folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  service.stdout?.resume();
  service.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  for (let tries = 0; tries < 300 && !/reference at/.test(said); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  url = /at (http:\S+),/.exec(said)?.[1] ?? "";
  key = /^ {2}(cairn_\S+)$/m.exec(said)?.[1] ?? "";
});
afterAll(async () => {
  service?.kill("SIGKILL");
  await cli?.remove();
});

test.runIf(!serverUrl())(
  "the first start makes a tenant and a key, and the three requests it shows work as they stand",
  async () => {
    const commands = said.match(/^curl .*$/gm) ?? [];
    expect(commands).toHaveLength(3);
    const answers = [];
    for (const command of commands)
      answers.push(JSON.parse((await promisify(execFile)("sh", ["-c", command])).stdout));
    expect(answers[0]).toMatchObject({ ids: ["returns"] });
    expect(answers[1].hits[0]).toMatchObject({ id: "returns" });
    expect(answers[2]).toMatchObject({ code: "chat_not_configured" });
    expect(said).toContain("CAIRN_CHAT_MODEL");
  },
);

test.runIf(!serverUrl())("the command line asks a service with --url as it asks a database", async () => {
  const remote = ["--url", url, "--key", key];
  const ingested = await cli.run([...remote, "ingest", "--id", "hours"], {
    input: "We are open from nine to five.",
  });
  expect(ingested).toMatchObject({ code: 0, out: expect.stringContaining("1 documents") });
  const found = await cli.run([...remote, "query", "open from nine"]);
  expect(found.out).toMatch(/^1\. hours {2}distance/);
  const { hits } = JSON.parse((await cli.run([...remote, "query", "open from nine", "--json"])).out);
  expect(hits[0].id).toBe("hours");
  expect(await cli.run([...remote, "query", "x", "--filter", '{"a": {"$near": 1}}'])).toMatchObject({
    code: 2,
    err: expect.stringContaining("$near"),
  });
  expect(await cli.run(["--url", url, "--key", "cairn_x", "query", "x"])).toMatchObject({ code: 2 });
  expect(await cli.run(["--url", "http://127.0.0.1:9", "--key", "x", "query", "x"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("--url"),
  });
  expect(await cli.run([...remote, "stats"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("--url"),
  });
});

test("the reference needs nothing from anywhere else", async () => {
  const page = await fetch(`${url}/docs`);
  const text = await page.text();
  expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
  expect(page.headers.get("Content-Security-Policy")).toContain("default-src 'self'");
  for (const [, path] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const asset = await fetch(url + path);
    expect(asset.status, path).toBe(200);
    expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(50);
  }
  expect((await fetch(`${url}/docs/..%2f..%2fpackage.json`)).status).toBe(404);
  expect(((await (await fetch(`${url}/openapi.json`)).json()) as { openapi: string }).openapi).toBe("3.1.0");
});

test("it is healthy, ready and measured, and ends when it is asked to", async () => {
  for (const path of ["/health", "/ready", "/metrics"])
    expect((await fetch(url + path)).status, path).toBe(200);
  service.kill("SIGTERM");
  const [code] = await once(service, "exit");
  expect(code).toBe(0);
});

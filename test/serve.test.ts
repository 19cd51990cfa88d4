import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { type RunningService, startServe } from "./support/cairn-serve.ts";
import { serverUrl } from "./support/database.ts";

// `cairn serve` without any configuration, and what it prints.

const cli = useCairnCli();
let service: RunningService;
let url = "";
let key = "";
beforeAll(async () => {
  if (serverUrl()) await cli.run(["db", "migrate"]);
  service = await startServe(cli);
  url = service.url;
  if (!serverUrl()) key = await vi.waitUntil(() => findKey(service.output()));
});
afterAll(() => service?.stop());

function findKey(output: string): string | undefined {
  return /^ {2}(cairn_\S+)$/m.exec(output)?.[1];
}

test.runIf(!serverUrl())(
  "the first start creates a tenant and a key, and the three requests it prints work",
  async () => {
    const output = service.output();
    const commands = output.match(/^curl .*$/gm) ?? [];
    expect(commands).toHaveLength(3);
    const responses = [];
    for (const command of commands)
      responses.push(JSON.parse((await promisify(execFile)("sh", ["-c", command])).stdout));
    expect(responses[0]).toMatchObject({ ids: ["returns"] });
    expect(responses[1].hits[0]).toMatchObject({ id: "returns" });
    expect(responses[2]).toMatchObject({ code: "chat_not_configured" });
    expect(output).toContain("CAIRN_CHAT_MODEL");
  },
);

test.runIf(!serverUrl())("query and ingest work on a service with --url as on a database", async () => {
  const remote = ["--url", url, "--key", key];
  const ingested = await cli.run([...remote, "ingest", "--id", "hours"], {
    input: "We are open from nine to five.",
  });
  expect(ingested).toMatchObject({ code: 0, out: expect.stringContaining("1 document in 1 passage") });
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

test("the API reference loads nothing from other hosts", async () => {
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

test("/health, /ready and /metrics respond, and the service exits with 0 on SIGTERM", async () => {
  for (const path of ["/health", "/ready", "/metrics"]) expect((await fetch(url + path)).status, path).toBe(200);
  expect(await service.stop()).toBe(0);
});

test.runIf(!serverUrl())("a second start creates nothing, and the key of the first start still works", async () => {
  service = await startServe(cli);
  const response = await fetch(`${service.url}/v1/documents/returns`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(response.status).toBe(200);
  await service.stop();
  expect(service.output()).not.toMatch(/cairn_|curl/);
  expect(await cli.json("tenants", "list")).toHaveLength(1);
});

test.runIf(serverUrl())("the first start on a database server creates no tenant and no key", async () => {
  expect(findKey(service.output())).toBeUndefined();
  expect(await cli.json("tenants", "list")).toHaveLength(0);
});

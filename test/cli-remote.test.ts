import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestApi, type TestApi, useTestApi } from "./support/api.ts";
import { useCairnCli } from "./support/cairn-cli.ts";
import { useTestDatabase } from "./support/fixture.ts";

// `cairn --url … ingest`: the requests that are sent to a service.

const cli = useCairnCli();
const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
let key: string;
let remote: readonly string[];
let lowLimit: readonly string[];
const servers: ReturnType<typeof serve>[] = [];
let bodySizes: number[] = [];

async function listen(service: TestApi): Promise<readonly string[]> {
  const server = serve({
    fetch: (request, bindings) => {
      if (request.method === "POST") bodySizes.push(Number(request.headers.get("Content-Length")));
      return service.app.fetch(request, bindings);
    },
    hostname: "127.0.0.1",
    port: 0,
  });
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  return ["--url", `http://127.0.0.1:${(server.address() as { port: number }).port}`, "--key", key];
}

beforeAll(async () => {
  key = (await api.addTenant()).key;
  remote = await listen(api);
  lowLimit = await listen(await createTestApi(testDatabase.database, { maxBody: 200_000 }));
});
afterAll(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  bodySizes = [];
});

/** Writes JSON Lines of `count` documents, each of about `bytes` bytes, and returns their ids. */
async function writeLines(name: string, { count, bytes = 0 }: { count: number; bytes?: number }) {
  const lines = Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      id: `${name}-${n}`,
      content: `Kettle ${n}.`,
      metadata: { note: "é".repeat(bytes / 2) },
    }),
  );
  await writeFile(join(cli.folder, name), lines.join("\n"));
  return Array.from({ length: count }, (_, n) => `${name}-${n}`);
}

test("100 documents of 60 kB are sent in two requests below the body limit of a service", async () => {
  const ids = await writeLines("large.jsonl", { count: 100, bytes: 60_000 });
  const result = await cli.json(...remote, "ingest", "large.jsonl");
  expect(result).toEqual({ ids, passages: 100, failed: [] });
  expect(bodySizes).toHaveLength(2);
  expect(Math.max(...bodySizes)).toBeLessThan(4_010_000);
  expect(Math.max(...bodySizes)).toBeGreaterThan(3_900_000);
});

test("small documents are sent in batches of 100, in their order", async () => {
  const ids = await writeLines("small.jsonl", { count: 250 });
  expect(await cli.json(...remote, "ingest", "small.jsonl")).toEqual({ ids, passages: 250, failed: [] });
  expect(bodySizes).toHaveLength(3);
});

test("a service with a lower body limit gets smaller requests and ingests all documents", async () => {
  const ids = await writeLines("narrow.jsonl", { count: 9, bytes: 60_000 });
  expect(await cli.json(...lowLimit, "ingest", "narrow.jsonl")).toEqual({ ids, passages: 9, failed: [] });
  expect(bodySizes.length).toBeGreaterThan(3);
});

test("a document that is too large is reported with its size and what to do, and the others are ingested", async () => {
  await writeFile(join(cli.folder, "huge.txt"), "kettle ".repeat(750_000));
  await writeLines("small-too.jsonl", { count: 2 });
  expect(await cli.run([...remote, "ingest", "huge.txt", "small-too.jsonl"])).toMatchObject({
    code: 3,
    out: expect.stringContaining("Ingested 2 documents in 2 passages into collection knowledge"),
    err: expect.stringMatching(
      /not ingested: huge\.txt: It has 52\d{5} bytes of JSON, more .* Split it.*CAIRN_MAX_BODY/,
    ),
  });
});

test("integers beyond 2^53 arrive unchanged and match filters exactly", async () => {
  const line = '{"id": "big", "content": "Kettle.", "metadata": {"n": 9007199254740993, "of": [1.5, "é"]}}';
  expect(await cli.run([...remote, "ingest", "--format", "jsonl"], { input: line })).toMatchObject({
    code: 0,
  });
  const stored = await api.call("GET", "/v1/documents/big", { key });
  expect(stored.text).toContain('"n":9007199254740993,"of":[1.5,"é"]');
  const countMatches = async (n: string) =>
    (await cli.json(...remote, "query", "kettle", "--filter", `{"n": ${n}}`)).hits.length;
  expect(await countMatches("9007199254740993")).toBe(1);
  expect(await countMatches("9007199254740992")).toBe(0);
});

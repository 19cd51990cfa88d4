import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";
import { useServer } from "./support/fixture.ts";

// Search and index maintenance from the command line. The tests depend on their order.

const THINGS = ["kettle", "lamp", "chair", "drill", "tent", "violin"];
const PLACES = ["Kiel", "Lyon", "Porto", "Gdansk", "Turku", "Cork", "Malmo"];

const api = useServer(startEmbeddingApi);
const cli = useCairnCli();
beforeAll(async () => {
  const passages = Array.from({ length: 60 }, (_, n) =>
    JSON.stringify({
      id: `doc-${n}`,
      content: `The ${THINGS[n % 6]} from ${PLACES[n % 7]} is on shelf ${n}.`,
      metadata: { shelf: n },
    }),
  );
  await writeFile(join(cli.folder, "shelves.jsonl"), passages.join("\n"));
  expect((await cli.run(["db", "migrate"])).code).toBe(0);
  await cli.run(["tenants", "create", "acme"]);
});

const hits = async (...args: string[]) => (await cli.json("query", "violin in Cork", ...args)).hits;

test("a collection below its threshold is searched exactly and gets no index", async () => {
  await cli.run(["collections", "create"]);
  expect((await cli.run(["ingest", "shelves.jsonl"])).code).toBe(0);
  const { out } = await cli.run(["explain", "violin", "--sql"]);
  expect(out).toMatch(/^Vector search: exact, compares all 60 rows\. The collection gets an index from 1000 rows/);
  expect(out).toContain("FROM cairn.documents");
  expect(out).not.toContain("Index Scan using vectors_");
  expect(await cli.run(["reindex"])).toMatchObject({
    code: 0,
    out: expect.stringContaining("All indexes are up to date"),
  });
});

test("the example of --filter is valid, and null is refused", async () => {
  const { out } = await cli.run(["delete", "--help"]);
  const [, example] = /--filter <json>.*?'(\{[^']*\})'/.exec(out.replace(/\s+/g, " ")) ?? [];
  expect((await cli.run(["query", "violin", "--filter", example as string])).code).toBe(0);
  expect(await cli.run(["delete", "doc-1", "--filter", "null"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("--filter must be a JSON object"),
  });
  expect((await cli.run(["query", "violin", "--where-document", "null"])).code).toBe(2);
});

test("set-index makes an index build pending, stats show it, and reindex builds the index", async () => {
  const before = await hits();
  expect(await cli.run(["collections", "set-index", "knowledge", '{"threshhold": 20}'])).toMatchObject({
    code: 2,
    err: expect.stringContaining("threshold"),
  });
  expect((await cli.run(["collections", "set-index", "knowledge", '{"threshold": 20, "efSearch": 180}'])).code).toBe(0);
  expect((await cli.run(["stats"])).out).toMatch(/acme\/knowledge: cairn reindex is pending, to build/);
  expect((await cli.run(["explain", "violin"])).out).toMatch(
    /exact, compares all 60 rows.*cairn reindex builds an index/,
  );

  expect((await cli.run(["reindex"])).out).toMatch(/knowledge: indexing 60 rows/);
  const [stats] = (await cli.json("stats")).collections;
  expect(stats).toMatchObject({ tail: 0, due: { action: "none" } });
  expect(stats.indexes).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: "vector", state: "valid", rows: 60 }),
      expect.objectContaining({ kind: "keyword", state: "valid", rows: 60 }),
    ]),
  );
  const { words, steps } = await cli.json("explain", "violin", "--analyze");
  expect(words[0]).toMatch(/uses 1 index \(hnsw, bit, ef_search 180\) over 60 rows/);
  expect(steps[0].plan.join("\n")).toMatch(/Index Scan using \w+.*actual time/);
  expect(steps[0].settings).toContain("SET LOCAL hnsw.ef_search = '180'");
  expect((await hits()).map(({ id }: { id: string }) => id)).toEqual(before.map(({ id }: { id: string }) => id));
});

test("query supports vector, keyword and hybrid search, and returns both ranks", async () => {
  const [first] = await hits("--mode", "hybrid", "--top-k", "3");
  expect(first).toMatchObject({
    content: expect.stringContaining("violin from Cork"),
    vectorRank: expect.any(Number),
    keywordRank: expect.any(Number),
  });
  const keywordHits = await hits("--mode", "keyword", "--filter", '{"shelf": {"$lt": 20}}');
  expect(keywordHits.length).toBeGreaterThan(0);
  for (const { content } of keywordHits) expect(content).toMatch(/violin|Cork/);
  expect(await hits("--max-distance", "0.0001")).toEqual([]);
});

test("explain prints a summary, plans with --analyze, and SQL only with --sql", async () => {
  const out = async (...flags: string[]) => (await cli.run(["explain", "violin", ...flags])).out;
  const summary = await out();
  expect(summary).toMatch(/^Vector search: /);
  expect(summary.trim().split("\n")).toHaveLength(1);
  expect(await out("--analyze")).toMatch(/actual time/);
  expect(await out("--analyze")).not.toMatch(/SELECT/);
  expect(await out("--sql")).toMatch(/SET LOCAL .*SELECT .*cost=/s);
});

test("the SQL of explain contains neither the text nor the vector", async () => {
  const { steps } = await cli.json("explain", "violin", "--mode", "hybrid");
  expect(steps).toHaveLength(2);
  for (const { sql } of steps) expect(sql).not.toMatch(/violin|0\.\d{4}/);
});

test("reindex --model embeds a collection again under its name, and --restore goes back", async () => {
  const key = { env: { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: api.url } };
  const changed = await cli.run(["reindex", "--model", "openai/text-embedding-3-small"], key);
  expect(changed).toMatchObject({ code: 0, out: expect.stringContaining("60 passages") });
  expect(api.billed).toHaveLength(60);
  const [current, previous] = await cli.json("collections", "list");
  expect([current.name, current.embeddingModel]).toEqual(["knowledge", "openai/text-embedding-3-small"]);
  expect(previous.embeddingModel).toBe("offline/words");
  expect(changed.out).toContain(previous.name);

  expect((await cli.run(["reindex", "--restore"], key)).code).toBe(0);
  const restored = await cli.json("collections", "list");
  expect(restored.find(({ name }: { name: string }) => name === "knowledge").embeddingModel).toBe("offline/words");
  expect(await cli.run(["reindex", "--restore", "--model", "offline/words"])).toMatchObject({ code: 2 });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { ChromaClient } from "chromadb";
import { beforeAll, expect, inject, test } from "vitest";
import { CAIRN, databaseEnvironment, useCairnCli } from "./support/cairn-cli.ts";
import {
  type ChromaCollectionHandle,
  createChromaCollection,
  plainRecords,
  putRecords,
} from "./support/fill-chroma.ts";
import { useServer } from "./support/fixture.ts";
import { createChromaDatabase, deleteChromaCollection, readChroma } from "./support/migration.ts";
import { startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const fixture = useServer(async () => {
  const proxy = await startHttpProxy(chroma);
  return { proxy, stop: () => proxy.stop() };
});
const cli = useCairnCli();
let database: string;
let docs: ChromaCollectionHandle;
let faq: ChromaCollectionHandle;

const back = (...args: string[]) => ["migrate", "--back", "--tenant", "acme", "--chroma", fixture.proxy.url, ...args];

/** The collections of the tenant as Chroma's own client sees them. */
async function readThroughClient(name: string) {
  const { hostname, port } = new URL(chroma);
  const client = new ChromaClient({ host: hostname, port: Number(port), database });
  const collection = await client.getCollection({ name });
  const { ids, documents, metadatas, embeddings } = await collection.get({
    include: ["documents", "metadatas", "embeddings"],
  });
  const records = ids.map((id, index) => ({
    id,
    document: documents[index],
    metadata: metadatas[index],
    embedding: embeddings[index],
  }));
  return { metadata: collection.metadata, records: new Map(records.map((record) => [record.id, record])) };
}

beforeAll(async () => {
  database = await createChromaDatabase(chroma);
  docs = await createChromaCollection(chroma, "tenant_acme_docs", { database, space: "l2", metadata: { a: 1 } });
  faq = await createChromaCollection(chroma, "tenant_acme_faq", { database, space: "cosine" });
  await putRecords(docs, plainRecords(700, 4));
  await putRecords(faq, plainRecords(30, 3, "faq-"));
  await putRecords(faq, [{ id: "zero", embedding: [0, 0, 0], document: "no direction" }]);
  const migrated = await cli.run([
    "migrate",
    "--chroma",
    chroma,
    "--chroma-database",
    database,
    "--queries",
    "0",
    "--json",
  ]);
  expect(JSON.parse(migrated.out)).toMatchObject({ verdict: "identical_with_exceptions", totals: { written: 731 } });
});

/** Adds five documents in Cairn, edits one and deletes one. */
async function changeInCairn() {
  const added = Array.from({ length: 5 }, (_, index) => ({
    id: `new-${index}`,
    content: `New ${index}`,
    embedding: [index, 1, 0, 0.5],
    metadata: { added: true },
  }));
  const edited = { id: "doc-7", content: "Edited", embedding: [1, 2, 3, 4], metadata: { index: 8 } };
  await ingest([...added, edited]);
  const deleted = await cli.run(["delete", "doc-1", "--tenant", "acme", "--collection", "docs"]);
  expect(deleted.code, deleted.err).toBe(0);
}

async function ingest(documents: readonly object[]) {
  const input = documents.map((document) => `${JSON.stringify(document)}\n`).join("");
  const { code, err } = await cli.run(
    ["ingest", "-", "--format", "jsonl", "--tenant", "acme", "--collection", "docs"],
    { input },
  );
  expect(code, err).toBe(0);
}

test("a Chroma that has what Cairn has is left as it is, also its zero vectors", async () => {
  const before = fixture.proxy.seen.length;
  const report = await cli.json(...back());
  expect(report).toMatchObject({
    kind: "migrate_back",
    verdict: "identical",
    totals: { collections: 2, documents: 731, records: 731, equal: 731, written: 0, deleted: 0, extra: 0, leftOut: 0 },
  });
  const writes = fixture.proxy.seen.slice(before).filter(({ path }) => /\/(add|upsert|update|delete)$/.test(path));
  expect(writes).toEqual([]);
});

test("what was changed in Cairn arrives in Chroma, as its own client sees it", async () => {
  await changeInCairn();
  const { out, code } = await cli.run(back());
  expect(out).toContain("Not identical: 735 of 735 documents in 2 collections equal in Chroma, which has 736 records.");
  expect(out).toContain("6 records written, 0 deleted.");
  expect(out).toContain("to delete the 1 record that only Chroma has, use --prune");
  expect(code).toBe(4);
  const pruned = await cli.json(...back("--prune"));
  expect(pruned).toMatchObject({ verdict: "identical", totals: { written: 0, deleted: 1, extra: 0, records: 735 } });
  const { metadata, records } = await readThroughClient(docs.name);
  expect(metadata).toEqual({ a: 1 });
  expect(records.size).toBe(704);
  expect(records.has("doc-1")).toBe(false);
  expect(records.get("doc-7")).toEqual({
    id: "doc-7",
    document: "Edited",
    metadata: { index: 8 },
    embedding: [1, 2, 3, 4],
  });
  expect(records.get("new-3")).toEqual({
    id: "new-3",
    document: "New 3",
    metadata: { added: true },
    embedding: [3, 1, 0, 0.5],
  });
});

test("documents that Chroma cannot hold are listed before anything is written, and left out on request", async () => {
  const long = "A sentence of eight words that fills space. ".repeat(2_000);
  const passages = [long.slice(0, 40_000), long.slice(40_000)];
  await ingest([
    {
      id: "two passages",
      content: long,
      passages: passages.map((content, index) => ({ content, embedding: [index, 0, 0, 1] })),
    },
    { id: "nested", content: "x", embedding: [1, 0, 0, 0], metadata: { a: { b: 1 } } },
    { id: "fine", content: "fine", embedding: [0, 1, 0, 0] },
  ]);
  const before = fixture.proxy.seen.length;
  const refused = await cli.run(back());
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("Chroma cannot hold 2 documents") });
  expect(refused.err).toMatch(/"two passages" {2}The document has several passages/);
  expect(refused.err).toContain("--skip-documents");
  expect(fixture.proxy.seen.slice(before).filter(({ path }) => /\/(upsert|update|delete)$/.test(path))).toEqual([]);
  const written = await cli.run(back("--skip-documents", "--json"));
  expect(JSON.parse(written.out)).toMatchObject({
    verdict: "identical_with_exceptions",
    totals: { written: 1, leftOut: 2, documents: 738, equal: 736 },
    leftOut: [
      { collection: "docs", id: "two passages", reason: "passages" },
      { collection: "docs", id: "nested", reason: "refused" },
    ],
  });
  expect(written.code).toBe(3);
});

test("a run that is killed in the middle is continued by the next, in a collection that is created again", async () => {
  await cli.run(["delete", "two passages", "nested", "--tenant", "acme", "--collection", "docs"]);
  const original = await readChroma(docs);
  await deleteChromaCollection(chroma, database, docs);
  const child = spawn(process.execPath, [CAIRN, ...back()], {
    cwd: cli.folder,
    env: { ...process.env, ...databaseEnvironment(cli.databaseUrl) },
  });
  let upserts = 0;
  fixture.proxy.rules = [
    ({ path }) => {
      if (path.endsWith("/upsert") && ++upserts === 2) child.kill("SIGKILL");
      return undefined;
    },
  ];
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
  fixture.proxy.rules = [];
  const partial = await readThroughClient(docs.name);
  expect(partial.records.size).toBeGreaterThan(0);
  expect(partial.records.size).toBeLessThan(705);
  const report = await cli.json(...back());
  expect(report).toMatchObject({
    verdict: "identical",
    totals: { documents: 736, equal: 736, records: 736, leftOut: 0 },
  });
  expect(report.totals.written).toBeLessThanOrEqual(705 - partial.records.size);
  const [, rewritten] = report.collections.sort((a: { collection: string }, b: { collection: string }) =>
    a.collection < b.collection ? 1 : -1,
  );
  const url = docs.url.replace(docs.id, rewritten.chroma.id);
  expect(await readChroma({ ...docs, url })).toEqual(original);
  const verified = await cli.json("verify", "--chroma", chroma, "--chroma-database", database, "--queries", "0");
  expect(verified).toMatchObject({ verdict: "identical_with_exceptions", totals: { compared: 736, differences: 0 } });
});

test("a collection without a recorded path goes to the name that the pattern gives it, in a database that is created", async () => {
  await cli.run([
    "collections",
    "create",
    "extra",
    "--tenant",
    "acme",
    "--model",
    "offline/words",
    "--dimensions",
    "8",
  ]);
  const name = `back_${database}`;
  const pattern = `*/${name}/kb-{tenant}-{collection}`;
  const { err, code } = await cli.run(back("--only", "extra", "--pattern", pattern));
  expect(err).toContain(`extra → default_tenant/${name}/kb-acme-extra (by the pattern, new)`);
  expect(code, err).toBe(0);
  const missing = await cli.run(back("--only", "extra", "--pattern", "{tenant}"));
  expect(missing).toMatchObject({ code: 2, err: expect.stringContaining("no path in Chroma is known") });
});

test("what cannot be done is refused with a reason, before anything is written", async () => {
  const failing = async (args: readonly string[]) => {
    const { code, err } = await cli.run(args);
    expect(code, err).not.toBe(0);
    return err;
  };
  expect(await failing(["migrate", "--back", "--chroma", chroma])).toContain("Name it with --tenant");
  expect(await failing(back("--re-embed", "always"))).toContain("--re-embed cannot be used with --back");
  expect(await failing(["migrate", "--chroma", chroma, "--skip-documents"])).toContain("only be used with --back");
  expect(await failing(back("--only", "none*"))).toContain("has no collection with a name that matches none*");
  await deleteChromaCollection(chroma, database, faq);
  await createChromaCollection(chroma, faq.name, { database, space: "ip" });
  const other = await failing(back("--only", "faq"));
  expect(other).toContain("has the metric ip and not cosine");
  expect(other).toContain("Delete the collection in Chroma first");
});

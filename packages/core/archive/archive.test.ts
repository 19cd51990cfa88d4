import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import { parseExactJson } from "../database/json.ts";
import { ingest } from "../document/ingest.ts";
import { getDocuments, listDocuments } from "../document/list.ts";
import { restoreDocuments } from "../document/restore.ts";
import { query } from "../search/query.ts";
import { ensureTenant } from "../tenant/tenant.ts";
import { exportTenant } from "./export.ts";
import { type ImportOptions, importTenant } from "./import.ts";

const own = useTestDatabase();

/** A tenant with two collections: a text of many passages, and records that are easily changed on their way. */
async function fillTenant(name: string) {
  const tenant = await ensureTenant(own.database, name);
  const texts = await createCollection(own.database, tenant.id, {
    name: "texts",
    embeddingModel: "offline/words",
    dimensions: 64,
    language: "german",
    metadata: parseExactJson('{"owner": "us", "rate": 1.0}') as never,
    chunking: { maxTokens: 40, overlap: 8 },
    indexSettings: { threshold: 500 },
  });
  const long = Array.from({ length: 60 }, (_, at) => `Sentence number ${at} is about kettles and returns.`).join(" ");
  await ingest(own.services, tenant.id, {
    collection: "texts",
    documents: [
      {
        id: "z-long",
        content: `# Kettles\n${long}`,
        format: "markdown",
        uri: "https://example.com/long",
        metadata: { topic: "a" },
      },
      { id: "a-short", content: "A kettle." },
    ],
  });
  await createCollection(own.database, tenant.id, { name: "odd", embeddingModel: null, metric: "l2", dimensions: 3 });
  const vector = (...numbers: number[]) => Float32Array.from(numbers);
  const odd = [
    { id: "\u0000 nul", metadata: parseExactJson('{"n": 9007199254740993, "d": 1.0, "e": 1e-7, "__proto__": "p"}') },
    { id: "x".repeat(4_000), metadata: { list: [1.5, 2.5], text: "ä \u0000 😀", yes: true } },
    { id: "../%2F", metadata: {} },
  ];
  await restoreDocuments(own.services, tenant.id, {
    collection: "odd",
    documents: odd.map(({ id, metadata }, at) => ({
      id,
      metadata: metadata as never,
      passages: [{ content: at === 2 ? null : `text\u0000${at}`, embedding: vector(at, 0.1, -1e-38) }],
    })),
  });
  return { tenant, texts };
}

async function exported(tenantName: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const tenant = await ensureTenant(own.database, tenantName);
  await exportTenant(own.database, tenant, { onLines: async (more) => void lines.push(...more) });
  return lines.map((line) => line.replace(/\n$/, ""));
}

async function* asStream(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const importLines = (lines: readonly string[], options: ImportOptions = {}) =>
  importTenant(own.database, asStream(lines), options);

const passagesOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('{"passage"'));

test("a tenant that was exported and imported is the same, bit for bit", async () => {
  const { tenant, texts } = await fillTenant("source");
  const lines = await exported("source");
  const { tenant: copy, collections } = await importLines(lines, { tenant: "copy" });
  expect(copy.id).not.toBe(tenant.id);
  expect(collections.map(({ expected }) => [expected.name, expected.documents])).toEqual([
    ["odd", 3],
    ["texts", 2],
  ]);
  for (const { expected, actual } of collections) expect(actual).toEqual(expected);
  expect(passagesOf(await exported("copy"))).toEqual(passagesOf(lines));
  const restored = await getCollection(own.database, copy.id, "texts");
  const { createdAt: _, updatedAt: __, tenantId: ___, ...settings } = restored;
  expect(texts).toMatchObject({ ...settings, metadata: expect.anything() });
  expect(restored.id).toBe(texts.id);
  const read = (id: string) => listDocuments(own.database, id, { collection: "odd", embeddings: true });
  const plain = (await read(copy.id)).documents.map(({ createdAt: _c, updatedAt: _u, ...document }) => document);
  expect(plain).toEqual(
    (await read(tenant.id)).documents.map(({ createdAt: _c, updatedAt: _u, ...document }) => document),
  );
  const [hit] = await query(own.services, copy.id, { collection: "texts", text: "kettles and returns", topK: 1 });
  expect(hit?.id).toBe("z-long");
  const [long] = await getDocuments(own.database, copy.id, { collection: "texts", ids: ["z-long"] });
  expect(long?.passages.length).toBeGreaterThan(10);
});

test("documents are in the order in which they were added", async () => {
  await fillTenant("ordered");
  const ids = passagesOf(await exported("ordered")).map((line) => JSON.parse(line).passage.id as string);
  expect([...new Set(ids)].slice(-2)).toEqual(["z-long", "a-short"]);
});

test("an import does not mix with documents that exist, and continues one that was interrupted", async () => {
  await fillTenant("whole");
  const lines = await exported("whole");
  const interrupted = { tenant: "part" };
  await expect(importLines(lines.slice(0, -4), interrupted)).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringMatching(/ends early, after line \d+/),
  });
  await expect(importLines(lines, interrupted)).rejects.toMatchObject({
    code: "already_exists",
    message: expect.stringContaining('"odd"'),
  });
  const { collections } = await importLines(lines, { ...interrupted, resume: true });
  for (const { expected, actual } of collections) expect(actual).toEqual(expected);
});

test("a collection of the same name with other settings is never filled", async () => {
  await fillTenant("original");
  const lines = await exported("original");
  const target = await ensureTenant(own.database, "other settings");
  await createCollection(own.database, target.id, {
    name: "odd",
    embeddingModel: "offline/words",
    metric: "l2",
    dimensions: 3,
  });
  for (const resume of [false, true])
    await expect(importLines(lines, { tenant: "other settings", resume })).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringContaining("one of that name"),
    });
});

test("documents that the archive does not have are a difference", async () => {
  await fillTenant("first");
  const lines = await exported("first");
  const { tenant } = await importLines(lines, { tenant: "second" });
  await ingest(own.services, tenant.id, { collection: "texts", documents: [{ id: "more", content: "One more." }] });
  const { collections } = await importLines(lines, { tenant: "second", resume: true });
  const texts = collections.find(({ expected }) => expected.name === "texts");
  expect(texts?.actual.documents).toBe((texts?.expected.documents ?? 0) + 1);
  expect(texts?.actual.sha256).not.toBe(texts?.expected.sha256);
});

test.each([
  ["nothing", (_: readonly string[]) => [], "line 1 is not an archive"],
  ["another format", () => ['{"format":"other"}'], "line 1 is not an archive"],
  ["a line that is not JSON", (lines: readonly string[]) => lines.with(2, "{"), "line 3 is not JSON"],
  ["a passage without an id", (lines: readonly string[]) => lines.with(2, '{"passage":{}}'), "line 3 is not a passage"],
  [
    "a vector of half a number",
    (lines: readonly string[]) => lines.with(2, (lines[2] ?? "").replace(/"embedding":"[^"]+"/, '"embedding":"AAAA"')),
    "line 3 has a vector of a wrong length",
  ],
  [
    "a newer version",
    (lines: readonly string[]) => lines.with(0, (lines[0] ?? "").replace('"version":1', '"version":2')),
    "version 2 of the format",
  ],
  ["lines after the end", (lines: readonly string[]) => [...lines, "{}"], "follows the end"],
  [
    "a passage twice",
    (lines: readonly string[]) => lines.toSpliced(2, 0, lines[2] ?? ""),
    "line 4 is not the next passage",
  ],
  [
    "a vector that is not finite",
    (lines: readonly string[]) =>
      lines.with(2, (lines[2] ?? "").replace(/"embedding":"[^"]+"/, '"embedding":"AADAfwAAwH8AAMB/"')),
    "line 3 has a vector that is not finite",
  ],
  [
    "metadata that is nested too deeply",
    (lines: readonly string[]) =>
      lines.with(
        2,
        (lines[2] ?? "").replace(/"metadata":.*/, `"metadata":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}}`),
      ),
    "line 3",
  ],
  ["a collection twice", (lines: readonly string[]) => lines.toSpliced(6, 0, ...lines.slice(1, 6)), "a second time"],
  ["a missing end", (lines: readonly string[]) => lines.slice(0, -1), "ends early"],
])("%s is refused with its line", async (name, change, message) => {
  await fillTenant(`intact, ${name}`);
  const refused = importLines(change(await exported(`intact, ${name}`)), { tenant: `refused, ${name}` });
  await expect(refused).rejects.toMatchObject({ code: "invalid_input", message: expect.stringContaining(message) });
});

test.skipIf(!serverUrl())("what is written during an export is not part of it", async () => {
  const { tenant } = await fillTenant("busy");
  const lines: string[] = [];
  let isWritten = false;
  await exportTenant(own.database, tenant, {
    async onLines(more) {
      lines.push(...more);
      if (isWritten) return;
      isWritten = true;
      const late = { id: "late", content: "Written during the export." };
      await ingest(own.services, tenant.id, { collection: "texts", documents: [late] });
    },
  });
  expect(lines.join("")).not.toContain('"late"');
  expect((await exported("busy")).join("")).toContain('"late"');
});

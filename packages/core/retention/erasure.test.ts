import { sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { deleteCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { listCollections } from "../collection/get.ts";
import { selectRows } from "../database/rows.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { contentHash } from "../embedding/cache.ts";
import { createOfflineEmbedder } from "../embedding/offline.ts";
import { runIdempotent } from "../idempotency/idempotency.ts";
import { createJob } from "../job/job.ts";
import { runJob } from "../job/run.ts";
import { changeModel, restoreModel } from "../reembed/change.ts";
import { query } from "../search/query.ts";
import type { Services } from "../services.ts";
import { createTenant, deleteTenant, listTenants } from "../tenant/tenant.ts";
import { deleteExpired } from "./delete-expired.ts";

// Deleted data is gone from every table: each row of the schema is read as text and searched for a canary.

const ID = "canary-id-5f1c";
const TEXT = "The canarytext9d2e sings in the mine.";
const METADATA = { note: "canary-meta-77ab" };
const MARKS = [ID, "canarytext9d2e", METADATA.note, contentHash(TEXT).toString("hex")];

const own = useTestDatabase();
let services: Services;
/** Called before each embedding. */
let beforeEmbedding: (texts: readonly string[]) => Promise<unknown> = async () => {};
beforeAll(async () => {
  services = {
    database: own.database,
    embedders: {
      default: { model: "test/old", dimensions: 64 },
      notice: undefined,
      get: (model) => ({
        ...createOfflineEmbedder(model),
        cacheable: true,
        async embed(texts, options) {
          await beforeEmbedding(texts);
          const embedded = await createOfflineEmbedder(model).embed(texts, { ...options, dimensions: 64 });
          await options.onBatch?.(
            embedded.flatMap((vector, index) => (vector instanceof Float32Array ? [{ index, vector }] : [])),
          );
          return embedded;
        },
      }),
    },
  } as Services;
});

let tenantId: string;
beforeEach(async () => {
  beforeEmbedding = async () => {};
  for (const { id } of await listTenants(own.database)) await deleteTenant(own.database, id);
  ({ id: tenantId } = await createTenant(own.database));
  await createCollection(own.database, tenantId, { embeddingModel: "test/old", dimensions: 64 });
  await put({ id: ID, content: TEXT, metadata: METADATA });
  await put({ id: "other", content: "Something else is said here." });
});

const put = (document: { id: string; content: string; metadata?: { note: string } }) =>
  ingest(services, tenantId, { documents: [document] });

/** Tables with a row that contains a mark of the canary or the vector of its text. */
async function traces(): Promise<readonly string[]> {
  const vector = await canaryVector;
  return own.database.transaction(async ({ orm, script }) => {
    await script("SET LOCAL row_security = off");
    const tables = await selectRows<{ name: string }>(
      orm,
      sql`SELECT relname AS name FROM pg_class
          WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
    );
    const found: string[] = [];
    for (const { name } of tables)
      for (const mark of [...MARKS, vector]) {
        const [row] = await selectRows<{ there: boolean }>(
          orm,
          sql`SELECT EXISTS (SELECT FROM ${sql.identifier("cairn")}.${sql.identifier(name)} AS t
                             WHERE position(${mark} IN t::text) > 0) AS there`,
        );
        if (row?.there && !found.includes(name)) found.push(name);
      }
    return found.sort();
  });
}

/** The first elements of the vector as Postgres prints them. No other text here has them. */
const canaryVector = createOfflineEmbedder("test/old")
  .embed([TEXT], { dimensions: 64 })
  .then(
    ([vector]) =>
      `[${[...(vector as Float32Array)]
        .map((element) => Math.fround(element))
        .slice(0, 12)
        .join(",")}`,
  );

const searchIds = async (collection?: string) =>
  (await query(services, tenantId, { collection, text: "canarytext9d2e", mode: "hybrid" })).map(
    ({ id }) => id,
  );

test("the scan finds the document, its vector and its cache entry", async () => {
  expect(await traces()).toEqual(["documents", "embedding_cache"]);
  expect(await searchIds()).toContain(ID);
});

test.each<[string, () => Promise<unknown>]>([
  ["by its id", () => deleteDocuments(own.database, tenantId, { ids: [ID] })],
  ["by a filter", () => deleteDocuments(own.database, tenantId, { filter: METADATA })],
  ["by its text", () => deleteDocuments(own.database, tenantId, { whereDocument: { $contains: "canary" } })],
  ["with its collection", () => deleteCollection(own.database, tenantId, "knowledge")],
  ["with its tenant", () => deleteTenant(own.database, tenantId)],
])("a document that is deleted %s leaves nothing in any table", async (_, work) => {
  await work();
  expect(await traces()).toEqual([]);
});

test("a replaced text leaves nothing, even if it was longer", async () => {
  const long = Array.from({ length: 1_500 }, (_, n) => `word${n}`).join(" ");
  await put({ id: ID, content: `${long} ${TEXT}` });
  expect(await traces()).toContain("documents");
  await put({ id: ID, content: "Nothing to see." });
  const left = (await traces()).filter((table) => table !== "documents"); // the id still exists
  expect(left).toEqual([]);
  await deleteDocuments(own.database, tenantId, { ids: [ID] });
  expect(await traces()).toEqual([]);
});

describe("after a change of model", () => {
  const kept = "knowledge (by test/old)";

  test("a deleted document is gone from the kept collection at once, and restoring the model does not bring it back", async () => {
    await changeModel(services, tenantId, "test/new");
    expect(await searchIds(kept)).toContain(ID);
    await deleteDocuments(own.database, tenantId, { ids: [ID] });
    expect(await searchIds(kept)).not.toContain(ID);
    expect(await traces()).toEqual([]);
    await restoreModel(services, tenantId);
    expect(await searchIds()).not.toContain(ID);
    expect(await searchIds()).toContain("other");
    expect(await traces()).toEqual([]);
  });

  test("a replaced document is gone from the kept collection, and is current after restoring the model", async () => {
    await changeModel(services, tenantId, "test/new");
    await put({ id: ID, content: "A new text." });
    expect(await searchIds(kept)).not.toContain(ID);
    await restoreModel(services, tenantId);
    const [hit] = await query(services, tenantId, { text: "A new text." });
    expect(hit).toMatchObject({ id: ID, content: "A new text." });
  });

  test("two changes keep two collections, and deleting the collection in use deletes both", async () => {
    await changeModel(services, tenantId, "test/new");
    await changeModel(services, tenantId, "test/newer");
    expect(await listCollections(own.database, tenantId)).toHaveLength(3);
    await deleteDocuments(own.database, tenantId, { filter: METADATA });
    expect(await traces()).toEqual([]);
    await put({ id: ID, content: TEXT });
    await deleteCollection(own.database, tenantId, "knowledge");
    expect(await listCollections(own.database, tenantId)).toEqual([]);
    expect(await traces()).toEqual([]);
  });

  // PGlite has one connection, so nothing can be deleted while it is in use.
  test.runIf(serverUrl())(
    "a document that is deleted or replaced during its embedding is not written into the draft",
    async () => {
      beforeEmbedding = async (texts) => {
        if (!texts.includes(TEXT)) return;
        await deleteDocuments(own.database, tenantId, { ids: [ID] });
        await put({ id: "other", content: "Replaced meanwhile." });
      };
      const broken = new AbortController();
      const onProgress = () => broken.abort(new Error("the process dies")); // its first page is written
      const begun = changeModel(services, tenantId, "test/new", { signal: broken.signal, onProgress });
      await expect(begun).rejects.toThrow("the process dies");
      beforeEmbedding = async () => {};
      const draft = "knowledge (by test/new)";
      expect(await query(services, tenantId, { collection: draft, text: "said" })).toEqual([]);
      expect(await traces()).not.toContain("documents");
    },
  );

  test("a document that is deleted during a change of model is gone from the draft", async () => {
    const broken = new AbortController();
    const onProgress = () => broken.abort(new Error("the process dies"));
    const begun = changeModel(services, tenantId, "test/new", { signal: broken.signal, onProgress });
    await expect(begun).rejects.toThrow("the process dies");
    const draft = "knowledge (by test/new)";
    expect(await searchIds(draft)).toContain(ID);
    await deleteDocuments(own.database, tenantId, { ids: [ID] });
    expect(await searchIds(draft)).not.toContain(ID);
    expect(await traces()).toEqual([]);
  });
});

test("responses, jobs and vectors of texts without a document are deleted when they expire", async () => {
  const signal = new AbortController().signal;
  await runIdempotent(own.database, tenantId, { key: "k", request: ["x"], signal }, async () => ({
    status: 200,
    headers: {},
    body: JSON.stringify({ ids: [ID] }),
  }));
  const { id } = await createJob(own.database, tenantId, { kind: "echo", request: { text: TEXT } });
  expect(await traces()).toContain("jobs");
  await runJob(services, { echo: async () => ({ failed: [{ id: ID }] }) }, { tenantId, id });
  await deleteDocuments(own.database, tenantId, { ids: [ID] });
  expect(await traces()).toEqual(["idempotency_keys", "jobs"]);
  await put({ id: ID, content: TEXT });
  await asTenant(
    own.database,
    tenantId,
    ({ orm }) => orm.execute(sql`DELETE FROM cairn.documents WHERE id = ${ID}`), // as after a write that fails after the embedding
  );
  await deleteExpired(own.database);
  expect(await traces()).toEqual(["embedding_cache", "idempotency_keys", "jobs"]);
  await asTenant(own.database, tenantId, async ({ orm }) => {
    await orm.execute(
      sql`UPDATE cairn.idempotency_keys SET created_at = created_at - interval '24 hours 1 second'`,
    );
    await orm.execute(sql`UPDATE cairn.jobs SET finished_at = finished_at - interval '30 days 1 second'`);
    await orm.execute(sql`UPDATE cairn.embedding_cache SET used_at = used_at - interval '30 days 1 second'`);
  });
  await deleteExpired(own.database);
  expect(await traces()).toEqual([]);
});

test("a cached vector that is in use does not expire", async () => {
  const age = (days: number) =>
    asTenant(own.database, tenantId, ({ orm }) =>
      orm.execute(sql`UPDATE cairn.embedding_cache SET used_at = now() - ${days}::int * interval '1 day'`),
    );
  await age(20);
  await put({ id: "again", content: TEXT });
  await age(0);
  let embedded = 0;
  beforeEmbedding = async (texts) => {
    embedded += texts.length;
  };
  await age(20);
  await put({ id: "again", content: TEXT });
  const rows = await asTenant(own.database, tenantId, ({ orm }) =>
    selectRows<{ fresh: boolean }>(
      orm,
      sql`SELECT used_at > now() - interval '1 day' AS fresh FROM cairn.embedding_cache ORDER BY 1`,
    ),
  );
  expect(embedded).toBe(0);
  expect(rows).toEqual([{ fresh: false }, { fresh: true }]);
});

test("maintenance deletes the migration exceptions of a deleted tenant, and no others", async () => {
  const { id: deleted } = await createTenant(own.database);
  await asAdmin(own.database, ({ orm }) =>
    orm.execute(sql`
      WITH run AS (
        INSERT INTO cairn.migration_runs (source, status, holder, lease_until, finished_at)
        VALUES ('http://chroma', 'complete_with_exceptions', 'test', now(), now()) RETURNING id),
      collections AS (
        INSERT INTO cairn.migration_collections
          (run_id, source_id, source_tenant, source_database, source_name, tenant_id, collection_id, vectors, why, fresh)
        SELECT run.id, tenant::text, 't', 'd', 'n', tenant, gen_random_uuid(), 'copy', '', true
        FROM run, unnest(ARRAY[${deleted}, ${tenantId}]::uuid[]) AS tenant RETURNING run_id, source_id)
      INSERT INTO cairn.migration_exceptions (run_id, source_id, id_hash, kind, id, pass, detail)
      SELECT run_id, source_id, ''::bytea, 'vector_zero', ${ID}, 1, '' FROM collections`),
  );
  const left = () =>
    asAdmin(own.database, ({ orm }) =>
      selectRows<{ tenant: string }>(orm, sql`SELECT source_id AS tenant FROM cairn.migration_exceptions`),
    );
  await deleteTenant(own.database, deleted);
  expect(await left()).toHaveLength(2);
  await deleteExpired(own.database);
  expect(await left()).toEqual([{ tenant: tenantId }]);
});

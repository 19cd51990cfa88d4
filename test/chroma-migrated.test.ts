import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { beforeAll, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { type ChromaPeer, cairnPeer, chromaOptions, chromaPeer } from "./support/chroma-api.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase, migrateDatabase } from "./support/migration.ts";

// What a migration has copied is served as a Chroma server serves it: ids that clients have cached, settings, order, numbers.

const chroma = inject("chromaUrl");
const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
const RECORDS = 700;
let source: ChromaPeer;
let cairn: ChromaPeer;
/** The collection's address in Chroma and in Cairn. */
let theirs: string;
let ours: string;

beforeAll(async () => {
  source = chromaPeer(chroma);
  const scope = await createChromaDatabase(chroma);
  const { name, tenant } = tenantName();
  const collection = await createChromaCollection(chroma, name, {
    space: "ip",
    metadata: { note: "as it was", "hnsw:M": 12 },
    configuration: {
      embedding_function: { type: "known", name: "openai", config: { model_name: "text-embedding-3-small" } },
    },
    database: scope,
  });
  const shuffled = plainRecords(RECORDS, 4, "").toSorted((a, b) => (reversed(a.id) < reversed(b.id) ? -1 : 1));
  await putRecords(collection, shuffled);
  await putRecords(collection, shuffled.slice(40, 60), "upsert");
  const exact = '{"ids":["exact"],"embeddings":[[1,2,3,4]],"metadatas":[{"n":9007199254740993,"d":1.0,"e":0.1}]}';
  await source.request("POST", `${collection.url.replace(chroma, "")}/add`, exact);
  await migrateDatabase(testDatabase.database, chroma, scope);
  const { id } = await ensureTenant(testDatabase.database, tenant);
  cairn = cairnPeer(api, (await createApiKey(testDatabase.database, id)).secret);
  theirs = collection.url.replace(chroma, "");
  ours = `/api/v2/tenants/default_tenant/databases/default_database/collections/${collection.id}`;
});

function reversed(id: string): string {
  return [...id].toReversed().join("");
}

async function both(method: string, route: string, body?: unknown) {
  const [expected, actual] = await Promise.all([
    source.request(method, `${theirs}${route}`, body),
    cairn.request(method, `${ours}${route}`, body),
  ]);
  return { expected: JSON.parse(expected.text), actual: JSON.parse(actual.text), texts: { expected, actual } };
}

test("a migrated collection keeps its id, configuration, embedding function, schema and metadata", async () => {
  const [listed, actual] = await Promise.all([
    // Chroma 1.0 has no route for a collection by its id.
    source.request("GET", theirs.replace(/\/[^/]+$/, "")),
    cairn.request("GET", ours.replace(/collections\/(.*)$/, "collections/by-id/$1")),
  ]);
  const {
    tenant: _tenant,
    database: _database,
    name: _name,
    log_position: _position,
    version: _version,
    ...known
  } = JSON.parse(listed.text).find(({ id }: { id: string }) => theirs.endsWith(id));
  expect(JSON.parse(actual.text)).toMatchObject(known);
});

test("migrated records are in the order in which they were added", async () => {
  const { expected, actual } = await both("POST", "/get", { include: [] });
  expect(expected.ids).toHaveLength(RECORDS + 1);
  expect(actual.ids).toEqual(expected.ids);
});

test("migrated numbers are exact", async () => {
  const { texts } = await both("POST", "/get", { ids: ["exact"], include: ["metadatas"] });
  for (const { text } of [texts.expected, texts.actual])
    for (const number of ["9007199254740993", "1.0", "0.1"]) expect(text).toMatch(new RegExp(`: ?${number}[,}]`));
});

test("migrated records are found and filtered alike", async () => {
  const { expected, actual } = await both("POST", "/get", { where: { index: { $lt: 20 } }, limit: 5, offset: 2 });
  expect(actual).toEqual(expected);
  const count = await both("GET", "/count");
  expect(count.actual).toBe(count.expected);
});

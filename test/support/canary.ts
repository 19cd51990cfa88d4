import { createCollection } from "@cairn/core/collection/create.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { contentHash } from "@cairn/core/embedding/cache.ts";
import { createOfflineEmbedder } from "@cairn/core/embedding/offline.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import { createTenant, deleteTenant, listTenants } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { beforeEach } from "vitest";
import type { DatabaseFixture } from "./fixture.ts";

export const ID = "canary-id-5f1c";
export const TEXT = "The canarytext9d2e sings in the mine.";
export const METADATA = { note: "canary-meta-77ab" };
const MARKS = [ID, "canarytext9d2e", METADATA.note, contentHash(TEXT).toString("hex")];

/** The first elements of the vector as Postgres prints them. No other text here has them. */
const CANARY_VECTOR = createOfflineEmbedder("test/old")
  .embed([TEXT], { dimensions: 64 })
  .then(
    ([vector]) =>
      `[${[...(vector as Float32Array)]
        .map((element) => Math.fround(element))
        .slice(0, 12)
        .join(",")}`,
  );

/** A tenant with a document whose traces can be found in every table. Each test gets a new one. */
export function useCanary(testDatabase: DatabaseFixture) {
  let tenantId: string;
  const hooks = {
    /** Called before each embedding. */
    async beforeEmbedding(_texts: readonly string[]): Promise<unknown> {
      return undefined;
    },
  };
  const services = {
    get database() {
      return testDatabase.database;
    },
    embedders: {
      default: { model: "test/old", dimensions: 64 },
      notice: undefined,
      get: (model) => ({
        ...createOfflineEmbedder(model),
        cacheable: true,
        async embed(texts, options) {
          await hooks.beforeEmbedding(texts);
          const embedded = await createOfflineEmbedder(model).embed(texts, { ...options, dimensions: 64 });
          await options.onBatch?.(
            embedded.flatMap((vector, index) => (vector instanceof Float32Array ? [{ index, vector }] : [])),
          );
          return embedded;
        },
      }),
    },
  } as Services;
  const put = (document: { id: string; content: string; metadata?: { note: string } }) =>
    ingest(services, tenantId, { documents: [document] });
  const { beforeEmbedding } = hooks;
  beforeEach(async () => {
    hooks.beforeEmbedding = beforeEmbedding;
    for (const { id } of await listTenants(testDatabase.database)) await deleteTenant(testDatabase.database, id);
    ({ id: tenantId } = await createTenant(testDatabase.database));
    await createCollection(testDatabase.database, tenantId, { embeddingModel: "test/old", dimensions: 64 });
    await put({ id: ID, content: TEXT, metadata: METADATA });
    await put({ id: "other", content: "Something else is said here." });
  });
  return {
    services,
    hooks,
    put,
    get tenantId() {
      return tenantId;
    },
    traces: () => findTraces(testDatabase),
    searchIds: async (collection?: string) =>
      (await query(services, tenantId, { collection, text: "canarytext9d2e", mode: "hybrid" })).map(({ id }) => id),
  };
}

/** Tables with a row that contains a mark of the canary or the vector of its text. */
async function findTraces(testDatabase: DatabaseFixture): Promise<readonly string[]> {
  const vector = await CANARY_VECTOR;
  return testDatabase.database.transaction(async ({ orm, script }) => {
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
          sql`SELECT EXISTS (SELECT 1 FROM ${sql.identifier("cairn")}.${sql.identifier(name)} AS t
                             WHERE position(${mark} IN t::text) > 0) AS there`,
        );
        if (row?.there && !found.includes(name)) found.push(name);
      }
    return found.sort();
  });
}

import { verify } from "@cairn/chroma/verify/verify.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  impatientSource,
  migrateDatabase,
  ownerRows,
} from "./support/migration.ts";
import { always, startHttpProxy } from "./support/proxy.ts";
import { offlineServices } from "./support/services.ts";

// What a Chroma server says of a collection's metric, and what its distances say.

const chroma = inject("chromaUrl");
let one: TestDatabase;
let scope: string;
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

/** The real server, whose descriptions of collections have one metric in the place of another. */
async function describedAs(described: string) {
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const change = (body: string) => body.replaceAll(/"space":"(?:cosine|l2|ip)"/g, `"space":"${described}"`);
  proxy.rules = [always({ kind: "change", change }, ({ path }) => path.includes("/collections?"))];
  return impatientSource(proxy.url);
}
const look = async (url: Awaited<ReturnType<typeof impatientSource>>) =>
  verify(offlineServices(one.database), url, {
    databaseName: "test",
    cairnVersion: "0",
    queries: 0,
    scope: { databases: [scope] },
  });

test.each([
  ["cosine", "l2"],
  ["ip", "cosine"],
  ["l2", "ip"],
])(
  "a collection measured by %s and described as %s is migrated as it is measured",
  async (space, described) => {
    const collection = await createTenantCollection(chroma, scope, { space });
    await putRecords(collection, plainRecords(30, 6));
    const source = await describedAs(described);
    const report = await migrateDatabase(one.database, source, scope);
    expect(report).toMatchObject({ verdict: "identical", collections: [{ metric: space }] });
    expect(report.notices?.join()).toContain(`describes its metric as ${described} and measures by ${space}`);
    expect(await getCollection(one.database, collection.tenant)).toMatchObject({ metric: space });
    expect(await look(source)).toMatchObject({ verdict: "identical" });
  },
);

test.each([
  ["cosine", "ip"],
  ["l2", "cosine"],
])(
  "a target that measures by another metric than %s is not identical, whatever Chroma describes",
  async (space, wrong) => {
    const collection = await createTenantCollection(chroma, scope, { space });
    await putRecords(collection, plainRecords(30, 6));
    await migrateDatabase(one.database, chroma, scope);
    await ownerRows(
      one.database,
      sql`UPDATE cairn.collections SET metric = ${wrong} WHERE tenant_id = ${collection.tenant}::uuid`,
    );
    for (const source of [await impatientSource(chroma), await describedAs(wrong)])
      expect(await look(source)).toMatchObject({
        verdict: "not_identical",
        differences: [
          { id: "", detail: expect.stringContaining(`by ${space} in Chroma and by ${wrong} in Cairn`) },
        ],
      });
  },
);

test("distances that are of no metric are not identical", async () => {
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(30, 6));
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const change = (body: string) =>
    body.replace(/"distances":\[\[[^\]]*\]/, (list) => list.replaceAll(/\d[\d.e-]*/g, "77.5"));
  proxy.rules = [always({ kind: "change", change }, ({ path }) => path.endsWith("/query"))];
  const report = await migrateDatabase(one.database, await impatientSource(proxy.url), scope);
  expect(report).toMatchObject({
    verdict: "not_identical",
    differences: [{ id: "", detail: expect.stringContaining("neither of l2 nor of another metric") }],
  });
});

test("one record, and none, say nothing against the metric", async () => {
  const collection = await createTenantCollection(chroma, scope, { space: "ip" });
  expect(await migrateDatabase(one.database, chroma, scope)).toMatchObject({ verdict: "identical" });
  await putRecords(collection, plainRecords(1, 6));
  expect(await migrateDatabase(one.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    collections: [{ metric: "ip" }],
  });
});

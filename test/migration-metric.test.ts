import { verify } from "@cairn/chroma/verify/verify.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { sql } from "drizzle-orm";
import { beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  openTestSource,
  ownerRows,
} from "./support/migration.ts";
import { always, startHttpProxy } from "./support/proxy.ts";

// The metric that a Chroma server describes, and the metric of its distances.

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

/** The real server, whose collections are described with this metric. */
async function describedAs(described: string) {
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const change = (body: string) => body.replaceAll(/"space":"(?:cosine|l2|ip)"/g, `"space":"${described}"`);
  proxy.rules = [always({ kind: "change", change }, ({ path }) => path.includes("/collections?"))];
  return openTestSource(proxy.url);
}
const runVerify = async (url: Awaited<ReturnType<typeof openTestSource>>) =>
  verify(testDb.services, url, {
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
  "a collection with %s distances that is described as %s is migrated with the metric of its distances",
  async (space, described) => {
    const collection = await createTenantCollection(chroma, scope, { space });
    await putRecords(collection, plainRecords(30, 6));
    const source = await describedAs(described);
    const report = await migrateDatabase(testDb.database, source, scope);
    expect(report).toMatchObject({ verdict: "identical", collections: [{ metric: space }] });
    expect(report.notices?.join()).toContain(`describes its metric as ${described} but returns ${space} distances`);
    expect(await getCollection(testDb.database, collection.tenant)).toMatchObject({ metric: space });
    expect(await runVerify(source)).toMatchObject({ verdict: "identical" });
  },
);

test.each([
  ["cosine", "ip"],
  ["l2", "cosine"],
])("a target with another metric than %s is not identical, whatever Chroma describes", async (space, wrong) => {
  const collection = await createTenantCollection(chroma, scope, { space });
  await putRecords(collection, plainRecords(30, 6));
  await migrateDatabase(testDb.database, chroma, scope);
  await ownerRows(
    testDb.database,
    sql`UPDATE cairn.collections SET metric = ${wrong} WHERE tenant_id = ${collection.tenant}::uuid`,
  );
  for (const source of [await openTestSource(chroma), await describedAs(wrong)])
    expect(await runVerify(source)).toMatchObject({
      verdict: "not_identical",
      differences: [
        {
          id: "",
          detail: expect.stringContaining(`The metric is ${space} in Chroma and ${wrong} in Cairn`),
        },
      ],
    });
});

test("distances that match no metric are not identical", async () => {
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(30, 6));
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const change = (body: string) =>
    body.replace(/"distances":\[\[[^\]]*\]/, (list) => list.replaceAll(/\d[\d.e-]*/g, "77.5"));
  proxy.rules = [always({ kind: "change", change }, ({ path }) => path.endsWith("/query"))];
  const report = await migrateDatabase(testDb.database, await openTestSource(proxy.url), scope);
  expect(report).toMatchObject({
    verdict: "not_identical",
    differences: [{ id: "", detail: expect.stringContaining("match neither l2 nor another metric") }],
  });
});

test("collections with one record and with none keep their metric", async () => {
  const collection = await createTenantCollection(chroma, scope, { space: "ip" });
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({ verdict: "identical" });
  await putRecords(collection, plainRecords(1, 6));
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    collections: [{ metric: "ip" }],
  });
});

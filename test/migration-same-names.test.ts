import { migrate } from "@cairn/chroma/migrate.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { beforeEach, expect, inject, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase, createChromaTenant, openTestSource } from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let tenants: readonly [string, string];
beforeEach(async () => {
  tenants = [await createChromaTenant(chroma), await createChromaTenant(chroma)];
  for (const tenant of tenants) {
    await createChromaDatabase(chroma, { tenant, name: "main" });
    const collection = await createChromaCollection(chroma, "faq", { tenant, database: "main" });
    await putRecords(collection, [
      ...plainRecords(4, 4),
      { id: "zero", embedding: [0, 0, 0, 0], document: "no direction" },
    ]);
  }
});

const options = () => ({
  databaseName: "test",
  cairnVersion: "0",
  queries: 6,
  patterns: ["{tenant}/main/{collection}"],
  scope: { tenants },
});
const paths = () => tenants.map((tenant) => `${tenant}/main/faq`).toSorted();

test("collections with one name in two tenants are two rows in every part of the report", async () => {
  const report = await migrate(testDb.services, await openTestSource(chroma), options());
  expect(report.verdict).toBe("identical_with_exceptions");
  expect(report.collections.map(({ target }) => target.tenantName).toSorted()).toEqual(tenants.toSorted());
  expect(report.exceptions.map(({ collection }) => collection).toSorted()).toEqual(paths());
  expect(report.search?.perCollection.map(({ collection }) => collection).toSorted()).toEqual(paths());
  expect(report.search?.perCollection).toHaveLength(2);
});

test("differences name tenant and database if two collections have the same name", async () => {
  const services = testDb.services;
  const source = await openTestSource(chroma);
  const report = await verify(services, source, { ...options(), queries: 0 });
  expect(report.differences.map(({ collection, kind }) => `${collection} ${kind}`).toSorted()).toEqual(
    paths().map((path) => `${path} missing`),
  );
});

test("two collections with one name and one target are both named with tenant and database", async () => {
  const source = await openTestSource(chroma);
  const mapping = { faq: { tenant: "acme", collection: "faq" } };
  const refused = migrate(testDb.services, source, { ...options(), mapping });
  await expect(refused).rejects.toMatchObject({ code: "invalid_input" });
  const { message } = (await refused.catch((error: unknown) => error)) as Error;
  for (const path of paths()) expect(message).toContain(path);
});

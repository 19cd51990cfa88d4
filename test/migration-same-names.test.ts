import { migrate } from "@cairn/chroma/migrate.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { createChromaDatabase, createChromaTenant, impatientSource } from "./support/migration.ts";
import { offlineServices } from "./support/services.ts";

const chroma = inject("chromaUrl");
let one: TestDatabase;
let tenants: readonly [string, string];
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());
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

test("collections of one name in two tenants stay two rows in every part of the report", async () => {
  const report = await migrate(offlineServices(one.database), await impatientSource(chroma), options());
  expect(report.verdict).toBe("identical_with_exceptions");
  expect(report.collections.map(({ target }) => target.tenantName).toSorted()).toEqual(tenants.toSorted());
  expect(report.exceptions.map(({ collection }) => collection).toSorted()).toEqual(paths());
  expect(report.search?.perCollection.map(({ collection }) => collection).toSorted()).toEqual(paths());
  expect(report.search?.perCollection).toHaveLength(2);
});

test("what differs names tenant and database where two collections have the name", async () => {
  const services = offlineServices(one.database);
  const source = await impatientSource(chroma);
  const report = await verify(services, source, { ...options(), queries: 0 });
  expect(report.differences.map(({ collection, kind }) => `${collection} ${kind}`).toSorted()).toEqual(
    paths().map((path) => `${path} missing`),
  );
});

test("two collections of one name that would share a target are both named with tenant and database", async () => {
  const source = await impatientSource(chroma);
  const mapping = { faq: { tenant: "acme", collection: "faq" } };
  const refused = migrate(offlineServices(one.database), source, { ...options(), mapping });
  await expect(refused).rejects.toMatchObject({ code: "invalid_input" });
  const { message } = (await refused.catch((error: unknown) => error)) as Error;
  for (const path of paths()) expect(message).toContain(path);
});

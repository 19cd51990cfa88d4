import { migrate } from "@cairn/chroma/migrate.ts";
import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import type { Embedder } from "@cairn/core/embedding/embedder.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  countRows,
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

const rowCounts = () => countRows(testDb.database);

describe("texts that are embedded again", () => {
  const long = Array.from({ length: 3_000 }, (_, index) => `sentence ${index} about returns.`).join(" ");
  const reEmbed = { reEmbed: "always", model: "offline/words" } as const;

  test("a record that the model refuses is also an exception in verify, and every migration retries it", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(4, 4));
    await putRecords(collection, [{ id: "poison", embedding: randomUnit(4), document: `poison ${long}` }]);
    const services = testDb.services;
    let refusing = true;
    const refuse = (embedder: Embedder): Embedder => ({
      ...embedder,
      embed: (texts, options) =>
        refusing && texts.some((text) => text.includes("poison"))
          ? Promise.reject(new AppError("invalid_input", "The model does not want it."))
          : embedder.embed(texts, options),
    });
    const embedders = {
      ...services.embedders,
      get: (model: string) => refuse(services.embedders.get(model)),
    };
    const facts = { databaseName: "test", cairnVersion: "0", queries: 0, scope: { databases: [scope] } };
    const source = await openTestSource(chroma);
    const migrateAgain = () => migrate({ ...services, embedders }, source, { ...facts, ...reEmbed });
    const reasons = ({ verdict, exceptions }: MigrationReport) => [
      verdict,
      ...exceptions.map(({ id, reason }) => `${id} ${reason}`),
    ];

    expect(reasons(await migrateAgain())).toEqual(["identical_with_exceptions", "poison embedding_refused"]);
    expect(reasons(await verify(services, source, facts))).toEqual([
      "identical_with_exceptions",
      "poison not_embedded",
    ]);
    // A difference other than the vector is not an exception.
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.documents SET content = content || '!' WHERE id = 'poison' AND chunk = 2 AND tenant_id = ${tenant}::uuid`,
    );
    expect(await verify(services, source, facts)).toMatchObject({
      verdict: "not_identical",
      differences: [{ id: "poison", kind: "content" }],
    });
    refusing = false;
    expect(reasons(await migrateAgain())).toEqual(["identical"]);
    expect(reasons(await verify(services, source, facts))).toEqual(["identical"]);
  });

  test("a model other than the target's is refused before anything is written", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(3, 4));
    await migrateDatabase(testDb.database, chroma, scope, { sourceModel: "local/their-own" });
    const before = [await rowCounts(), await readCairn(testDb.database, tenant)];
    await expect(migrateDatabase(testDb.database, chroma, scope, reEmbed)).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(/never mixed.*--map/),
    });
    expect([await rowCounts(), await readCairn(testDb.database, tenant)]).toEqual(before);
  });
});

import { planSource } from "@cairn/chroma/plan/plan-source.ts";
import { preflight } from "@cairn/chroma/plan/preflight.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { beforeAll, expect, inject, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase, migrateDatabase, openTestSource } from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
const { tenant, name } = tenantName("");
const models: Readonly<Record<string, unknown>> = {
  plain: "e5-v1.5",
  spaces: "/my models/e5 large",
  windows: "C:\\Models\\my e5",
  newline: "e5\nlarge",
  nothing: undefined,
};
const USABLE = ["plain"];

beforeAll(async () => {
  scope = await createChromaDatabase(chroma);
  for (const [collection, model_name] of Object.entries(models)) {
    const embedding_function = { type: "known", name: "ollama", config: model_name ? { model_name } : {} };
    const created = await createChromaCollection(chroma, `${name}${collection}`, {
      database: scope,
      configuration: { embedding_function },
    });
    await putRecords(created, plainRecords(3, 4));
    await putRecords(created, [{ id: "zero", embedding: [0, 0, 0, 0], document: "no direction" }]);
  }
  const dotted = await createChromaCollection(chroma, `${name}dotted`, {
    database: scope,
    configuration: {
      embedding_function: { type: "known", name: "my.function", config: { model_name: "e5" } },
    },
  });
  await putRecords(dotted, plainRecords(3, 4));
  await createChromaCollection(chroma, `${name}empty`, { database: scope });
  const oversized = await createChromaCollection(chroma, `${name}wide`, { database: scope });
  await putRecords(oversized, [{ id: "wide", embedding: Array(16_001).fill(0.5), document: "too wide" }]);
});

test("one unusual collection does not stop the others, and the dry run decides like the migration", async () => {
  const source = await openTestSource(chroma);
  const services = testDb.services;
  const options = { scope: { databases: [scope] } };
  const plan = await planSource(source, services, options);
  const { results: expected } = await preflight(source, plan);
  const report = await migrateDatabase(testDb.database, source, scope);

  const decided = expected.map(({ planned, count, quarantined }) => ({
    name: planned.source.name,
    vectors: planned.vectors,
    model: planned.model,
    why: planned.why,
    dimensions: planned.dimensions,
    count,
    quarantined: Object.values(quarantined).reduce((sum, one) => sum + one, 0),
  }));
  const migrated = report.collections.map(
    ({ source: { name: own }, vectors, model, why, dimensions, sourceCount }) => ({
      name: own,
      vectors,
      model,
      why,
      dimensions,
      count: sourceCount,
      quarantined: report.exceptions.filter(({ collection }) => collection === own).length,
    }),
  );
  expect(migrated.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
    decided.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );
  expect(decided.map(({ name: own }) => own.slice(name.length)).toSorted()).toEqual(
    [...Object.keys(models), "dotted", "empty"].toSorted(),
  );

  const unmapped = { collection: `${name}wide`, kind: "missing", detail: expect.stringContaining("16001") };
  expect(plan.unmapped).toMatchObject([{ source: { name: `${name}wide` }, blocking: false }]);
  expect(report).toMatchObject({ verdict: "not_identical", differences: [unmapped] });
  expect(report.collections.map(({ verdict }) => verdict)).not.toContain("not_identical");

  const unusual = ["spaces", "windows", "newline", "dotted"];
  const notices = plan.collections.flatMap(({ notice }) => notice ?? []);
  expect(report.notices).toEqual(notices);
  expect(notices.map((notice) => notice.slice(name.length).split(":")[0]).toSorted()).toEqual(unusual.toSorted());
  for (const collection of [...Object.keys(models), "dotted"])
    expect(await getCollection(testDb.database, tenant, collection)).toMatchObject({
      embeddingModel: USABLE.includes(collection) ? `local/${models[collection]}` : null,
    });

  const facts = { databaseName: "test", cairnVersion: "0", queries: 0 };
  expect(await verify(services, source, { ...options, ...facts })).toMatchObject({
    differences: [unmapped],
    notices,
  });
});

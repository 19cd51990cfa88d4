import { expect, inject, test, vi } from "vitest";
import { createTestApi, useTestApi } from "../../../test/support/api.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "../../../test/support/fill-chroma.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { countRows } from "../../../test/support/migration.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ chromaUrl: inject("chromaUrl") }));

const operate = (method: string, path: string, body?: object) => api.call(method, path, { key: api.operator, body });

async function run(body: object) {
  const accepted = await operate("POST", "/v1/migrations", body);
  expect(accepted.status).toBe(202);
  return vi.waitFor(
    async () => {
      const { body: job } = await operate("GET", `/v1/migrations/${accepted.body.id}`);
      expect(job.status).not.toBe("in_progress");
      return job;
    },
    { timeout: 60_000, interval: 100 },
  );
}

test("a dry run reports each collection's target and what is odd, and writes nothing", async () => {
  const { name, tenant } = tenantName();
  const collection = await createChromaCollection(inject("chromaUrl"), name);
  await putRecords(collection, plainRecords(40, 8));
  const before = await countRows(testDatabase.database);
  const job = await run({ dry_run: true, only: [name], source_model: "offline/words" });
  expect(job).toMatchObject({
    status: "completed",
    dry_run: true,
    verdict: null,
    counts: { collections: 1, finished: 1, records: 40, of: 40 },
    progress: [],
  });
  expect((await operate("GET", `/v1/migrations/${job.id}/report`)).body).toMatchObject({
    collections: [
      {
        source: { name, database: "default_database" },
        target: { tenant, collection: "knowledge", exists: false },
        dimensions: 8,
        vectors: "copy",
        count: 40,
        quarantined: {},
        unreadable: [],
        unreadableCount: 0,
      },
    ],
    unmapped: [],
    failed: [],
    proposal: null,
    options: { only: [name], source_model: "offline/words" },
  });
  expect(await countRows(testDatabase.database)).toEqual(before);
  expect(await operate("GET", `/v1/migrations/${job.id}/report?format=html`)).toMatchObject({
    status: 400,
    body: { path: "format", detail: expect.stringContaining("dry run") },
  });
});

test("a dry run names the problem of a collection in terms of the API, and proposes a mapping", async () => {
  const name = `acme-docs-${Date.now()}`;
  await putRecords(await createChromaCollection(inject("chromaUrl"), name), plainRecords(3, 4));
  const job = await run({ dry_run: true, only: [name] });
  const { body, text } = await operate("GET", `/v1/migrations/${job.id}/report`);
  expect(body).toMatchObject({
    collections: [],
    unmapped: [{ collection: name, blocking: true, problem: expect.any(String) }],
    proposal: { mapping: { [name]: { collection: expect.any(String), tenant: expect.any(String) } } },
  });
  expect(text).not.toMatch(/--(pattern|map|only)\b/);
  const { mapping } = body.proposal;
  const again = await run({ dry_run: true, only: [name], mapping });
  expect((await operate("GET", `/v1/migrations/${again.id}/report`)).body).toMatchObject({
    collections: [{ target: mapping[name], count: 3 }],
    unmapped: [],
  });
});

test("a dry run that Chroma does not answer fails with the reason", async () => {
  const unreachable = await createTestApi(testDatabase.database, {
    chromaUrl: "http://admin:secret@127.0.0.1:9/path/",
  });
  const call = (method: string, path: string, body?: object) =>
    unreachable.call(method, path, { key: unreachable.operator, body });
  expect((await call("GET", "/v1/migrations")).body.source).toEqual({ url: "http://127.0.0.1:9/path" });
  const { body } = await call("POST", "/v1/migrations", { dry_run: true });
  const job = await vi.waitFor(
    async () => {
      const { body: found } = await call("GET", `/v1/migrations/${body.id}`);
      expect(found.status).toBe("failed");
      return found;
    },
    { timeout: 60_000, interval: 200 },
  );
  expect(job.last_error.code).toBe("source_unavailable");
  expect(JSON.stringify(job)).not.toContain("secret");
});

test("the list has the source, and of each migration whether it was a dry run, and its verdict", async () => {
  const { name } = tenantName();
  await putRecords(await createChromaCollection(inject("chromaUrl"), name), plainRecords(20, 4));
  const migrated = await run({ only: [name], queries: 0 });
  expect(migrated).toMatchObject({ kind: "migration", dry_run: false, verdict: "identical", result: null });
  const { body } = await operate("GET", "/v1/migrations");
  expect(body.source).toEqual({ url: inject("chromaUrl") });
  expect(body.migrations[0]).toMatchObject({ id: migrated.id, dry_run: false, verdict: "identical", result: null });
  const elsewhere = await createTestApi(testDatabase.database);
  const unset = await elsewhere.call("GET", "/v1/migrations", { key: api.operator });
  expect(unset.body.source).toBeNull();
  const { key } = await api.addTenant();
  expect((await api.call("GET", `/v1/migrations/${migrated.id}`, { key })).status).toBe(403);
  expect(await operate("GET", "/v1/migrations/3e9d8a46-5e0f-4f86-8f1d-0d3b7b0f3a55")).toMatchObject({ status: 404 });
});

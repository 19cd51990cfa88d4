import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { beforeAll, expect, test } from "vitest";
import { useTestApi } from "../../../../test/support/api.ts";
import { addCutoverTenants } from "../../../../test/support/example-cutover.ts";
import { useTestDatabase } from "../../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);

const operate = (method: string, path: string, body?: object) => api.call(method, path, { key: api.operator, body });

beforeAll(async () => {
  await operate("POST", "/v1/namespaces", { name: "shop" });
});

/** As if a gateway had compared all records. */
async function saveComparison(tenant: string): Promise<void> {
  const { body } = await operate("GET", `/v1/cutover/${tenant}`);
  const now = new Date().toISOString();
  const counts = { collections: 1, records: 7, written: 7, deleted: 0, refused: 0, bypassed: 0, identical: true };
  const compared = JSON.stringify({ startedAt: now, finishedAt: now, ...counts });
  await asAdmin(testDatabase.database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_tenants SET compared = ${compared}::jsonb WHERE tenant_id = ${body.tenant.id}::uuid`),
  );
}

test("the operator moves a tenant to its next phase and back, and reads what the next one requires", async () => {
  expect(await operate("GET", "/v1/cutover/acme")).toMatchObject({ status: 404, body: { code: "not_found" } });
  expect(await operate("POST", "/v1/cutover/acme/advance", { namespace: "nowhere" })).toMatchObject({ status: 404 });
  const entered = await operate("POST", "/v1/cutover/acme/advance", {});
  expect(entered).toMatchObject({
    status: 200,
    body: {
      tenant: { name: "acme" },
      phase: "mirror",
      since: expect.stringMatching(/Z$/),
      settings: {},
      journal: { changes: 0, in_flight: 0, failing: 0, oldest_seconds: null, failure: null },
      compared: null,
      reads: { compared: 0, agreement: null },
      next: { phase: "shadow", conditions: expect.arrayContaining([expect.objectContaining({ met: false })]) },
    },
  });
  const { id } = entered.body.tenant;
  expect((await operate("GET", `/v1/cutover/${id}`)).body).toEqual(entered.body);
  expect(await operate("POST", "/v1/cutover/acme/advance", {})).toMatchObject({
    status: 400,
    body: { code: "invalid_input", path: "force", detail: expect.stringMatching(/have not been compared/) },
  });
  await saveComparison("acme");
  expect(await operate("POST", "/v1/cutover/acme/advance", {})).toMatchObject({
    status: 400,
    body: { detail: expect.stringMatching(/comparison has to begin after/) },
  });
  const settled = await operate("POST", "/v1/cutover/acme/advance", { settle_seconds: 0 });
  expect(settled).toMatchObject({ status: 200, body: { phase: "shadow", compared: { records: 7, identical: true } } });
  expect((await operate("GET", "/v1/cutover")).body.tenants).toEqual([
    expect.objectContaining({ tenant: { id, name: "acme" }, phase: "shadow", next: "cairn", findings: 0 }),
  ]);
  const asked = await operate("POST", "/v1/cutover/acme/compare");
  expect(asked).toMatchObject({ status: 202, body: { compared: { finished_at: "1970-01-01T00:00:00.000Z" } } });
  expect(await operate("POST", "/v1/cutover/acme/advance", { min_reads: 0, min_agreement: 0 })).toMatchObject({
    status: 400,
    body: { detail: expect.stringMatching(/^(?!.*reads were compared).*was requested and has not ended/) },
  });
  expect(await operate("POST", "/v1/cutover/acme/back", { to: "chroma" })).toMatchObject({
    status: 200,
    body: { phase: "chroma" },
  });
  expect(await operate("POST", "/v1/cutover/acme/compare")).toMatchObject({ status: 400 });
  expect(await operate("POST", "/v1/cutover/acme/back", {})).toMatchObject({ status: 400, body: { path: "to" } });
});

test("settings are changed one by one, and null restores a default", async () => {
  await operate("POST", "/v1/cutover/settled/advance", {});
  const change = (body: object) => operate("PATCH", "/v1/cutover/settled/settings", body);
  expect((await change({ strict: true })).body.settings).toEqual({ strict: true });
  expect((await change({ sample: 0.25 })).body.settings).toEqual({ strict: true, sample: 0.25 });
  expect((await change({ strict: null, sample: 0 })).body.settings).toEqual({ sample: 0 });
  expect(await change({ sample: 1.5 })).toMatchObject({ status: 400, body: { path: "sample" } });
  expect(await change({ strikt: true })).toMatchObject({ status: 400, body: { path: "strikt" } });
  expect(await operate("PATCH", "/v1/cutover/nobody/settings", { strict: true })).toMatchObject({ status: 404 });
});

test("the report is a page of one tenant", async () => {
  await operate("POST", "/v1/cutover/reported/advance", {});
  const { status, headers, text } = await operate("GET", "/v1/cutover/reported/report?hours=48");
  expect(status).toBe(200);
  expect(headers.get("Content-Type")).toContain("text/html");
  expect(text).toMatch(/^<!doctype html>/);
  expect(text).toContain("reported");
  expect(text).not.toContain("settled");
  expect((await operate("GET", "/v1/cutover/reported/report?hours=0")).status).toBe(400);
  expect((await operate("GET", "/v1/cutover/nobody/report")).status).toBe(404);
});

test("the report as JSON has the findings with their ids, the changes of the phase, and reads that disagreed", async () => {
  const exact = [{ id: "r1", distance: 0.1 }];
  const difference = {
    kind: "hits",
    query: 0,
    limit: 1,
    isFiltered: false,
    differing: [],
    chroma: [],
    cairn: exact,
    exact,
  };
  await addCutoverTenants(testDatabase.database, [
    {
      name: "examined",
      phase: "shadow",
      requests: [{ minutes: 5, kind: "query", side: "chroma", outcome: "differed", milliseconds: [4, 5] }],
      findings: [{ recordId: "r7", kind: "refused", side: "cairn", detail: "the vector is empty" }],
      events: [{ minutes: 60, from: "mirror", to: "shadow", overridden: ["identical"] }],
      disagreements: [{ kind: "query", agreement: 0.5, detail: { ...difference, outcome: "differed" } as never }],
    },
  ]);
  expect(await operate("GET", "/v1/cutover/examined/report?format=json&hours=2")).toMatchObject({
    status: 200,
    body: {
      hours: 2,
      series: [{ agreed: 0, missed: 0, differed: 2 }],
      findings: [{ record_id: "r7", kind: "refused", side: "cairn", detail: "the vector is empty", resolved_at: null }],
      finding_count: 1,
      events: [{ from: "mirror", to: "shadow", overridden: ["identical"] }],
      disagreements: [{ kind: "query", outcome: "differed", agreement: 0.5, difference: { cairn: exact } }],
      disagreement_count: 1,
    },
  });
  expect((await operate("GET", "/v1/cutover/examined/report?format=csv")).status).toBe(400);
});

test("only the operator has these routes", async () => {
  const { key } = await api.addTenant("curious");
  const namespace = await operate("POST", "/v1/namespaces/shop/keys", {});
  for (const credential of [key, namespace.body.secret])
    for (const [method, path, body] of [
      ["GET", "/v1/cutover"],
      ["GET", "/v1/cutover/curious"],
      ["POST", "/v1/cutover/curious/advance", {}],
      ["POST", "/v1/cutover/curious/back", {}],
      ["POST", "/v1/cutover/curious/compare"],
      ["PATCH", "/v1/cutover/curious/settings", { strict: true }],
      ["GET", "/v1/cutover/curious/report"],
    ] as const) {
      const headers = credential === key ? undefined : { "Cairn-Tenant": "curious" };
      const { status } = await api.call(method, path, { key: credential, body, headers });
      expect(status, `${method} ${path}`).toBe(403);
    }
  expect((await operate("GET", "/v1/cutover")).text).not.toContain("curious");
});

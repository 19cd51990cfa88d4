import { setTimeout as sleep } from "node:timers/promises";
import { createLog } from "@cairn/api/telemetry/log.ts";
import { createMetrics } from "@cairn/api/telemetry/metrics.ts";
import { advance, back } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { changeSettings } from "@cairn/chroma/gateway/cutover/settings.ts";
import { readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { type OpenGateway, openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { acquireLease, releaseLease } from "@cairn/chroma/lease/tenant-lease.ts";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase } from "./support/migration.ts";

// What an operator sees of the gateway in front of a real Chroma server: strict writes, sampled reads, metrics and the log.

const testDatabase = useTestDatabase();
const lines: string[] = [];
const log = createLog({ write: (line) => lines.push(line) });
let gateway: OpenGateway;
const api = useTestApi(testDatabase, () => {
  gateway = openGateway(testDatabase.services, {
    chroma: { url: inject("chromaUrl") },
    timeoutMs: 3_000,
    onError: () => {},
  });
  const metrics = createMetrics({ sources: [() => gateway.readMetrics()] });
  return { ...chromaOptions({ gateway: gateway.handler }), metrics, log };
});
let base: string;
let key: string;
beforeAll(async () => {
  base = `/api/v2/tenants/default_tenant/databases/${await createChromaDatabase(inject("chromaUrl"))}`;
  await addNamespace(testDatabase.database, { name: "shop", settings: {} });
  key = (await addNamespaceKey(testDatabase.database, "shop", {})).secret;
});
afterAll(() => gateway.close());

async function send(method: string, path: string, body?: unknown) {
  const { status, text } = await cairnPeer(api, key).request(method, `${base}${path}`, body);
  return { status, body: text === "" ? undefined : JSON.parse(text) };
}

/** Creates a collection of a tenant in Chroma. Returns its path. */
async function createCollection(tenant: string): Promise<string> {
  const { body } = await send("POST", "/collections", { name: `tenant_${tenant}_faq` });
  return `/collections/${body.id}`;
}

const record = (id: string) => ({ ids: [id], embeddings: [[1, 0, 0]], documents: [`text of ${id}`] });

const lastRecord = () => JSON.parse(lines.findLast((line) => line.includes('"request"')) ?? "{}");

async function readMetrics(): Promise<string> {
  await sleep(1_001); // they are computed once a second
  return (await api.call("GET", "/metrics")).text;
}

/** Replication of the tenant stands still while `work` runs. */
async function withoutReplication<T>(tenant: string, work: () => Promise<T>): Promise<T> {
  const { tenant: found } = (await readStatus(testDatabase.database, tenant)) ?? {};
  for (;;) {
    const lease = await acquireLease(testDatabase.database, found?.id ?? "");
    if (lease) return work().finally(() => releaseLease(testDatabase.database, lease));
    await sleep(20);
  }
}

test("a strict write is answered when Cairn has it, and otherwise 503 although Chroma has it", async () => {
  const at = await createCollection("strict");
  await advance(testDatabase.database, "strict");
  expect(await changeSettings(testDatabase.database, "strict", { strict: true })).toEqual({ strict: true });
  for (let n = 0; n < 5; n++) {
    expect((await send("POST", `${at}/upsert`, record(`r${n}`))).status).toBe(200);
    expect(await readStatus(testDatabase.database, "strict")).toMatchObject({ journal: { changes: 0 } });
  }
  const refused = await withoutReplication("strict", () => send("POST", `${at}/upsert`, record("late")));
  expect(refused).toMatchObject({
    status: 503,
    body: { message: expect.stringMatching(/was applied in Chroma.*need not be sent again/) },
  });
  expect(lastRecord()).toMatchObject({ status: 503, code: "replica_behind", phase: "mirror", side: "chroma" });
  expect((await send("GET", `${at}/count`)).body).toBe(6);
  expect(await changeSettings(testDatabase.database, "strict", { strict: false })).toEqual({});
  const answered = await withoutReplication("strict", () => send("POST", `${at}/upsert`, record("later")));
  expect(answered.status).toBe(200);
});

test("a strict write that Chroma refuses gets Chroma's answer", async () => {
  const at = await createCollection("refusing");
  await send("POST", `${at}/add`, record("three"));
  await advance(testDatabase.database, "refusing");
  await changeSettings(testDatabase.database, "refusing", { strict: true });
  const wrong = { ids: ["x"], embeddings: [[1, 2]] };
  expect((await send("POST", `${at}/add`, wrong)).status).toBe(400);
});

test("the setting sample decides how many reads are compared", async () => {
  const at = await createCollection("sampled");
  await advance(testDatabase.database, "sampled");
  await advance(testDatabase.database, "sampled", { force: true });
  const compared = async () => (await readStatus(testDatabase.database, "sampled"))?.compared?.identical;
  await expect.poll(compared, { timeout: 120_000 }).toBe(true); // Cairn has the collection
  await changeSettings(testDatabase.database, "sampled", { sample: 0.5 });
  for (const sample of [2, -0.1, Number.NaN])
    await expect(changeSettings(testDatabase.database, "sampled", { sample })).rejects.toThrow(/share from 0 to 1/);
  await sleep(600); // reads use a phase of half a second ago
  for (let n = 0; n < 10; n++) await send("GET", `${at}/count`);
  const observed = async () => {
    const { reads } = (await readStatus(testDatabase.database, "sampled")) ?? {};
    return (reads?.compared ?? 0) + (reads?.excluded ?? 0) + (reads?.failed ?? 0) + (reads?.dropped ?? 0);
  };
  await expect.poll(observed, { timeout: 120_000 }).toBe(5);
  expect(await changeSettings(testDatabase.database, "sampled", { sample: null })).toEqual({});
});

test("the records are compared again when every write has ended that was sent before the phase mirror", async () => {
  await createCollection("settling");
  const { since } = await advance(testDatabase.database, "settling");
  const settledAt = (since?.getTime() ?? 0) + 5_000; // the time limit of this gateway, and two seconds
  await expect
    .poll(async () => (await readStatus(testDatabase.database, "settling"))?.compared?.identical, { timeout: 120_000 })
    .toBe(true);
  const entered = async () => {
    const { compared } = (await readStatus(testDatabase.database, "settling")) ?? {};
    return Date.parse(compared?.startedAt ?? "") >= settledAt;
  };
  await expect.poll(entered, { timeout: 120_000 }).toBe(true);
  const moved = await advance(testDatabase.database, "settling", { limits: { settleMs: 5_000 } });
  expect(moved).toMatchObject({ phase: "shadow" });
});

test("a tenant that no name of the namespace can stand for is refused, and not created", async () => {
  await addNamespace(testDatabase.database, {
    name: "narrow",
    settings: { patterns: ["narrow_{collection}"], tenant: "acme" },
  });
  const attempt = advance(testDatabase.database, "akme", { namespace: "narrow" });
  await expect(attempt).rejects.toMatchObject({ code: "invalid_input", path: "namespace" });
  expect(await readStatus(testDatabase.database, "akme")).toBeUndefined();
  expect(await advance(testDatabase.database, "acme", { namespace: "narrow" })).toMatchObject({ phase: "mirror" });
});

test("log lines name the tenant's phase, the side that decided and the time of Chroma", async () => {
  const at = await createCollection("logged");
  expect(lastRecord()).toMatchObject({
    tenant: null,
    phase: "chroma",
    side: "chroma",
    upstream_ms: expect.any(Number),
  });
  const { tenant } = await advance(testDatabase.database, "logged", { namespace: "shop" });
  await send("POST", `${at}/add`, record("one"));
  expect(lastRecord()).toMatchObject({ tenant: tenant.id, phase: "mirror", side: "chroma", status: 201 });
  await advance(testDatabase.database, "logged", { force: true });
  await advance(testDatabase.database, "logged", { force: true });
  await send("POST", `${at}/add`, record("two"));
  expect(lastRecord()).toMatchObject({ tenant: tenant.id, phase: "cairn", side: "cairn" });
  expect(lastRecord()).not.toHaveProperty("upstream_ms");
  await api.call("GET", "/v1/tenants", { key: api.operator });
  expect(lastRecord()).not.toHaveProperty("side");
  await back(testDatabase.database, "logged");
});

test("metrics show writes, the state of Chroma, phases, and the journals of at most twenty tenants", async () => {
  const text = await readMetrics();
  expect(text).toMatch(/^cairn_chroma_up 1$/m);
  expect(text).toMatch(/^cairn_cutover_writes_total\{side="chroma",outcome="ok"\} \d+$/m);
  expect(text).toMatch(/^cairn_cutover_writes_total\{side="chroma",outcome="refused"\} 1$/m);
  expect(text).toMatch(/^cairn_cutover_reads_total\{kind="count",outcome="\w+"\} \d+$/m);
  expect(text).toMatch(/^cairn_cutover_tenants\{phase="mirror"\} \d+$/m);
  for (let n = 0; n < 22; n++) {
    const { id } = await createTenant(testDatabase.database, { name: `deep ${n}` });
    await asAdmin(testDatabase.database, async ({ orm }) => {
      await orm.execute(sql`
        INSERT INTO cairn.cutover_tenants (tenant_id, namespace_id, phase)
        SELECT ${id}::uuid, id, 'chroma' FROM cairn.namespaces WHERE name = 'shop'`);
      await orm.execute(sql`
        INSERT INTO cairn.changes (tenant_id, ids, created_at, in_flight_until)
        SELECT ${id}::uuid, ARRAY['x'], now() - interval '1 minute', now() + interval '1 hour'
        FROM generate_series(1, ${n + 10})`);
    });
  }
  const deep = await readMetrics();
  const journals = [...deep.matchAll(/^cairn_cutover_journal_changes\{tenant="(.*)"\} (\d+)$/gm)];
  expect(journals).toHaveLength(21);
  expect(journals.at(-1)?.slice(1)).toEqual(["other", "21"]);
  expect(deep).toMatch(/^cairn_cutover_journal_oldest_seconds\{tenant="other"\} 6\d/m);
});

test("metrics of a database that does not answer are left out, and those of the process stay", async () => {
  const broken = { ...testDatabase.database, read: () => Promise.reject(new Error("down")) };
  const services = { ...testDatabase.services, database: broken };
  const other = openGateway(services, { chroma: { url: "http://127.0.0.1:9" }, onError: () => {} });
  const families = await other.readMetrics();
  expect(families.map(({ name }) => name)).toEqual([
    "cairn_chroma_up",
    "cairn_cutover_reads_total",
    "cairn_cutover_writes_total",
  ]);
  await other.close();
});

import { advance } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { type OpenGateway, openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { acquireLease, releaseLease } from "@cairn/chroma/lease/tenant-lease.ts";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { useTestApi } from "./support/api.ts";
import { chromaOptions } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase } from "./support/migration.ts";

const MAX_PENDING_IDS = 5;
const testDatabase = useTestDatabase();
let gateway: OpenGateway;
const api = useTestApi(testDatabase, () => {
  gateway = openGateway(testDatabase.services, {
    chroma: { url: inject("chromaUrl") },
    maxPendingIds: MAX_PENDING_IDS,
    onError: () => {},
  });
  return chromaOptions({ gateway: gateway.handler });
});
let base: string;
let key: string;
beforeAll(async () => {
  base = `/api/v2/tenants/default_tenant/databases/${await createChromaDatabase(inject("chromaUrl"))}`;
  await addNamespace(testDatabase.database, { name: "shop", settings: {} });
  key = (await addNamespaceKey(testDatabase.database, "shop", {})).secret;
});
afterAll(() => gateway.close());

function send(path: string, body: unknown): Promise<Response> {
  const headers = { "X-Chroma-Token": key, "Content-Type": "application/json" };
  return Promise.resolve(api.app.request(`${base}${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** A tenant in the phase mirror that no process can replicate until `release`. */
async function mirrorWithoutReplication(name: string) {
  const created = await send("/collections", { name: `tenant_${name}_faq` });
  const { id } = (await created.json()) as { id: string };
  const { tenant } = await advance(testDatabase.database, name);
  const compared = async () => (await readStatus(testDatabase.database, name))?.compared;
  await vi.waitFor(async () => expect(await compared()).toBeTruthy(), { timeout: 120_000, interval: 50 });
  const lease = await vi.waitFor(
    async () => {
      const acquired = await acquireLease(testDatabase.database, tenant.id);
      return acquired ?? expect.fail("the lease is taken");
    },
    { timeout: 120_000, interval: 20 },
  );
  let written = 0;
  return {
    tenantId: tenant.id,
    /** Adds a new record. */
    add: () => send(`/collections/${id}/add`, { ids: [`record-${written++}`], embeddings: [[1, 2, 3]] }),
    release: () => releaseLease(testDatabase.database, lease),
  };
}

async function addUntilRefused(add: () => Promise<Response>): Promise<Response> {
  return vi.waitFor(
    async () => {
      const response = await add();
      return response.status === 201 ? expect.fail("the write was accepted") : response;
    },
    { timeout: 120_000, interval: 20 },
  );
}

test("a write is refused for now while too many records wait for the replica, and accepted when it has them", async () => {
  const { add, release } = await mirrorWithoutReplication("fast");
  for (let i = 0; i < MAX_PENDING_IDS; i++) expect((await add()).status).toBe(201);
  const refused = await addUntilRefused(add);
  expect(refused.status).toBe(503);
  expect(refused.headers.get("Retry-After")).toBe("1");
  expect(await refused.json()).toMatchObject({ message: expect.stringContaining('tenant "fast"') });
  await release();
  await vi.waitFor(async () => expect((await add()).status).toBe(201), { timeout: 120_000 });
});

test("a replica that fails holds up no write", async () => {
  const { add, release, tenantId } = await mirrorWithoutReplication("failing");
  for (let i = 0; i < MAX_PENDING_IDS; i++) expect((await add()).status).toBe(201);
  await addUntilRefused(add);
  await asAdmin(testDatabase.database, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.changes SET attempts = 1 WHERE tenant_id = ${tenantId}::uuid`),
  );
  for (let i = 0; i < 2; i++) expect((await add()).status).toBe(201);
  await release();
});

import { createJob } from "@cairn/core/job/job.ts";
import { changeTenant } from "@cairn/core/tenant/tenant.ts";
import { beforeAll, expect, test, vi } from "vitest";
import { type CallOptions, createTestApi, useTestApi } from "./support/api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { callTool, SEARCH } from "./support/mcp.ts";
import { type ApiDescription, readDescription } from "./support/openapi.ts";

// The key of a namespace in /v1 and /mcp: the header Cairn-Tenant selects its tenant, and it is never the operator's.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ credentialCacheMs: 300 }));
let description: ApiDescription;
let key: string;
let reader: string;
const tenants: Record<"acme" | "globex", { readonly id: string; readonly key: string }> = {} as never;
beforeAll(async () => {
  description = await readDescription(api);
  tenants.acme = await api.addTenant("acme");
  tenants.globex = await api.addTenant("globex");
  key = await createKey("shop", {});
  reader = await createKey("shop", { scopes: ["read"] });
  for (const [name, { key: own }] of Object.entries(tenants))
    await api.call("POST", "/v1/documents", {
      key: own,
      body: { documents: [{ id: name, content: `a kettle of ${name}` }] },
    });
});

const operate = (method: string, path: string, body?: object) => api.call(method, path, { key: api.operator, body });

/** Creates a key of a namespace, and the namespace if it is new. */
async function createKey(name: string, body: object, settings: object = {}): Promise<string> {
  await operate("POST", "/v1/namespaces", { name, ...settings });
  return (await operate("POST", `/v1/namespaces/${name}/keys`, body)).body.secret;
}

/** Sends a request for a tenant of the namespace. */
const callFor = (tenant: string, method: string, path: string, { headers, ...options }: CallOptions = {}) =>
  api.call(method, path, { key, ...options, headers: { "Cairn-Tenant": tenant, ...headers } });

const ids = (text: string) => ["acme", "globex"].filter((name) => text.includes(`"${name}"`));

test("the header selects the tenant by name or id, for reading and for writing", async () => {
  const list = async (tenant: string) => ids((await callFor(tenant, "GET", "/v1/documents")).text);
  expect(await list("acme")).toEqual(["acme"]);
  expect(await list("globex")).toEqual(["globex"]);
  expect(await list(tenants.globex.id)).toEqual(["globex"]);
  expect(await list(tenants.acme.id.replaceAll("-", "").toUpperCase())).toEqual(["acme"]);
  const documents = [{ id: "written", content: "a spoon" }];
  expect((await callFor("acme", "POST", "/v1/documents", { body: { documents } })).status).toBe(200);
  expect((await callFor("acme", "GET", "/v1/documents/written")).status).toBe(200);
  expect((await callFor("globex", "GET", "/v1/documents/written")).status).toBe(404);
  expect((await callFor("acme", "GET", "/v1/documents/written", { key: reader })).status).toBe(200);
  expect((await callFor("acme", "DELETE", "/v1/documents/written", { key: reader })).status).toBe(403);
});

test("an assistant searches the documents of the selected tenant", async () => {
  const call = (headers: Readonly<Record<string, string>>) =>
    api.call("POST", "/mcp", {
      key,
      headers: { Accept: "application/json, text/event-stream", ...headers },
      body: { jsonrpc: "2.0", id: 1, method: "tools/call", params: SEARCH },
    });
  const { text } = await call({ "Cairn-Tenant": "globex" });
  expect(text).toContain("a kettle of globex");
  expect(text).not.toContain("a kettle of acme");
  expect(await callTool(api, key, SEARCH)).toMatchObject({ status: 400, body: { path: "Cairn-Tenant" } });
});

test("without the header every route is refused, whichever it is, and nothing of the operator or a tenant is shown", async () => {
  for (const { method, path, body, operationId } of description.operations.filter(({ secured }) => secured)) {
    const route = path.replace("{tenant}", tenants.acme.id).replace(/\{\w+\}/g, "x");
    const answer = await api.call(method, route, { key, body: body?.example });
    expect(answer, operationId).toMatchObject({
      status: 400,
      body: {
        code: "invalid_input",
        path: "Cairn-Tenant",
        detail: expect.stringContaining("Cairn-Tenant: <name or id>"),
      },
    });
  }
});

test("with the header a namespace's key is a tenant's and never the operator's", async () => {
  await createJob(testDatabase.database, null, { kind: "of the operator", request: {} });
  for (const { method, path, body, operationId } of description.operations.filter(({ secured }) => secured)) {
    if (!/^\/v1\/(tenants|migrations|namespaces|keys|stats|reindex)\b/.test(path)) continue;
    const route = path.replace("{tenant}", tenants.acme.id).replace(/\{\w+\}/g, "x");
    const answer = await callFor("acme", method, route, { body: body?.example });
    expect(answer, operationId).toMatchObject({ status: 403, body: { code: "forbidden" } });
  }
  const jobs = await callFor("acme", "GET", "/v1/jobs");
  expect(jobs.status).toBe(200);
  expect(jobs.text).not.toContain("of the operator");
});

test("a tenant that does not exist and one that the namespace cannot name are answered alike", async () => {
  const single = await createKey("single", {}, { patterns: ["{collection}"], tenant: "acme" });
  const get = async (name: string) => {
    const { status, body } = await callFor(name, "GET", "/v1/documents", { key: single });
    return { status, code: body.code, detail: body.detail?.replace(JSON.stringify(name), "<name>") };
  };
  expect(await get("acme")).toMatchObject({ status: 200 });
  const missing = await get("missing");
  expect(missing).toEqual({ status: 404, code: "not_found", detail: "There is no tenant <name>." });
  for (const name of ["globex", tenants.globex.id, "x".repeat(2_000)]) expect(await get(name)).toEqual(missing);
});

test("the header is refused with the key of a tenant and of the operator", async () => {
  for (const other of [tenants.acme.key, api.operator])
    for (const name of ["acme", "globex"])
      expect(await callFor(name, "GET", "/v1/jobs", { key: other })).toMatchObject({
        status: 400,
        body: { code: "invalid_input", path: "Cairn-Tenant" },
      });
});

test("the tenant's own limit applies, and a refused selection counts against the namespace's", async () => {
  const limited = await api.addTenant("limited");
  await changeTenant(testDatabase.database, limited.id, { limits: { requestsPerMinute: 2 } });
  const statuses = [];
  for (let n = 0; n < 3; n++) statuses.push((await callFor("limited", "GET", "/v1/collections")).status);
  expect(statuses).toEqual([200, 200, 429]);
  expect((await callFor("acme", "GET", "/v1/documents")).status).toBe(200);

  const slow = await createTestApi(testDatabase.database, { requestsPerMinute: 3 });
  const ask = async (tenant: string) =>
    (await slow.call("GET", "/v1/documents", { key, headers: { "Cairn-Tenant": tenant } })).status;
  expect([await ask("no"), await ask("no"), await ask("no"), await ask("no")]).toEqual([404, 404, 404, 429]);
  expect(await ask("acme")).toBe(200);
  await slow.queue.close();
});

test("a disabled tenant is refused, and served again after it is enabled", async () => {
  const { id } = await api.addTenant("off");
  const status = async () => (await callFor("off", "GET", "/v1/collections")).status;
  expect(await status()).toBe(200);
  await changeTenant(testDatabase.database, id, { disabled: true });
  await vi.waitFor(async () => expect(await status()).toBe(403), { timeout: 2_000, interval: 50 });
  await changeTenant(testDatabase.database, id, { disabled: false });
  await vi.waitFor(async () => expect(await status()).toBe(200), { timeout: 2_000, interval: 50 });
});

test("stored responses belong to the selected tenant", async () => {
  const write = (tenant: string) =>
    callFor(tenant, "POST", "/v1/collections", {
      headers: { "Idempotency-Key": "same" },
      body: { name: "once" },
    });
  const first = await write("acme");
  expect(first.status).toBe(201);
  expect((await write("acme")).body.id).toBe(first.body.id);
  const other = await write("globex");
  expect(other.status).toBe(201);
  expect(other.body.id).not.toBe(first.body.id);
});

test("the log names the selected tenant", async () => {
  const records: unknown[] = [];
  const observed = await createTestApi(testDatabase.database, { observers: [(record) => records.push(record)] });
  await observed.call("GET", "/v1/documents", { key, headers: { "Cairn-Tenant": "acme" } });
  await observed.call("GET", "/v1/documents", { key });
  expect(records).toMatchObject([
    { tenant: tenants.acme.id, status: 200 },
    { tenant: null, status: 400 },
  ]);
  await observed.queue.close();
});

test("a service without a resolver refuses the keys of namespaces", async () => {
  const without = await createTestApi(testDatabase.database, { namespaces: undefined });
  const answer = await without.call("GET", "/v1/documents", { key, headers: { "Cairn-Tenant": "acme" } });
  expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  await without.queue.close();
});

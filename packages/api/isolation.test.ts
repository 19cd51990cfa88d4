import { listDocuments } from "@cairn/core/document/list.ts";
import { createJob } from "@cairn/core/job/job.ts";
import { listApiKeys } from "@cairn/core/tenant/api-key.ts";
import { createNamespace } from "@cairn/core/tenant/namespace.ts";
import { inspectRoutes } from "hono/dev";
import { beforeAll, expect, test } from "vitest";
import { useTestApi } from "../../test/support/api.ts";
import { useTestDatabase } from "../../test/support/fixture.ts";
import { type ApiDescription, type Operation, readDescription } from "../../test/support/openapi.ts";
import { docsRoutes } from "./routes/docs.ts";
import { createMetrics } from "./telemetry/metrics.ts";

// The routes come from the service's OpenAPI description, so a new route is tested automatically.

const MARK = "zebrafish"; // part of everything that belongs to tenant A

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ docs: docsRoutes(async () => undefined), metrics: createMetrics() }));
let description: ApiDescription;
let a: { readonly id: string; readonly key: string };
let b: { readonly id: string; readonly key: string };
let ids: Readonly<Record<string, string>>;
beforeAll(async () => {
  description = await readDescription(api);
  a = await api.addTenant(`tenant-${MARK}`);
  b = await api.addTenant("b");
  const created = await api.call("POST", "/v1/collections", {
    key: a.key,
    body: { name: `c-${MARK}`, metadata: { mark: MARK } },
  });
  const document = { id: `doc-${MARK}`, content: `the ${MARK} swims`, metadata: { mark: MARK } };
  for (const collection of [`c-${MARK}`, undefined])
    expect(
      (await api.call("POST", "/v1/documents", { key: a.key, body: { collection, documents: [document] } })).status,
    ).toBe(200);
  await api.call("POST", "/v1/documents", {
    key: b.key,
    body: { documents: [{ id: "b", content: "b swims" }] },
  });
  const job = await createJob(testDatabase.database, a.id, { kind: MARK, request: {} });
  const [key] = await listApiKeys(testDatabase.database, a.id);
  const namespace = await createNamespace(testDatabase.database, { name: `n-${MARK}`, settings: {} });
  ids = {
    collection: created.body.id,
    document: `doc-${MARK}`,
    job: job.id,
    key: key?.id as string,
    namespace: namespace.id,
    tenant: a.id,
  };
});

const MISSING: Readonly<Record<string, string>> = {
  collection: "00000000-1111-4222-8333-444444444444",
  document: "00000000-1111-4222-8333-444444444444",
  job: "00000000-1111-4222-8333-444444444444",
  key: "00000000-1111-4222-8333-444444444444",
  namespace: "00000000-1111-4222-8333-444444444444",
  tenant: "00000000-1111-4222-8333-444444444444",
};

/** The example request of the operation, with these ids in every parameter that takes one. */
function request(operation: Operation, values: Readonly<Record<string, string>>) {
  const at = (name: string) => encodeURIComponent(values[name] ?? "unknown");
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => at(name));
  const query = operation.parameters.some((one) => one.in === "query" && one.name === "collection")
    ? `?collection=${at("collection")}`
    : "";
  const properties = operation.body?.properties ?? {};
  const body = operation.body && {
    ...(operation.body.example as object),
    ...("collection" in properties ? { collection: values.collection } : {}),
  };
  return [operation.method, path + query, { key: b.key, body }] as const;
}

/** Routes without a description, and what they are. */
const UNDESCRIBED = {
  "GET /openapi.json": "the OpenAPI description",
  "GET /docs": "the API reference page",
  "GET /docs/start.js": "a file of that page",
  "GET /docs/{name}": "a file of that page",
  "GET /metrics": "counts of requests, without a tenant",
  "POST /mcp": "a protocol with its own description; mcp.test.ts tests its isolation",
};

test("every served route is described, except those listed here, and every described route except two requires a key", () => {
  const served = inspectRoutes(api.app)
    .filter(({ method, isMiddleware }) => method !== "ALL" || !isMiddleware)
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  const described = description.operations.map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(served)].sort()).toEqual([...described, ...Object.keys(UNDESCRIBED)].sort());
  const unsecured = description.operations.filter(({ secured }) => !secured).map(({ path }) => path);
  expect(unsecured.sort()).toEqual(["/health", "/ready"]);
});

test("on every route and method, another tenant's id is answered exactly like a missing one", async () => {
  const statuses: Record<string, number> = {};
  const acceptsId = ({ parameters, body }: Operation) =>
    parameters.some((one) => one.in === "path" || one.name === "collection") ||
    "collection" in (body?.properties ?? {});
  for (const operation of description.operations.filter(acceptsId)) {
    const [foreign, missing] = [
      await api.call(...request(operation, ids)),
      await api.call(...request(operation, MISSING)),
    ];
    const name = `${operation.method} ${operation.path}`;
    statuses[name] = foreign.status;
    const normalize = ({ text }: { readonly text: string }, values: typeof ids) =>
      Object.values(values)
        .reduce((rest, id) => rest.replaceAll(id, "<id>"), text)
        .replace(/"request_id":"[^"]*"/, "")
        .replace(/"(id|created_at|updated_at|secret|hint)":"[^"]*"/g, "");
    expect(foreign.status, name).toBe(missing.status);
    expect(normalize(foreign, ids), name).toBe(normalize(missing, MISSING));
    expect(foreign.text.replaceAll(ids.document as string, ""), name).not.toContain(MARK);
  }
  // The test is not vacuous: the requests are valid, and only the id makes them fail.
  expect(statuses).toMatchObject({
    "GET /v1/collections/{collection}": 404,
    "PATCH /v1/collections/{collection}": 404,
    "DELETE /v1/collections/{collection}": 404,
    "POST /v1/documents": 404,
    "GET /v1/documents/{document}": 404,
    "DELETE /v1/documents/{document}": 404,
    "PATCH /v1/documents/{document}": 404,
    "POST /v1/documents/update": 404,
    "POST /v1/documents/get": 404,
    "POST /v1/documents/count": 404,
    "POST /v1/documents/delete": 404,
    "POST /v1/documents/bulk": 404,
    "POST /v1/query": 404,
    "POST /v1/tools/search": 404,
    "POST /v1/reindex": 404,
    "GET /v1/jobs/{job}": 404,
    "GET /v1/jobs/{job}/events": 404,
    "POST /v1/jobs/{job}/cancel": 404,
    "DELETE /v1/keys/{key}": 404,
    "POST /v1/keys/{key}/rotate": 404,
    "GET /v1/tenants/{tenant}": 403,
    "DELETE /v1/namespaces/{namespace}": 403,
    "GET /v1/namespaces/{namespace}/keys": 403,
  });
});

test("routes without an id show nothing of another tenant", async () => {
  for (const operation of description.operations.filter(({ secured }) => secured))
    expect((await api.call(...request(operation, MISSING))).text, operation.path).not.toContain(MARK);
});

test("the data of tenant A is unchanged and visible to it", async () => {
  await api.queue.close();
  for (const collection of [`c-${MARK}`, undefined]) {
    const { documents } = await listDocuments(testDatabase.database, a.id, { collection });
    expect(documents.map(({ id }) => id)).toEqual([`doc-${MARK}`]);
  }
  expect((await api.call("GET", `/v1/jobs/${ids.job}`, { key: a.key })).status).toBe(200);
  const keys = await api.call("GET", "/v1/keys", { key: a.key });
  expect(keys.body.keys[0]).toMatchObject({ id: ids.key, revoked_at: null });
});

test("without a key, with a wrong key and with a part of a key, every secured route answers 401", async () => {
  for (const operation of description.operations.filter(({ secured }) => secured))
    for (const key of [undefined, "cairn_wrong", a.key.slice(0, -1), `${a.key}x`, "not.a.token"]) {
      const [method, path, { body }] = request(operation, ids);
      const answer = await api.call(method, path, { key, body });
      expect(answer.status, `${method} ${path} with ${key}`).toBe(401);
      expect(answer.body.code).toBe("unauthorized");
      expect(answer.headers.get("WWW-Authenticate")).toContain("Bearer");
    }
});

test("a key can do only what its scopes allow", async () => {
  const created = await api.call("POST", "/v1/keys", { key: a.key, body: { scopes: ["read"] } });
  const { secret } = created.body;
  const read = (path: string, body?: object) => api.call(body ? "POST" : "GET", path, { key: secret, body });
  expect((await read("/v1/collections")).status).toBe(200);
  expect((await read("/v1/query", { query: "swims" })).status).toBe(200);
  expect((await read("/v1/documents/get", { ids: ["x"] })).status).toBe(200);
  expect((await read("/v1/documents/count", {})).status).toBe(200);
  expect((await read("/v1/documents", { documents: [{ content: "x" }] })).status).toBe(403);
  expect((await read("/v1/documents/update", { documents: [{ id: "x", metadata: {} }] })).status).toBe(403);
  const change = { key: secret, body: { uri: null } };
  expect((await api.call("PATCH", `/v1/documents/${ids.document}`, change)).status).toBe(403);
  expect((await read("/v1/keys")).status).toBe(403);
  expect((await read("/v1/stats")).status).toBe(403);
  expect((await read(`/v1/jobs/${ids.job}`)).status).toBe(200);
  expect((await api.call("POST", `/v1/jobs/${ids.job}/cancel`, { key: secret })).status).toBe(403);
  expect((await read("/v1/reindex", {})).status).toBe(403);
  expect((await read("/v1/documents/bulk", { documents: [{ content: "x" }] })).status).toBe(403);
  // The operator manages tenants, and cannot read their documents.
  const operator = (method: string, path: string, body?: object) => api.call(method, path, { key: api.operator, body });
  expect((await operator("GET", "/v1/tenants")).body.tenants.length).toBeGreaterThanOrEqual(2);
  expect((await operator("GET", "/v1/documents")).status).toBe(403);
  expect((await operator("POST", "/v1/query", { query: "swims" })).status).toBe(403);
});

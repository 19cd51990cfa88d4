import { cancelJob, createJob, failJob } from "@cairn/core/job/job.ts";
import { describe, expect, test } from "vitest";
import { useRoutes } from "../../../test/support/routes.ts";

const { api, tenant, call, operate } = useRoutes();

describe("the identity of a key", () => {
  test("names the tenant and the scopes of its key, and of the operator's key no tenant", async () => {
    const { body } = await call("GET", "/v1/identity");
    expect(body).toMatchObject({ kind: "tenant", tenant: { id: tenant.id }, scopes: ["read", "write", "admin"] });
    expect((await operate("GET", "/v1/identity")).body).toMatchObject({ kind: "operator", tenant: null });
    expect((await call("GET", "/v1/identity", undefined, "cairn_wrong")).status).toBe(401);
  });
});

describe("the overview", () => {
  test("agrees with the statistics of each collection, and shows a tenant only itself", async () => {
    const other = await api.addTenant("other");
    await call("POST", "/v1/documents", { documents: [{ content: "not to be seen" }] }, other.key);
    await call("POST", "/v1/collections", { name: "empty" });
    const documents = Array.from({ length: 3 }, (_, n) => ({ id: `d${n}`, content: `Kettle number ${n}.` }));
    await call("POST", "/v1/documents", { documents });
    await call("POST", "/v1/query", { query: "kettle" });
    const { tenants, next } = (await call("GET", "/v1/overview")).body;
    expect([tenants.length, tenants[0].id, next]).toEqual([1, tenant.id, null]);
    const { collections } = (await call("GET", "/v1/stats")).body;
    expect(collections.length).toBeGreaterThan(1);
    for (const [n, { name, indexes, ...state }] of tenants[0].collections.entries()) {
      const { collection, indexes: expected, bytes: _, ...stats } = collections[n];
      expect(name).toBe(collection);
      expect(state).toMatchObject(stats);
      expect(indexes.map((index: { name: string }) => index.name)).toEqual(
        expected.map((index: { name: string }) => index.name),
      );
    }
    expect(tenants[0].collections.find(({ name }: { name: string }) => name === "knowledge")).toMatchObject({
      documents: 3,
      latency: { searches: 1 },
    });
  });

  test("shows pending index work with its reason, and running and failed jobs", async () => {
    const { id, key } = await api.addTenant("busy");
    await call("POST", "/v1/collections", { name: "large", index: { threshold: 2 } }, key);
    const documents = Array.from({ length: 4 }, (_, n) => ({ content: `Kettle number ${n}.` }));
    await call("POST", "/v1/documents", { collection: "large", documents }, key);
    const { database } = api.services;
    const running = await createJob(database, id, { kind: "ingest", request: {} });
    const failed = await createJob(database, id, { kind: "ingest", request: {} });
    await failJob(database, { tenantId: id, id: failed.id }, { code: "internal_error", message: "Lost." });
    const [state] = (await call("GET", "/v1/overview", undefined, key)).body.tenants;
    expect(state.jobs).toEqual({ in_progress: 1, failed: 1 });
    await cancelJob(database, { tenantId: id, id: running.id });
    expect(state.collections[0].due).toEqual({
      action: "build",
      reason: expect.stringContaining("4 rows have no index"),
    });
  });

  test("shows the operator all tenants in pages, in order of name", async () => {
    const all = (await operate("GET", "/v1/tenants")).body.tenants.map(({ name }: { name: string }) => name);
    const names: string[] = [];
    for (let after: string | null = ""; after !== null; ) {
      const query: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      const { tenants, next } = (await operate("GET", `/v1/overview?limit=2${query}`)).body;
      expect(tenants.length).toBeLessThanOrEqual(2);
      names.push(...tenants.map(({ name }: { name: string }) => name));
      after = next;
    }
    expect(names).toEqual(all);
    expect((await operate("GET", "/v1/overview?after=nobody")).status).toBe(404);
  });
});

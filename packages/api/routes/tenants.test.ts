import { describe, expect, test, vi } from "vitest";
import { idsOf, useRoutes } from "../../../test/support/routes.ts";

// The effect of each request field, as a caller sees it.

const { api, tenant, call, operate, missing } = useRoutes();

describe("a tenant", () => {
  const statusOf = async (key: string) => (await api.call("GET", "/v1/collections", { key })).status;
  const eventually = (check: () => Promise<void>) => vi.waitFor(check, 5_000); // a key is cached for a millisecond

  test("has the requested name and id, and is found by both", async () => {
    const input = { name: "acme", id: "aaaaaaaa-1111-4222-8333-444444444444" };
    const { status, body } = await operate("POST", "/v1/tenants", input);
    expect(status).toBe(201);
    expect(body).toMatchObject({ ...input, limits: {}, disabled_at: null });
    for (const key of [input.name, input.id]) expect((await operate("GET", `/v1/tenants/${key}`)).body).toEqual(body);
    expect((await operate("GET", "/v1/tenants")).body.tenants).toContainEqual(body);
  });

  test("is renamed, limited, disabled and enabled", async () => {
    const { id, key } = await api.addTenant("to change");
    const change = async (changes: object) => (await operate("PATCH", `/v1/tenants/${id}`, changes)).body;
    expect(await change({ name: "changed" })).toMatchObject({ id, name: "changed" });
    const limits = {
      requests_per_minute: 1234,
      embedding_tokens_per_day: 5678,
      stored_rows: 9012,
      stored_bytes: 34567890,
    };
    expect(await change({ limits })).toMatchObject({ name: "changed", limits });
    await eventually(async () => {
      const { headers } = await api.call("GET", "/v1/collections", { key });
      expect(headers.get("RateLimit-Limit")).toBe("1234");
    });
    expect(await change({ disabled: true })).toMatchObject({ disabled_at: expect.any(String), limits });
    await eventually(async () => expect(await statusOf(key)).toBe(401));
    expect(await change({ disabled: false })).toMatchObject({ disabled_at: null });
    await eventually(async () => expect(await statusOf(key)).toBe(200));
  });

  test("has its usage by day, which the operator reads for a range, in either format", async () => {
    const { id, key } = await api.addTenant("to measure");
    await call("GET", "/v1/collections", undefined, key);
    const today = new Date().toISOString().slice(0, 10);
    const query = `?tenant=${id}&from=${today}&to=${today}&format=`;
    const { from, to, days } = (await operate("GET", `/v1/usage${query}json`)).body;
    expect([from, to, days.length]).toEqual([today, today, 1]);
    expect(days[0]).toMatchObject({ day: today, tenant: { id, name: "to measure" }, requests: 1, tokens: [] });
    expect((await operate("GET", `/v1/usage${query}csv`)).text).toContain(`${today},${id},to measure,requests,,1`);
  });

  test("is deleted with its keys and data, and other tenants are not", async () => {
    const { id, key } = await api.addTenant("to delete");
    await call("POST", "/v1/documents", { documents: [{ id: "gone", content: "gone" }] }, key);
    expect((await operate("DELETE", "/v1/tenants/to%20delete")).status).toBe(204);
    expect((await operate("GET", `/v1/tenants/${id}`)).status).toBe(404);
    await eventually(async () => expect(await statusOf(key)).toBe(401));
    expect(await statusOf(tenant.key)).toBe(200);
    await operate("POST", "/v1/tenants", { id });
    const { secret } = (await operate("POST", `/v1/tenants/${id}/keys`, {})).body;
    expect((await call("GET", "/v1/collections", undefined, secret)).body.collections).toEqual([]);
  });

  test("gets keys from the operator, who creates, lists and revokes them", async () => {
    const { id } = await api.addTenant("given keys");
    const input = { name: "web shop", scopes: ["read"], expires_at: "2100-01-01T00:00:00.000Z" };
    const created = await operate("POST", "/v1/tenants/given%20keys/keys", input);
    expect(created.status).toBe(201);
    expect(created.body.key).toMatchObject({ ...input, revoked_at: null });
    expect(await statusOf(created.body.secret)).toBe(200);
    const keys = async () => (await operate("GET", `/v1/tenants/${id}/keys`)).body.keys;
    expect(idsOf(await keys())).toEqual([expect.any(String), created.body.key.id]);
    const revoked = await operate("DELETE", `/v1/tenants/${id}/keys/${created.body.key.id}`);
    expect(revoked.body).toMatchObject({ id: created.body.key.id, revoked_at: expect.any(String) });
    await eventually(async () => expect(await statusOf(created.body.secret)).toBe(401));
    expect((await keys())[1]).toEqual(revoked.body);
  });

  test("creates, rotates and revokes its own keys", async () => {
    const { key } = await api.addTenant();
    const input = { name: "shop", scopes: ["read", "write"], expires_at: "2100-01-01T00:00:00.000Z" };
    const { body: first } = await call("POST", "/v1/keys", input, key);
    expect(first.key).toMatchObject(input);
    const rotate = async (id: string, grace: number) =>
      (await call("POST", `/v1/keys/${id}/rotate`, { grace_seconds: grace }, key)).body;
    const second = await rotate(first.key.id, 1_000);
    expect(second.key).toMatchObject(input);
    expect([await statusOf(first.secret), await statusOf(second.secret)]).toEqual([200, 200]);
    const third = await rotate(second.key.id, 0);
    await eventually(async () => expect(await statusOf(second.secret)).toBe(401));
    expect([await statusOf(first.secret), await statusOf(third.secret)]).toEqual([200, 200]);
    const revoked = await call("DELETE", `/v1/keys/${third.key.id}`, undefined, key);
    expect(revoked.body).toMatchObject({ id: third.key.id, revoked_at: expect.any(String) });
    await eventually(async () => expect(await statusOf(third.secret)).toBe(401));
    const { keys } = (await call("GET", "/v1/keys", undefined, key)).body;
    expect(idsOf(keys).slice(1)).toEqual([first, second, third].map((created) => created.key.id));
  });
});

test("the process and its database answer", async () => {
  for (const path of ["/health", "/ready"]) expect((await call("GET", path)).body).toEqual({ status: "ok" });
});

test("the tests above cover every described operation and field", () => {
  expect(missing("tenants")).toEqual([]);
});

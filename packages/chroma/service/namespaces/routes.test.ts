import { expect, test } from "vitest";
import { useTestApi } from "../../../../test/support/api.ts";
import { useTestDatabase } from "../../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);

const operate = (method: string, path: string, body?: object) => api.call(method, path, { key: api.operator, body });

test("the operator creates, lists and deletes namespaces", async () => {
  const settings = {
    patterns: ["{collection}"],
    tenant: "acme",
    mapping: { faq: { tenant: "globex" }, scratch: null },
    fallback: "misc",
  };
  const created = await operate("POST", "/v1/namespaces", { name: "shop", ...settings });
  expect(created).toMatchObject({
    status: 201,
    body: {
      name: "shop",
      settings: { ...settings, mapping: { faq: { tenant: "globex", collection: "knowledge" }, scratch: null } },
    },
  });
  expect((await operate("GET", "/v1/namespaces")).body.namespaces).toContainEqual(created.body);
  expect(await operate("POST", "/v1/namespaces", { name: "shop" })).toMatchObject({
    status: 409,
    body: { code: "already_exists", path: "name" },
  });
  expect((await operate("DELETE", `/v1/namespaces/${created.body.id}`)).status).toBe(204);
  expect((await operate("DELETE", "/v1/namespaces/shop")).status).toBe(404);
});

test.each([
  [{ patterns: ["{collection}"] }, "patterns", /so tenant must name the tenant/],
  [{ patterns: ["{tenant}{collection}"] }, "patterns", /or use mapping/],
  [{ mapping: { faq: { tenat: "x" } } }, "mapping: faq.tenant", /invalid at "faq.tenant"/],
  [{ patterns: [] }, "patterns", /./],
  [{ fallback: "" }, "fallback", /512 characters/],
  [{ pattern: ["x"] }, "pattern", /no field "pattern"/],
  [{ open: true }, "open", /no field "open"/],
])("settings %j are refused with the field %s, in terms of the API", async (settings, path, detail) => {
  expect(await operate("POST", "/v1/namespaces", { name: "refused", ...settings })).toMatchObject({
    status: 400,
    body: { code: "invalid_input", path, detail: expect.stringMatching(detail) },
  });
  expect((await operate("GET", "/v1/namespaces")).text).not.toContain("refused");
});

test("the operator creates, lists and revokes keys of a namespace, which are not among its own", async () => {
  const { body: namespace } = await operate("POST", "/v1/namespaces", { name: "keyed" });
  const path = "/v1/namespaces/keyed/keys";
  const { status, body } = await operate("POST", path, { name: "web shop", scopes: ["read"] });
  expect(status).toBe(201);
  expect(body.secret).toMatch(/^cairn_ns_/);
  expect((await operate("GET", `/v1/namespaces/${namespace.id}/keys`)).body.keys).toEqual([body.key]);
  expect((await operate("GET", "/v1/keys")).text).not.toContain(body.key.id);
  expect((await operate("DELETE", `/v1/keys/${body.key.id}`)).status).toBe(404);
  expect((await operate("DELETE", `${path}/${body.key.id}`)).body.revoked_at).not.toBeNull();
  expect(await operate("POST", path, { scopes: ["admin"] })).toMatchObject({ status: 400, body: { path: "scopes" } });
  expect((await operate("POST", "/v1/namespaces/missing/keys", {})).status).toBe(404);
});

test("only the operator has these routes", async () => {
  const { key } = await api.addTenant();
  await operate("POST", "/v1/namespaces", { name: "closed" });
  for (const [method, path, body] of [
    ["GET", "/v1/namespaces"],
    ["POST", "/v1/namespaces", { name: "mine" }],
    ["DELETE", "/v1/namespaces/closed"],
    ["GET", "/v1/namespaces/closed/keys"],
    ["POST", "/v1/namespaces/closed/keys", {}],
    ["DELETE", "/v1/namespaces/closed/keys/x"],
  ] as const)
    expect((await api.call(method, path, { key, body })).status, `${method} ${path}`).toBe(403);
});

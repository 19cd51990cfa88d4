import { beforeAll, expect, test } from "vitest";
import { createTestApi, useTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { docsRoutes } from "../routes/docs.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ maxBody: 10_000 }));
let key: string;
beforeAll(async () => {
  ({ key } = await api.addTenant());
});

const BODIES: readonly (readonly [string, string | undefined, Record<string, string>])[] = [
  ["no body", undefined, {}],
  ["a text body", "hello", { "Content-Type": "text/plain" }],
  ["a form", "a=1", { "Content-Type": "application/x-www-form-urlencoded" }],
  ["broken JSON", "{", { "Content-Type": "application/json" }],
  ["no content type", "x", { "Content-Type": "" }],
  ["a body above the limit", "x".repeat(20_000), { "Content-Length": "20000" }],
];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

test.each(BODIES)("with %s, an unknown route is answered 404 for every method", async (_, raw, headers) => {
  for (const method of METHODS)
    for (const path of ["/v1/nothing", "/v1/documents/a/b/c", "/nothing", "/v1", "/mcp/else"]) {
      const body = method === "GET" || method === "HEAD" ? undefined : raw;
      const answer = await api.call(method, path, { key, raw: body, headers: body ? headers : {} });
      expect(answer.status, `${method} ${path}`).toBe(404);
      if (method !== "HEAD") expect(answer.body).toMatchObject({ code: "not_found" });
    }
});

test.each(BODIES)("with %s, an unsupported method is answered 405 with Allow", async (_, raw, headers) => {
  for (const [method, path, allow] of [
    ["PUT", "/v1/documents", "GET, HEAD, POST"],
    ["PATCH", "/v1/query", "POST"],
    ["DELETE", "/v1/query", "POST"],
    ["POST", "/health", "GET, HEAD"],
    ["POST", "/openapi.json", "GET, HEAD"],
    ["PUT", "/mcp", "POST"],
  ] as const) {
    const answer = await api.call(method, path, { key, raw, headers });
    expect(answer, `${method} ${path}`).toMatchObject({
      status: 405,
      body: { code: "method_not_allowed" },
    });
    expect(answer.headers.get("Allow")).toBe(allow);
  }
});

test("a route that matches but has no resource is answered 404", async () => {
  const { app } = await createTestApi(testDatabase.database, { docs: docsRoutes(async () => undefined) });
  for (const path of ["/docs/nothing", "/docs/..%2f..%2fpackage.json", "/docs/swagger-ui.css"])
    expect((await app.request(path)).status, path).toBe(404);
  expect((await app.request("/docs/nothing", { method: "POST" })).status).toBe(405);
});

test("without a key, routes under /v1 do not reveal whether they exist", async () => {
  for (const path of ["/v1/nothing", "/v1/documents"])
    expect((await api.call("PUT", path, { raw: "x" })).status, path).toBe(401);
});

test("HEAD returns the response of GET without a body, OPTIONS the methods", async () => {
  const head = await api.call("HEAD", "/v1/documents?collection=knowledge", { key });
  const get = await api.call("GET", "/v1/documents?collection=knowledge", { key });
  expect([head.status, head.text]).toEqual([get.status, ""]);
  const options = await api.call("OPTIONS", "/health");
  expect([options.status, options.headers.get("Allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
  expect((await api.call("OPTIONS", "/nothing")).status).toBe(404);
});

test.each([
  ["Content-Length: 0", undefined, { "Content-Length": "0" }],
  ["Content-Length: 0 and a type", undefined, { "Content-Length": "0", "Content-Type": "application/json" }],
  ["an empty text", "", { "Content-Type": "application/json" }],
  ["white space", " \n ", { "Content-Type": "application/json" }],
])("%s is answered 400 if a body is required", async (_, raw, headers) => {
  for (const path of ["/v1/query", "/v1/documents", "/v1/documents/delete", "/v1/chat", "/v1/tools/search"]) {
    const answer = await api.call("POST", path, { key, raw, headers });
    expect(answer, path).toMatchObject({ status: 400, body: { code: "malformed_json", path: "body" } });
    expect(answer.body.detail).toContain("empty");
  }
});

test("a body of another type is answered 415 on every route with a body", async () => {
  for (const path of ["/v1/query", "/v1/documents", "/v1/documents/bulk", "/v1/collections", "/v1/reindex"])
    for (const type of ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx"])
      expect(
        await api.call("POST", path, { key, raw: "{}", headers: { "Content-Type": type } }),
        `${path} ${type}`,
      ).toMatchObject({ status: 415, body: { code: "unsupported_media_type", path: "Content-Type" } });
});

test("the OpenAPI description has an ETag, and its server is the origin of the request", async () => {
  const first = await api.call("GET", "http://one.example/openapi.json");
  expect(first.body.servers).toEqual([{ url: "http://one.example" }]);
  const tag = first.headers.get("ETag") ?? "";
  const same = await api.call("GET", "http://one.example/openapi.json", {
    headers: { "If-None-Match": tag },
  });
  expect([same.status, same.text]).toEqual([304, ""]);
  const other = await api.call("GET", "http://two.example/openapi.json", {
    headers: { "If-None-Match": tag },
  });
  expect(other.body.servers).toEqual([{ url: "http://two.example" }]);
  expect(first.headers.get("Cache-Control")).toContain("max-age");
});

test("the OpenAPI description is generated only once", async () => {
  const { app } = await createTestApi(testDatabase.database);
  let generated = 0;
  const { getOpenAPI31Document } = app;
  app.getOpenAPI31Document = ((...args: Parameters<typeof getOpenAPI31Document>) => {
    generated++;
    return getOpenAPI31Document(...args);
  }) as typeof getOpenAPI31Document;
  for (let n = 0; n < 5; n++) expect((await app.request("/openapi.json")).status).toBe(200);
  expect(generated).toBe(1);
});

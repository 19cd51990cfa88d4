import { stringifyJson } from "@cairn/core/database/json.ts";
import { beforeAll, expect, test } from "vitest";
import { useTestApi } from "../../test/support/api.ts";
import { useResource, useTestDatabase } from "../../test/support/fixture.ts";
import { type ApiDescription, type Operation, readDescription } from "../../test/support/openapi.ts";

// Rules for every route. New routes are included automatically.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ chromaUrl: "http://127.0.0.1:9" }));
let description: ApiDescription;
const tenant = useResource(() => api.addTenant());
beforeAll(async () => {
  description = await readDescription(api);
});

function aFile(): FormData {
  const form = new FormData();
  form.append("file", new File(["Nine to five."], "hours.txt"));
  return form;
}

/** Sends the example of the operation as the tenant and as the operator. */
const send = ({ method, path, body, takesFiles }: Operation, { query = "", headers = {} }) =>
  Promise.all(
    [tenant.key, api.operator].map((key) =>
      api.call(method, path.replace(/\{\w+\}/g, "x") + query, {
        key,
        body: takesFiles ? aFile() : body?.example,
        headers,
      }),
    ),
  );

test.each([
  [{ query: "kettle", top_k: 1.5 }, "top_k", "It is 1.5."],
  [{ query: "kettle", top_k: 9007199254740993n }, "top_k", "It is 9007199254740993."],
  [{ query: "kettle", mode: "fuzzy" }, "mode", 'It is "fuzzy".'],
  [{ query: null }, "query", "It is null."],
  [{ queries: [{ query: "a" }, { query: 7 }] }, "queries[1].query", "It is 7."],
  [{ query: "kettle", filter: { price: { $gt: JSON.rawJSON("1e400") } } }, "filter.price.$gt", "1e400"],
])("an error names the field and the value", async (body, path, value) => {
  const { key } = await api.addTenant();
  const refused = await api.call("POST", "/v1/query", { key, raw: stringifyJson(body) });
  expect(refused).toMatchObject({ status: 400, body: { path, detail: expect.stringContaining(value) } });
});

test("an error does not quote a long value", async () => {
  const { key } = await api.addTenant();
  const body = { query: ["x".repeat(200)], mode: "x".repeat(200) };
  const { body: problem } = await api.call("POST", "/v1/query", { key, body });
  expect(problem.detail).not.toContain("xxx");
});

test("an unknown parameter is refused on every route without an effect", async () => {
  const { key } = tenant;
  const documents = [{ id: "kept", content: "not to be deleted by a misspelling" }];
  await api.call("POST", "/v1/documents", { key, body: { documents } });
  const misspelt = await api.call("DELETE", "/v1/documents/kept?colection=other", { key });
  expect(misspelt).toMatchObject({ status: 400, body: { code: "invalid_input", path: "colection" } });
  expect(misspelt.body.detail).toBe('colection: There is no parameter "colection" here.');
  expect((await api.call("GET", "/v1/documents/kept", { key })).status).toBe(200);
  for (const operation of description.operations) {
    const answers = await send(operation, { query: "?colection=other" });
    const faults = answers.map(({ status, body }) => `${status} ${body?.path}`);
    expect(faults, operation.operationId).toContain("400 colection");
    for (const { status } of answers) expect([400, 403], operation.operationId).toContain(status);
  }
});

test("a DELETE with a body is refused and deletes nothing", async () => {
  const { key } = tenant;
  const documents = [{ id: "bodied", content: "of the default collection" }];
  await api.call("POST", "/v1/documents", { key, body: { documents } });
  const raw = JSON.stringify({ collection: "other" });
  const headers = { "Content-Length": String(raw.length) }; // as every client sends it
  const refused = await api.call("DELETE", "/v1/documents/bodied", { key, raw, headers });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_input", path: "body" } });
  expect((await api.call("GET", "/v1/documents/bodied", { key })).status).toBe(200);
});

test("every write honours or refuses an Idempotency-Key, and those that describe it honour it", async () => {
  const reads = ["chat", "countDocuments", "explainQuery", "getDocuments", "query", "runSearchTool"];
  const writes = description.operations.filter(
    ({ method, operationId }) => method !== "GET" && !reads.includes(operationId),
  );
  expect(writes.length).toBeGreaterThan(15);
  const pathsOf = async (operation: Operation, value: string) =>
    (await send(operation, { headers: { "Idempotency-Key": value } })).map(({ body }) => body?.path);
  for (const operation of writes) {
    const { operationId: name, parameters } = operation;
    expect(await pathsOf(operation, "not a key"), name).toContain("Idempotency-Key");
    const described = parameters.some((one) => one.name === "idempotency-key");
    const [ofTenant, ofOperator] = await pathsOf(operation, name);
    if (described) expect(ofTenant, name).not.toBe("Idempotency-Key");
    else expect([ofTenant, ofOperator], name).toContain("Idempotency-Key");
  }
});

test("an error in a list names the index of the item", async () => {
  const call = (path: string, body: object) => api.call("POST", `/v1/${path}`, { key: tenant.key, body });
  await call("collections", { name: "three", dimensions: 3 });
  const right = [1, 0, 0];
  const document = { content: "x", embedding: right };
  const query = { query_embedding: right };
  const cases = [
    ["documents", { documents: [document, { content: "x", embedding: [1, 2] }] }, "documents[1].embedding"],
    ["documents", { documents: [document, { id: "", content: "x" }] }, "documents[1].id"],
    ["query", { queries: [query, {}] }, "queries[1].query"],
    ["query", { queries: [query, { ...query, query: "both" }] }, "queries[1].query"],
    ["query", { queries: [query, { query: " " }] }, "queries[1].query"],
    ["query", { queries: [query, { query_embedding: [1, 2] }] }, "queries[1].query_embedding"],
    ["query", { queries: [query, { query_embedding: [0, 0, 0] }] }, "queries[1].query_embedding"],
    ["query", { queries: [{ query: "x" }, query], mode: "hybrid" }, "queries[1].query"],
    ["query", { queries: [{ query: "x", ...query }], mode: "keyword" }, "queries[0].query_embedding"],
    ["query", {}, "query"],
    ["query", { query_embedding: [1, 2] }, "query_embedding"],
    ["query", { query: "x", queries: [query] }, "queries"],
  ] as const;
  for (const [route, body, path] of cases) {
    const { body: problem } = await call(route, { collection: "three", ...body });
    expect(problem, JSON.stringify(body)).toMatchObject({ path });
    const mismatch = /\[1,2\]/.test(JSON.stringify(body));
    expect(problem.code, path).toBe(mismatch ? "dimension_mismatch" : "invalid_input");
  }
});

import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { expect, onTestFinished, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { callTool, FETCH, FILLED, SEARCH } from "../../../test/support/mcp.ts";
import { createLog } from "../telemetry/log.ts";

const testDatabase = useTestDatabase();

function createLines() {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const read = (message: "request" | "failure") =>
    lines.map((line) => JSON.parse(line)).filter((line) => line.message === message);
  return { lines, log, read };
}

test("a search beyond its deadline sends no more embedding requests", async () => {
  const embeddings = await startEmbeddingApi();
  onTestFinished(() => embeddings.stop());
  const requests = { attempts: 100, attemptTimeout: 100, backoff: 1 };
  const embedding = { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests };
  const { addTenant, call } = await createTestApi(testDatabase.database, { embedding });
  const { key } = await addTenant();
  expect((await call("POST", "/v1/documents", { key, body: FILLED })).status).toBe(200);
  embeddings.always({ kind: "hang" });
  const before = embeddings.requests.length;
  const { log, read } = createLines();
  const limited = await createTestApi(testDatabase.database, { embedding, deadline: 1_000, log });
  const response = await callTool(limited, key, SEARCH);
  expect(response).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  await new Promise((resolve) => setTimeout(resolve, 200)); // requests in flight arrive
  const requested = embeddings.requests.length;
  expect(requested).toBeGreaterThan(before);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(embeddings.requests.length).toBe(requested);
  expect(read("failure")).toEqual([]); // a timeout of the request is not a failure
});

/** The test database, which fails with an error after `fail`. */
function createFailing() {
  let failure: Error | undefined;
  const database: Database = {
    ...testDatabase.database,
    transaction: (work, settings) =>
      failure ? Promise.reject(failure) : testDatabase.database.transaction(work, settings),
    read: (statements, options) =>
      failure ? Promise.reject(failure) : testDatabase.database.read(statements, options),
  };
  return {
    database,
    fail(error: Error) {
      failure = error;
    },
  };
}

test("after a failure the assistant sees only the request's id, and the log the stack, without texts", async () => {
  const { database, fail } = createFailing();
  const { lines, log, read } = createLines();
  const failing = await createTestApi(database, { log });
  const { key } = await failing.addTenant();
  await failing.call("POST", "/v1/documents", { key, body: FILLED });
  for (const tool of [SEARCH, FETCH]) expect((await callTool(failing, key, tool)).body.result.isError).toBeUndefined();
  fail(new TypeError("cannot read 'return a kettle' of 'delete everything'"));
  for (const tool of [SEARCH, FETCH]) {
    const { status, body } = await callTool(failing, key, tool);
    expect(status).toBe(200);
    expect(body.result).toEqual({
      isError: true,
      content: [
        {
          type: "text",
          text: "internal_error: The knowledge base failed. Try again. If it fails again, report the request's id: request-12345678.",
        },
      ],
    });
  }
  const loggedError = {
    name: "TypeError",
    at: expect.arrayContaining([expect.stringContaining("log.test.ts")]),
  };
  const failure = expect.objectContaining({ request_id: "request-12345678", error: loggedError });
  expect(read("failure")).toEqual([failure, failure]);
  expect(lines.join("")).not.toMatch(/kettle|everything/);
});

test("a database error is logged as a failure, and an error of the assistant is not", async () => {
  const { database, fail } = createFailing();
  const { log, read } = createLines();
  const failing = await createTestApi(database, { log });
  const { key } = await failing.addTenant();
  await failing.call("POST", "/v1/documents", { key, body: FILLED });
  const wrong = { query: "kettle", filter: { topic: { $near: 1 } } };
  const refused = await callTool(failing, key, { name: "search", arguments: wrong });
  expect(refused.body.result.content[0].text).toMatch(/^invalid_filter/);
  expect(read("failure")).toEqual([]);
  fail(new AppError("database_error", "The database refused a statement."));
  expect((await callTool(failing, key, FETCH)).body.result.content[0].text).toMatch(/^database_error/);
  expect(read("failure")).toMatchObject([{ error: { name: "AppError", code: "database_error" } }]);
});

test("the log of a request has its number of passages and documents", async () => {
  const { log, read } = createLines();
  const logged = await createTestApi(testDatabase.database, { log });
  const { key } = await logged.addTenant();
  await logged.call("POST", "/v1/documents", { key, body: FILLED });
  for (const tool of [SEARCH, FETCH]) await callTool(logged, key, tool);
  const rows = read("request").filter(({ route }) => route === "/mcp");
  expect(rows).toMatchObject([{ rows: 2 }, { rows: 1 }]);
});

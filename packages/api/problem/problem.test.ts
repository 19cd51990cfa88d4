import { AppError } from "@cairn/core/error.ts";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { expect, test } from "vitest";
import { describeProblem, problemResponse } from "../problem.ts";
import { toApiPath } from "./api-path.ts";

const problemOf = (error: unknown) => describeProblem(error, "r1");

test.each([
  ["embeddingModel", "embedding_model"],
  ["maxTokens", "max_tokens"],
  ["index.efConstruction", "index.ef_construction"],
  ["documents[3].maxTokens", "documents[3].max_tokens"],
  ["queries[0].queryEmbedding", "queries[0].query_embedding"],
  ["indexSettings[2].efSearch", "index_settings[2].ef_search"],
  ["filter.unitPrice.$in[0]", "filter.unitPrice.$in[0]"],
  ["filter.$and[1].unitPrice", "filter.$and[1].unitPrice"],
  ["documents[0].metadata.unitPrice", "documents[0].metadata.unitPrice"],
  ["Idempotency-Key", "Idempotency-Key"],
  ["DATABASE_URL", "DATABASE_URL"],
  ["name", "name"],
])("the domain path %s is translated to %s", (path, expected) => {
  expect(toApiPath(path)).toBe(expected);
});

test("a message uses the API name of the field in its path", () => {
  const error = new AppError("invalid_input", "A collection's embeddingModel must be provider/model.", {
    path: "embeddingModel",
  });
  expect(problemOf(error)).toMatchObject({
    path: "embedding_model",
    detail: "A collection's embedding_model must be provider/model.",
  });
});

test.each<[string, () => unknown, number, string]>([
  ["a string that is too long", () => "x".repeat(2 ** 28).repeat(8), 413, "response_too_large"],
  ["an array that is too long", () => new Array(-1), 413, "response_too_large"],
  ["a buffer that is too long", () => new ArrayBuffer(2 ** 53), 413, "response_too_large"],
  ["JSON that is too long", () => JSON.stringify(Array(5).fill("x".repeat(2 ** 27))), 413, "response_too_large"],
  ["a stack that is too deep", () => JSON.stringify(nested(100_000)), 400, "invalid_input"],
  ["an invalid date", () => new Date(Number.NaN).toISOString(), 500, "internal_error"],
  ["invalid JSON", () => JSON.parse("{"), 400, "malformed_json"],
])("%s has the right status and code, without the message of the engine", (_, fail, status, code) => {
  let thrown: unknown;
  try {
    fail();
  } catch (error) {
    thrown = error;
  }
  const problem = problemOf(thrown);
  expect(problem).toMatchObject({ status, code });
  expect(problem.detail).not.toContain((thrown as Error).message);
});

test("the message of an unexpected error is not shown", () => {
  const error = Object.assign(new Error("ENOENT: no such file, open '/srv/cairn/secret'"), {
    code: "ENOENT",
  });
  const problem = problemOf(error);
  expect(problem).toMatchObject({ status: 500, code: "internal_error" });
  expect(JSON.stringify(problem)).not.toMatch(/srv|ENOENT/);
});

test("an HTTPException of Hono keeps its status", () => {
  const codeOf = (status: 400 | 413 | 415 | 500) => problemOf(new HTTPException(status)).code;
  expect([codeOf(400), codeOf(413), codeOf(415), codeOf(500)]).toEqual([
    "malformed_json",
    "body_too_large",
    "unsupported_media_type",
    "internal_error",
  ]);
});

test("a transient error is answered 503 or 429 with Retry-After in whole seconds", async () => {
  for (const [code, retryAfter, status, expected] of [
    ["database_exhausted", undefined, 503, "30"],
    ["database_unavailable", 0.2, 503, "1"],
    ["tenant_busy", 1.4, 429, "2"],
  ] as const) {
    const app = new Hono().get("/", (c) => problemResponse(c, new AppError(code, "x", { retryAfter })));
    const answer = await app.request("/");
    expect([answer.status, answer.headers.get("Retry-After")], code).toEqual([status, expected]);
  }
});

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let n = 0; n < depth; n++) value = [value];
  return value;
}

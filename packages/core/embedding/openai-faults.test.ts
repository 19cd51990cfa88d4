import { expect, test } from "vitest";
import { type Fault, startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { DIMENSIONS, expected, KEY, texts, useOpenAiEmbedder } from "../../../test/support/openai-embedder.ts";
import type { EmbeddedText } from "./embedder.ts";

const { api, embedder, observe } = useOpenAiEmbedder();

const transient: readonly (readonly [string, Fault])[] = [
  ["a rate limit", { kind: "rate_limit", retryAfter: "0.05" }],
  ["a rate limit without a time", { kind: "rate_limit" }],
  ["a rate limit with a date", { kind: "rate_limit", retryAfter: new Date(0).toUTCString() }],
  ["a 500", { kind: "status", status: 500 }],
  ["a 503", { kind: "status", status: 503, retryAfter: "0" }],
  ["no answer", { kind: "hang" }],
  ["an answer that stops after its headers", { kind: "hang", after: "headers" }],
  ["half a JSON", { kind: "half_json" }],
  ["a connection cut before the answer", { kind: "drop", bytes: 0 }],
  ["a connection cut within the answer", { kind: "drop", bytes: 100 }],
  ["a vector too few", { kind: "short" }],
  ["an index twice", { kind: "duplicate" }],
  ["NaN in a vector", { kind: "element", json: "NaN" }],
];

const unusable: readonly (readonly [string, Fault])[] = [
  ["a null in a vector", { kind: "element", json: "null" }],
  ["a string in a vector", { kind: "element", json: '"1"' }],
];

test.each(unusable)("after %s, that text is retried and the other vectors are kept", async (_, fault) => {
  api.script(fault);
  const { value, requests } = await observe(() => embedder().embed(texts, { dimensions: DIMENSIONS }));
  expect(value).toEqual(expected);
  expect(requests.map(({ input }) => input)).toEqual([texts, texts.slice(0, 1)]);
});

test.each(transient)("%s is retried once with the same texts", async (_, fault) => {
  api.script(fault);
  const { value, requests } = await observe(() =>
    embedder({ attemptTimeout: fault.kind === "hang" ? 500 : 10_000 }).embed(texts, {
      dimensions: DIMENSIONS,
    }),
  );
  expect(value).toEqual(expected);
  expect(requests.map(({ input }) => input)).toEqual([texts, texts]);
});

test.each(transient)("%s that persists fails the call with the reason and without vectors", async (_, fault) => {
  api.always(fault.kind === "rate_limit" ? { kind: "rate_limit" } : fault);
  const seen: number[] = [];
  const onBatch = async (batch: readonly EmbeddedText[]) => void seen.push(...batch.map(({ index }) => index));
  const { error, requests } = await observe(() =>
    embedder({ attempts: 3, attemptTimeout: fault.kind === "hang" ? 100 : 10_000 }).embed(texts, {
      dimensions: DIMENSIONS,
      onBatch,
    }),
  );
  expect(error).toMatchObject({ name: "AppError", code: "embedding_failed" });
  expect(error?.message).toMatch(/^The .*embedding server 127\.0\.0\.1:\d+.* Tried 3 times in [\d.]+ s\.$/);
  if (fault.kind === "hang") expect(error?.message).toContain("did not answer in time");
  // If a text may be the cause, a plain word proves that it is not.
  expect(requests.slice(3).map(({ input }) => input)).toEqual(isProbed(fault) ? [["hello"]] : []);
  expect(seen).toEqual([]);
  for (const text of texts) expect(error?.message).not.toContain(text.slice(0, 10));
});

function isProbed(fault: Fault): boolean {
  return ["short", "half_json", "element"].includes(fault.kind) || (fault.kind === "status" && fault.status === 500);
}

test("the deadline applies even if the server requests a wait of two minutes", async () => {
  api.always({ kind: "rate_limit", retryAfter: "120" });
  const { error, requests, ms } = await observe(() =>
    embedder({ deadline: 500 }).embed(texts, { dimensions: DIMENSIONS }),
  );
  expect(error).toMatchObject({ code: "embedding_failed" });
  expect(error?.message).toMatch(/429: Rate limit reached.*The next attempt has to wait 120 s, longer than/);
  expect(requests).toHaveLength(1);
  expect(ms).toBeLessThan(400);
});

test.each([
  ["never answers", { kind: "hang" }],
  ["stops within its answer", { kind: "hang", after: "headers" }],
  ["always fails", { kind: "status", status: 500 }],
] as const)("the deadline of a call applies if the server %s", async (_, fault) => {
  // A separate server: a request in flight at the deadline would consume the next test's first response.
  const other = await startEmbeddingApi();
  other.script(null);
  other.always(fault);
  const { error, ms } = await observe(() =>
    embedder({ baseUrl: other.url, deadline: 400, maxInputs: 1, attempts: 1000 }).embed(texts, {
      dimensions: DIMENSIONS,
    }),
  );
  await other.stop();
  expect(error).toMatchObject({ code: "embedding_failed" });
  expect(ms).toBeLessThan(900);
});

test("an exhausted quota fails the call at once, and earlier vectors are delivered", async () => {
  api.script(null, { kind: "quota" });
  const delivered: Float32Array[] = [];
  const onBatch = async (batch: readonly EmbeddedText[]) => void delivered.push(...batch.map(({ vector }) => vector));
  const { error, requests } = await observe(() =>
    embedder({ maxInputs: 1 }).embed(texts, { dimensions: DIMENSIONS, onBatch }),
  );
  expect(error).toMatchObject({ code: "embedding_quota" });
  expect(error?.message).toMatch(/quota for openai\/text-embedding-3-small .*is used up.*check your plan/);
  expect(requests).toHaveLength(2);
  expect(delivered).toEqual(expected.slice(0, 1));
});

test("a rejection is not retried, and its error contains neither the text nor the key that it quotes", async () => {
  const message = `Incorrect API key provided: ${KEY} (sk-pr***789). Input was: "${texts[0]}"`;
  api.script({ kind: "status", status: 401, message });
  const { error, requests } = await observe(() => embedder().embed(texts, { dimensions: DIMENSIONS }));
  expect(error).toMatchObject({ code: "embedding_failed" });
  expect(error?.message).toMatch(
    /answered 401: Incorrect API key provided: … \(…\)\. Input was: "…".* Check the API key\.$/,
  );
  expect(JSON.stringify([error, error?.message, error?.stack, error?.cause])).not.toMatch(
    /very-secret|sk-pr|Returns are free/,
  );
  expect(requests).toHaveLength(1);
});

test("an unreachable server is named with the system's error code", async () => {
  const stopped = await startEmbeddingApi();
  await stopped.stop();
  const { error } = await observe(() =>
    embedder({ baseUrl: stopped.url, attempts: 2 }).embed(texts, { dimensions: DIMENSIONS }),
  );
  expect(error).toMatchObject({ code: "embedding_failed" });
  expect(error?.message).toMatch(
    /connection to the embedding server 127\.0\.0\.1:\d+ failed \(ECONNREFUSED\)\. Tried 2 times/,
  );
});

test.each(["http://user:hunter2@127.0.0.1/v1", "ftp://hunter2.example", "hunter2"])(
  "the address %j is rejected and not shown",
  (baseUrl) => {
    expect(() => embedder({ baseUrl })).toThrow(
      expect.objectContaining({ code: "invalid_input", message: expect.not.stringContaining("hunter2") }),
    );
  },
);

import { expect, test } from "vitest";
import { startEmbeddingApi, vectorOf } from "../../../test/support/embedding-api.ts";
import { cheap } from "../../../test/support/embedding-dialects.ts";
import { DIMENSIONS, expected, KEY, texts, useOpenAiEmbedder } from "../../../test/support/openai-embedder.ts";
import { AppError } from "../error.ts";

const { api, embedder, observe } = useOpenAiEmbedder();

test("embed() returns one vector per text and requests plain numbers and the dimensions", async () => {
  const { value, requests } = await observe(() => embedder().embed(texts, { dimensions: DIMENSIONS }));
  expect(value).toEqual(expected);
  expect(requests).toEqual([
    { model: "text-embedding-3-small", input: texts, encoding_format: "float", dimensions: DIMENSIONS },
  ]);
  expect(api.authorizations.at(-1)).toBe(`Bearer ${KEY}`);
});

test("a server that ignores encodings returns correct vectors", async () => {
  const other = await startEmbeddingApi({ dimensions: 5, encodings: "float" });
  const local = embedder({ model: "local/nomic", remoteModel: "nomic", baseUrl: other.url, apiKey: "none" });
  expect(await local.embed(["hello"], { dimensions: 5 })).toEqual([vectorOf("hello", 5, "nomic")]);
  await other.stop();
});

test("a reply in another order is matched by index", async () => {
  api.script({ kind: "reordered" });
  const { value, requests } = await observe(() => embedder().embed(texts, { dimensions: DIMENSIONS }));
  expect(value).toEqual(expected);
  expect(requests).toHaveLength(1);
});

test("vectors of wrong dimensions are rejected at once with both numbers", async () => {
  api.script({ kind: "dimensions", dimensions: 5 });
  const { error, requests } = await observe(() => embedder().embed(texts, { dimensions: DIMENSIONS }));
  expect(error).toMatchObject({ code: "dimension_mismatch" });
  expect(error?.message).toMatch(/ 5 dimensions.* 8 /);
  expect(requests).toHaveLength(1);
});

test.each([
  ["an empty text", ""],
  ["a text of 8,193 tokens", "hello".repeat(1) + " hello".repeat(8192)],
  ["a text without a space that is far too long", "z".repeat(200_000)],
])("%s is rejected without being sent, and the others are embedded", async (_, text) => {
  const { value, requests } = await observe(() => embedder().embed(["fine", text], { dimensions: DIMENSIONS }));
  expect(value).toEqual([
    vectorOf("fine", DIMENSIONS),
    expect.objectContaining({ code: "invalid_input", path: "texts[1]" }),
  ]);
  expect(requests.map(({ input }) => input)).toEqual([["fine"]]);
});

test("a text of 8,192 tokens is embedded, and half a surrogate pair does not fail its batch", async () => {
  const long = ["hello".repeat(1) + " hello".repeat(8191), "lone \ud83d end"];
  const { requests } = await observe(() => embedder().embed(long, { dimensions: DIMENSIONS }));
  expect(requests[0]?.input).toEqual([long[0], "lone \ufffd end"]);
});

test("a signal cancels the wait and the request with its own reason", async () => {
  for (const fault of [{ kind: "hang" }, { kind: "rate_limit", retryAfter: "2" }] as const) {
    api.script(fault);
    const reason = new Error("the caller went away");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    const { error, ms } = await observe(() =>
      embedder().embed(texts, { dimensions: DIMENSIONS, signal: controller.signal }),
    );
    expect(error).toBe(reason);
    expect(ms).toBeLessThan(1000);
  }
});

test("an error of onBatch is thrown unchanged and ends the call", async () => {
  const failure = new AppError("database_unavailable", "gone");
  const onBatch = () => Promise.reject(failure);
  const { error, requests } = await observe(() =>
    embedder({ maxInputs: 1 }).embed(texts, { dimensions: DIMENSIONS, onBatch }),
  );
  expect(error).toBe(failure);
  expect(requests).toHaveLength(1);
});

test("a request asks for at most 250,000 numbers", async () => {
  const server = await startEmbeddingApi({ dialect: cheap(16_000) });
  const many = Array.from({ length: 200 }, (_, n) => `text ${n}`);
  const result = await embedder({ baseUrl: server.url, deadline: 120_000 }).embed(many, {
    dimensions: 16_000,
  });
  expect(result).toHaveLength(200);
  for (const { input } of server.requests) expect(input.length * 16_000).toBeLessThanOrEqual(250_000);
  await server.stop();
});

test("embed() of no texts sends no request", async () => {
  const { value, requests } = await observe(() => embedder().embed([], { dimensions: DIMENSIONS }));
  expect(value).toEqual([]);
  expect(requests).toEqual([]);
});

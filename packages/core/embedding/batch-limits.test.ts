import { describe, expect, test } from "vitest";
import { startDialect, texts, vectors } from "../../../test/support/dialect-embedder.ts";
import { type Dialect, dashScope, fastApi, ollama, tei } from "../../../test/support/embedding-dialects.ts";
import { AppError } from "../error.ts";

describe("a server's limit on the number of texts", () => {
  test.each([
    ["TEI's 32", tei(), 32],
    ["TEI's 7", tei({ inputs: 7 }), 7],
    ["DashScope's 10", dashScope, 10],
    ["a limit of FastAPI, which quotes the texts", fastApi({ inputs: 3, dimensions: true }), 3],
    [
      "a limit that is not in the message",
      {
        refuse: ({ input }) => (input.length > 20 ? { status: 413, body: "" } : undefined),
      } satisfies Dialect,
      20,
    ],
  ] as const)("%s is learned once and then applied", async (_, dialect, limit) => {
    const { embed } = await startDialect({ dialect });
    const list = texts(100);
    const first = await embed(list);
    expect(first.value).toEqual(vectors(list));
    const again = await embed(list);
    expect(again.value).toEqual(vectors(list));
    expect(again.requests.every(({ input }) => input.length <= limit)).toBe(true);
    expect(again.requests.length).toBeLessThanOrEqual(Math.ceil(100 / (limit / 2)) + 1);
    expect(first.requests.length - again.requests.length).toBeLessThanOrEqual(8);
  });

  test("a configured number of texts applies from the start", async () => {
    const { embed } = await startDialect({ dialect: tei() }, { maxInputs: 32 });
    const { value, requests } = await embed(texts(70));
    expect(value).toEqual(vectors(texts(70)));
    expect(requests.map(({ input }) => input.length)).toEqual([32, 32, 6]);
  });

  test("one failing text does not lower the limit", async () => {
    const rejecting: Dialect = {
      refuse: ({ input }) => (input.includes("poison") ? { status: 400, body: { error: "bad input" } } : undefined),
    };
    const { embed } = await startDialect({ dialect: rejecting });
    await embed([...texts(40), "poison"]);
    const { requests } = await embed(texts(40));
    expect(requests.map(({ input }) => input.length)).toEqual([40]);
  });
});

describe("a fault that no text causes does not split the batch", () => {
  test.each([
    ["a wrong key", 401, { error: { message: "Incorrect API key" } }, "embedding_failed", 1],
    ["no permission", 403, { error: { message: "Forbidden" } }, "embedding_failed", 1],
    ["a wrong key, answered 400", 400, { error: { message: "API key not valid." } }, "embedding_failed", 1],
    ["an unknown model", 404, { error: { message: "model not found" } }, "embedding_failed", 1],
    ["a quota", 429, { error: { code: "insufficient_quota", message: "none left" } }, "embedding_quota", 1],
    ["no credit", 402, { error: { message: "Insufficient Balance" } }, "embedding_quota", 1],
    ["a rate limit", 429, { error: { message: "slow down" } }, "embedding_failed", 2],
    ["a gateway's 502", 502, "<html><title>502 Bad Gateway</title></html>", "embedding_failed", 2],
    ["a model that rejects every request", 400, { error: "no model loaded" }, "embedding_failed", 3],
    ["a server that always fails", 500, { error: "out of memory" }, "embedding_failed", 3],
    ["a rate limit within a 200", 200, { error: { code: 429, message: "slow down" } }, "embedding_failed", 2],
  ])("%s", async (_, status, body, code, maxRequests) => {
    const { embed, server } = await startDialect({}, { attempts: 2 });
    server.always({ kind: "body", status, body });
    const { error, requests } = await embed(texts(200));
    expect(error).toMatchObject({ code });
    expect(requests.length).toBeLessThanOrEqual(maxRequests);
  });

  test("a batch with only rejected texts takes a bounded number of requests", async () => {
    const { embed } = await startDialect({
      dialect: { poison: (text) => (text === "hello" ? undefined : { status: 400, body: { error: "no" } }) },
    });
    const { value, requests } = await embed(texts(800));
    expect(value.every((one) => one instanceof AppError)).toBe(true);
    expect(requests.length).toBeLessThan(550);
  });

  test("the deadline of the call applies while failing texts are searched", async () => {
    const { embed } = await startDialect(
      { dialect: ollama((text) => text !== "hello") },
      { deadline: 500, backoff: 50 },
    );
    const started = performance.now();
    const { error } = await embed(texts(500));
    expect(error).toMatchObject({ code: "embedding_failed" });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

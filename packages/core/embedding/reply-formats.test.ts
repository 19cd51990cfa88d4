import { describe, expect, test } from "vitest";
import { startDialect, texts, vectors } from "../../../test/support/dialect-embedder.ts";
import { alwaysBase64, type Dialect, fastApi, protobuf, unnumbered } from "../../../test/support/embedding-dialects.ts";

describe("a reply in another format", () => {
  test.each([
    ["protobuf's JSON, with index 0 omitted and others as text", protobuf],
    [
      "protobuf's JSON, in another order",
      { ...protobuf, items: (items) => protobuf.items?.(items).toReversed() ?? [] } satisfies Dialect,
    ],
    ["no index at all", unnumbered],
    [
      "an index of null",
      {
        items: (items) => items.map(({ embedding }) => ({ index: null as never, embedding })),
      } satisfies Dialect,
    ],
    ["base64 though floats were requested", alwaysBase64],
    ["no usage", { usage: false } satisfies Dialect],
  ])("%s is read", async (_, dialect) => {
    const { embed } = await startDialect({ dialect });
    for (const count of [1, 2, 9]) {
      const { value, requests } = await embed(texts(count));
      expect(value).toEqual(vectors(texts(count)));
      expect(requests).toHaveLength(1);
    }
  });

  test("missing indexes that contradict the positions are not guessed", async () => {
    const { embed } = await startDialect(
      {
        dialect: {
          items: ([a, b, c]) => [
            { index: 1, embedding: a?.embedding },
            { embedding: b?.embedding },
            { embedding: c?.embedding },
          ],
        },
      },
      { attempts: 1 },
    );
    const { error } = await embed(texts(3));
    expect(error?.message).toContain("vectors with and without an index");
  });
});

describe("the parameter dimensions", () => {
  test("is sent unless the dimensions are known to be the model's native dimensions", async () => {
    const { embed } = await startDialect({ dimensions: 64 });
    const { value, requests } = await embed(["a"], 16);
    expect(value).toEqual(vectors(["a"], 16));
    expect(requests).toMatchObject([{ dimensions: 16 }]);
  });

  test("is omitted for the model's native dimensions", async () => {
    const { embed } = await startDialect({ dimensions: 384 }, { model: "local/all-MiniLM-L6-v2" });
    const { value, requests } = await embed(["a"], 384);
    expect(value).toHaveLength(1);
    expect(requests[0]).not.toHaveProperty("dimensions");
  });

  test.each([
    ["FastAPI's extra input", fastApi()],
    [
      "vLLM's Matryoshka",
      rejectingDimensions(400, { error: { message: "Model does not support matryoshka representation" } }),
    ],
    ["no words", rejectingDimensions(400, { error: { message: "bad request" } })],
  ])("is not sent again after it was rejected for the model's native dimensions: %s", async (_, dialect) => {
    const { embed } = await startDialect({ dialect });
    const first = await embed(texts(6));
    expect(first.value).toEqual(vectors(texts(6)));
    expect(first.requests.length).toBeLessThanOrEqual(4);
    const again = await embed(texts(6));
    expect(again.value).toEqual(vectors(texts(6)));
    expect(again.requests.map(({ input, dimensions }) => [input.length, dimensions])).toEqual([[6, undefined]]);
  });

  test("that is rejected for other dimensions is an error with both numbers and the server's message", async () => {
    const { embed } = await startDialect({ dialect: fastApi() });
    const { error } = await embed(["a", "b"], 4);
    expect(error).toMatchObject({ code: "dimension_mismatch" });
    expect(error?.message).toMatch(
      /8 dimensions, and the collection has 4 dimensions.*dimensions: Extra inputs are not permitted/,
    );
  });
});

function rejectingDimensions(status: number, body: unknown): Dialect {
  return { refuse: ({ dimensions }) => (dimensions === undefined ? undefined : { status, body }) };
}

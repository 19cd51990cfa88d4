import { afterEach, describe, expect, test } from "vitest";
import {
  type EmbeddingApi,
  type EmbeddingApiOptions,
  startEmbeddingApi,
  vectorOf,
} from "../../../test/support/embedding-api.ts";
import {
  alwaysBase64,
  type Dialect,
  dashScope,
  fastApi,
  ollama,
  protobuf,
  tei,
  unnumbered,
  unusable,
} from "../../../test/support/embedding-dialects.ts";
import { AppError } from "../error.ts";
import { createOpenAiEmbedder } from "./openai.ts";
import type { OpenAiOptions } from "./openai-options.ts";

const SIZE = 8;
const MODEL = "some-model";
const KEY = "sk-proj-very-secret-0123456789";
const texts = (count: number) => Array.from({ length: count }, (_, n) => `passage number ${n}`);
const vectors = (list: readonly string[], size = SIZE) => list.map((text) => vectorOf(text, size, MODEL));

let api: EmbeddingApi | undefined;
afterEach(() => api?.stop());

async function start(options: EmbeddingApiOptions, own: Partial<OpenAiOptions> = {}) {
  const server = await startEmbeddingApi({ dimensions: SIZE, ...options });
  api = server;
  const embedder = createOpenAiEmbedder({
    model: `local/${MODEL}`,
    remoteModel: MODEL,
    apiKey: KEY,
    baseUrl: server.url,
    deadline: 20_000,
    backoff: 2,
    ...own,
  });
  /** Embeds and returns the result with the requests. */
  const embed = async (list: readonly string[], dimensions = SIZE) => {
    const before = server.requests.length;
    const [result] = await Promise.allSettled([embedder.embed(list, { dimensions })]);
    return {
      value: result.status === "fulfilled" ? result.value : [],
      error: result.status === "rejected" ? (result.reason as AppError) : undefined,
      requests: server.requests.slice(before),
    };
  };
  return { server, embed };
}

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
    const { embed } = await start({ dialect });
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
    const { embed } = await start({ dialect: tei() }, { maxInputs: 32 });
    const { value, requests } = await embed(texts(70));
    expect(value).toEqual(vectors(texts(70)));
    expect(requests.map(({ input }) => input.length)).toEqual([32, 32, 6]);
  });

  test("one failing text does not lower the limit", async () => {
    const rejecting: Dialect = {
      refuse: ({ input }) =>
        input.includes("poison") ? { status: 400, body: { error: "bad input" } } : undefined,
    };
    const { embed } = await start({ dialect: rejecting });
    await embed([...texts(40), "poison"]);
    const { requests } = await embed(texts(40));
    expect(requests.map(({ input }) => input.length)).toEqual([40]);
  });
});

describe("a text that the model rejects fails alone", () => {
  const long = "word ".repeat(600).trim();
  const isPoison = (text: string) => text.includes("poison");
  const rejectingStatus = (status: number, body: unknown): Dialect => ({
    poison: (text) => (isPoison(text) ? { status, body } : undefined),
  });

  test.each([
    ["TEI, 413", tei(), long, "invalid_input", /must have less than 512 tokens\. Given: 600/],
    [
      "a 400",
      rejectingStatus(400, { error: { message: "not this one" } }),
      "poison",
      "invalid_input",
      /not this one/,
    ],
    ["a 422", rejectingStatus(422, { detail: "not this one" }), "poison", "invalid_input", /not this one/],
    ["a 500 of Ollama", ollama(isPoison), "poison", "embedding_failed", /unsupported value: NaN/],
    [
      "a 424 of TEI",
      rejectingStatus(424, { message: "backend", code: 424, type: "Backend" }),
      "poison",
      "embedding_failed",
      /backend/,
    ],
    [
      "a 200 with an error",
      rejectingStatus(200, { error: "cannot embed" }),
      "poison",
      "embedding_failed",
      /200 with an error: cannot embed/,
    ],
  ] as const)("%s", async (_, dialect, poison, code, words) => {
    for (const place of [0, 13, 39]) {
      const { embed, server } = await start({ dialect }, { attempts: 2 });
      const list = texts(40).toSpliced(place, 1, poison);
      const { value, requests, error } = await embed(list);
      expect(error).toBeUndefined();
      expect(value[place]).toMatchObject({ code, message: expect.stringMatching(words) });
      expect(value.toSpliced(place, 1)).toEqual(vectors(list.toSpliced(place, 1)));
      expect(requests.length).toBeLessThan(30);
      await server.stop();
    }
  });

  test.each([
    ["a null element", [null, 1, 1, 1, 1, 1, 1, 1]],
    ["null in the place of the vector", null],
    ["an empty vector", []],
    ["all zeros", Array(SIZE).fill(0)],
    ["zeros in base64", Buffer.alloc(SIZE * 4).toString("base64")],
    ["NaN in base64", Buffer.from(new Float32Array(SIZE).fill(Number.NaN).buffer).toString("base64")],
    [
      "half of its base64",
      Buffer.from(new Float32Array(SIZE).fill(1).buffer).toString("base64").slice(0, 21),
    ],
    ["text that is no base64", "not a vector"],
    ["another size than the others", [1, 2, 3]],
    ["a number beyond 32 bits", [1e39, 1, 1, 1, 1, 1, 1, 1]],
  ])("%s", async (_, vector) => {
    const { embed } = await start(
      { dialect: unusable((text) => (isPoison(text) ? (vector ?? {}) : undefined)) },
      { attempts: 2 },
    );
    const { value } = await embed([...texts(5), "poison", "last"]);
    expect(value[5]).toMatchObject({
      code: "embedding_failed",
      message: expect.stringContaining("a vector cannot be used"),
    });
    expect(value.toSpliced(5, 1)).toEqual(vectors([...texts(5), "last"]));
  });

  test("several failing texts, and a single one, fail alone", async () => {
    const { embed } = await start({ dialect: ollama(isPoison) }, { attempts: 1 });
    const list = texts(64).map((text, n) => (n % 9 === 4 ? `poison ${n}` : text));
    const { value } = await embed(list);
    for (const [n, one] of value.entries())
      if (n % 9 === 4) expect(one).toBeInstanceOf(AppError);
      else expect(one).toEqual(vectorOf(list[n] as string, SIZE, MODEL));
    expect((await embed(["poison"])).value).toEqual([expect.objectContaining({ code: "embedding_failed" })]);
  });

  test("no text is billed twice", async () => {
    const { embed, server } = await start({ dialect: ollama(isPoison) }, { attempts: 2 });
    const list = [...texts(30), "poison"];
    await embed(list);
    expect(server.billed.filter((text) => text !== "hello").toSorted()).toEqual(texts(30).toSorted());
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
    const { embed, server } = await start({}, { attempts: 2 });
    server.always({ kind: "body", status, body });
    const { error, requests } = await embed(texts(200));
    expect(error).toMatchObject({ code });
    expect(requests.length).toBeLessThanOrEqual(maxRequests);
  });

  test("a batch with only rejected texts takes a bounded number of requests", async () => {
    const { embed } = await start({
      dialect: { poison: (text) => (text === "hello" ? undefined : { status: 400, body: { error: "no" } }) },
    });
    const { value, requests } = await embed(texts(800));
    expect(value.every((one) => one instanceof AppError)).toBe(true);
    expect(requests.length).toBeLessThan(550);
  });

  test("the deadline of the call applies while failing texts are searched", async () => {
    const { embed } = await start(
      { dialect: ollama((text) => text !== "hello") },
      { deadline: 500, backoff: 50 },
    );
    const started = performance.now();
    const { error } = await embed(texts(500));
    expect(error).toMatchObject({ code: "embedding_failed" });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

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
    const { embed } = await start({ dialect });
    for (const count of [1, 2, 9]) {
      const { value, requests } = await embed(texts(count));
      expect(value).toEqual(vectors(texts(count)));
      expect(requests).toHaveLength(1);
    }
  });

  test("missing indexes that contradict the positions are not guessed", async () => {
    const { embed } = await start(
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

describe("the server's message is reported without texts and keys", () => {
  const secret = "the recipe of the secret sauce";
  test.each([
    [500, { error: { message: "model crashed" } }, "model crashed"],
    [500, { error: "model crashed" }, "model crashed"],
    [500, { message: "model crashed", code: "E1" }, "model crashed"],
    [500, { detail: "model crashed" }, "model crashed"],
    [
      422,
      { detail: [{ loc: ["body", "model"], msg: "unknown model", input: secret }] },
      "body.model: unknown model",
    ],
    [500, { success: false, errors: [{ code: 7, message: "model crashed" }] }, "model crashed"],
    [500, "model crashed", "model crashed"],
    [500, "<html><head><title>Proxy Error</title></head></html>", "Proxy Error"],
    [200, { error: { message: "model crashed", code: 500 } }, "model crashed"],
    [200, { detail: "model crashed" }, "model crashed"],
    [200, { object: "error", message: "model crashed" }, "model crashed"],
    [200, { data: [], error: "model crashed" }, "model crashed"],
    [400, { error: `bad input: ${secret}, key ${KEY}, Bearer abcdefgh12345678` }, "bad input: …, key …, …"],
  ])("%i %j", async (status, body, words) => {
    const { embed, server } = await start({}, { attempts: 1 });
    server.always({ kind: "body", status, body });
    const { error } = await embed([secret]);
    expect(error?.message).toContain(words);
    expect(JSON.stringify([error?.message, error?.stack, error?.cause])).not.toMatch(
      /recipe|very-secret|abcdefgh/,
    );
  });
});

describe("the parameter dimensions", () => {
  test("is sent unless the dimensions are known to be the model's native dimensions", async () => {
    const { embed } = await start({ dimensions: 64 });
    const { value, requests } = await embed(["a"], 16);
    expect(value).toEqual(vectors(["a"], 16));
    expect(requests).toMatchObject([{ dimensions: 16 }]);
  });

  test("is omitted for the model's native dimensions", async () => {
    const { embed } = await start({ dimensions: 384 }, { model: "local/all-MiniLM-L6-v2" });
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
    const { embed } = await start({ dialect });
    const first = await embed(texts(6));
    expect(first.value).toEqual(vectors(texts(6)));
    expect(first.requests.length).toBeLessThanOrEqual(4);
    const again = await embed(texts(6));
    expect(again.value).toEqual(vectors(texts(6)));
    expect(again.requests.map(({ input, dimensions }) => [input.length, dimensions])).toEqual([
      [6, undefined],
    ]);
  });

  test("that is rejected for other dimensions is an error with both numbers and the server's message", async () => {
    const { embed } = await start({ dialect: fastApi() });
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

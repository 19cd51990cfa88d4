import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddingApi, startEmbeddingApi, vectorOf } from "../../../test/support/embedding-api.ts";
import { requireDefaultModel } from "./embedder.ts";
import { createEmbedders, noticeOf } from "./embedders.ts";
import { modelDimensions } from "./models.ts";

let api: EmbeddingApi;
beforeAll(async () => {
  api = await startEmbeddingApi({ dimensions: 6 });
});
afterAll(() => api.stop());

test("on the embedded database without configuration, the default is the bundled model with a notice about what to set", () => {
  const embedders = createEmbedders({ bundledByDefault: true });
  expect(embedders.default).toEqual({ model: "bundled/use-lite", dimensions: 1536 });
  expect(embedders.notice).toMatch(/bundled\/use-lite, a small model for English.*openai\.apiKey/);
  expect(noticeOf(embedders, "bundled/use-lite")).toBe(embedders.notice);
  expect(noticeOf(embedders, "offline/words")).toMatch(/finds words, not meaning/);
  expect(noticeOf(embedders, "bundled/glove-50k")).toMatch(/a table of English word vectors/);
  expect(noticeOf(embedders, "openai/text-embedding-3-small")).toBeUndefined();
});

test("the words-only embedder is named, and its vectors are not cached", () => {
  const embedders = createEmbedders({ defaultModel: "offline/words", bundledByDefault: true });
  expect(embedders.default).toEqual({ model: "offline/words", dimensions: 1536 });
  expect(embedders.get("offline/words").cacheable).toBe(false);
});

test("the table of word vectors is named, and its dimensions are known", () => {
  const embedders = createEmbedders({ defaultModel: "bundled/glove-50k" });
  expect(embedders.default).toEqual({ model: "bundled/glove-50k", dimensions: 1536 });
  expect(embedders.notice).toMatch(/a table of English word vectors\. Set defaultModel to another model/);
  expect(embedders.get("bundled/glove-50k").cacheable).toBe(false);
});

test("elsewhere there is no default without configuration, and offline/words must be named", () => {
  const embedders = createEmbedders({});
  expect(embedders.default).toBeUndefined();
  expect(() => requireDefaultModel(embedders)).toThrow(
    expect.objectContaining({
      code: "embedder_unavailable",
      path: "embeddingModel",
      message: expect.stringMatching(
        /names no embedding model.*Set openai\.apiKey, or openai\.baseUrl.* bundled\/glove-50k needs neither a key nor a server/,
      ),
    }),
  );
  expect(createEmbedders({ defaultModel: "offline/words" }).default?.model).toBe("offline/words");
});

test.each([
  [{}, "openai.apiKey"],
  [{ local: { baseUrl: "http://localhost:11434/v1" } }, "defaultModel is not set"],
  [{ local: { modelsDirectory: "/models" }, bundledByDefault: true }, "defaultModel is not set"],
  [{ defaultModel: "offline/words" }, "Set defaultModel to another model"],
])("the notice for %j names the missing option: %s", (config, option) => {
  const { notice } = createEmbedders(config);
  expect(notice).toContain(option);
  if ("local" in config) expect(notice).not.toMatch(/openai|local\./);
});

test.each([
  [{ openai: { apiKey: "k" } }, { model: "openai/text-embedding-3-small", dimensions: 1536 }],
  [{ openai: { baseUrl: "http://localhost:11434/v1" } }, { model: "openai/text-embedding-3-small", dimensions: 1536 }],
  [
    { openai: { apiKey: "k" }, defaultModel: "openai/text-embedding-3-large" },
    { model: "openai/text-embedding-3-large", dimensions: 3072 },
  ],
  [{ defaultModel: "local/all-MiniLM-L6-v2" }, { model: "local/all-MiniLM-L6-v2", dimensions: 384 }],
  [
    { defaultModel: "local/own", defaultDimensions: 77 },
    { model: "local/own", dimensions: 77 },
  ],
])("%j gives the default %j without a notice", (config, expected) => {
  const embedders = createEmbedders(config);
  expect(embedders.default).toEqual(expected);
  expect(embedders.notice).toBeUndefined();
});

test("a default model of unknown dimensions is rejected without configured dimensions", () => {
  expect(() => createEmbedders({ defaultModel: "local/own" })).toThrow(
    expect.objectContaining({ code: "invalid_input", path: "defaultDimensions" }),
  );
});

test.each([
  "openai/text-embedding-3-small",
  "local/nobody-knows-it",
  "offline/other",
  "bundled/other",
  "cohere/embed-v4",
  "words",
  "",
])("get(%j) of a model that is not configured says what to do", (model) => {
  const embedders = createEmbedders({});
  expect(() => embedders.get(model)).toThrow(
    expect.objectContaining({
      code: "embedder_unavailable",
      message: expect.stringMatching(/Set |set |Write|only/),
    }),
  );
});

test("openai/… and local/… both use the configured server, each with its own key", async () => {
  const embedders = createEmbedders({
    openai: { apiKey: "one", baseUrl: api.url },
    local: { apiKey: "two", baseUrl: api.url, modelsDirectory: "/nowhere" },
  });
  const [first] = await embedders.get("openai/text-embedding-3-small").embed(["a"], { dimensions: 3 });
  const [second] = await embedders.get("local/BAAI/bge-m3").embed(["a"], { dimensions: 6 });
  expect([first, second]).toEqual([vectorOf("a", 3), vectorOf("a", 6, "BAAI/bge-m3")]);
  expect(api.authorizations).toEqual(["Bearer one", "Bearer two"]);
  expect(embedders.get("local/BAAI/bge-m3")).toBe(embedders.get("local/BAAI/bge-m3"));
});

test("the 100 most recently used embedders are cached", async () => {
  const embedders = createEmbedders({ openai: { baseUrl: api.url } });
  const first = embedders.get("openai/model-0");
  const second = embedders.get("openai/model-1");
  for (let n = 2; n < 100; n++) embedders.get(`openai/model-${n}`);
  expect(embedders.get("openai/model-0")).toBe(first); // now the most recently used
  embedders.get("openai/model-100");
  expect(embedders.get("openai/model-0")).toBe(first);
  expect(embedders.get("openai/model-1")).not.toBe(second);
});

test("modelDimensions() ignores the provider, publisher and tag of a model", () => {
  expect(modelDimensions("openai/text-embedding-3-large")).toBe(3072);
  expect(modelDimensions("local/sentence-transformers/all-MiniLM-L6-v2")).toBe(384);
  expect(modelDimensions("local/nomic-embed-text:latest")).toBe(768);
  expect(modelDimensions("offline/words")).toBeUndefined();
  expect(modelDimensions("local/constructor")).toBeUndefined();
});

test("messages name the options as the caller does", () => {
  const names = {
    apiKey: "API_KEY",
    baseUrl: "BASE_URL",
    defaultModel: "MODEL",
    defaultDimensions: "DIMENSIONS",
    localUrl: "LOCAL_URL",
    localModels: "LOCAL_MODELS",
  };
  const { notice, get } = createEmbedders({ names });
  expect(notice).toMatch(/Set API_KEY, or BASE_URL for .*, or name a model in MODEL\./);
  expect(() => get("local/somebody/huge-model")).toThrow(/set LOCAL_URL, .* set LOCAL_MODELS/);
  expect(() => createEmbedders({ defaultModel: "local/own", names })).toThrow(
    expect.objectContaining({ path: "DIMENSIONS", message: expect.stringContaining("Set DIMENSIONS") }),
  );
});

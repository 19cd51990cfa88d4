import { expect, test } from "vitest";
import type { ChromaCollection } from "./chroma-collection.ts";
import { modelOf, unusableModelOf } from "./model.ts";

type Described = NonNullable<NonNullable<ChromaCollection["configuration_json"]>["embedding_function"]>;

const model = (embedding_function: Described | null, dimension: number | null) =>
  modelOf({ id: "", name: "", dimension, metadata: null, configuration_json: { embedding_function } });
const known = (name: string, config: Record<string, unknown> = {}): Described => ({
  type: "known",
  name,
  config,
});

test.each<[string, Described | null, number | null, string | null]>([
  ["Chroma's default", known("default"), 384, "local/all-MiniLM-L6-v2"],
  ["its ONNX name", known("onnx_mini_lm_l6_v2"), 384, "local/all-MiniLM-L6-v2"],
  [
    "OpenAI's small model",
    known("openai", { model_name: "text-embedding-3-small" }),
    1536,
    "openai/text-embedding-3-small",
  ],
  ["OpenAI without a model", known("openai"), 1536, "openai/text-embedding-ada-002"],
  [
    "OpenAI with fewer dimensions",
    known("openai", { model_name: "text-embedding-3-large", dimensions: 256 }),
    256,
    "openai/text-embedding-3-large",
  ],
  [
    "a sentence transformer",
    known("sentence_transformer", { model_name: "sentence-transformers/all-mpnet-base-v2" }),
    768,
    "local/all-mpnet-base-v2",
  ],
  ["ollama", known("ollama", { model_name: "nomic-embed-text" }), 768, "local/nomic-embed-text"],
  ["a model of unknown size", known("ollama", { model: "my-own" }), 77, "local/my-own"],
  ["another provider", known("cohere", { model_name: "embed-english-v3.0" }), 1024, "cohere/embed-english-v3.0"],
  ["an empty collection", known("default"), null, "local/all-MiniLM-L6-v2"],
  // Clients name their default function even if the caller provides vectors.
  ["the default function with other dimensions", known("default"), 1536, null],
  ["a model with other dimensions", known("openai", { model_name: "text-embedding-3-small" }), 8, null],
  ["a function unknown to Chroma", { type: "legacy" }, 384, null],
  ["a provider without a model", known("cohere"), 1024, null],
  ["nothing", null, 384, null],
  ["a path", known("sentence_transformer", { model_name: "/models/e5-v1.5" }), 768, "local//models/e5-v1.5"],
  ["a name that is not text", known("openai", { model_name: 7 }), 1536, null],
  ["a function without a name", known(""), 384, null],
])("%s", (_name, described, dimension, expected) => {
  expect(model(described, dimension)).toBe(expected);
});

test.each([
  ["a path with spaces", known("sentence_transformer", { model_name: "/my models/e5" }), "local//my models/e5"],
  ["a Windows path", known("huggingface", { model_name: "C:\\My Models\\e5" }), "local/C:\\My Models\\e5"],
  ["a name with a newline", known("ollama", { model: "e5\n" }), "local/e5\n"],
  ["a name with NUL", known("ollama", { model: "e5\0" }), "local/e5\0"],
  ["a lone surrogate", known("ollama", { model: "e5\uD800" }), "local/e5\uD800"],
  ["a function with a dot", known("acme.embeddings", { model_name: "e5" }), "acme.embeddings/e5"],
  ["a function with a space", known("my function", { model_name: "e5" }), "my function/e5"],
  ["a function named like a JavaScript property", known("constructor", { model_name: "a b" }), "constructor/a b"],
  ["a name of 100,000 characters", known("ollama", { model: "x".repeat(100_000) }), `local/${"x".repeat(194)}`],
])("%s is not a valid model name in Cairn and is returned as unusable", (_name, embedding_function, unusable) => {
  const collection = { id: "", name: "", dimension: 384, metadata: null };
  const described = { ...collection, configuration_json: { embedding_function } };
  expect([modelOf(described), unusableModelOf(described)]).toEqual([null, unusable]);
});

test("a collection without a configuration, as on old servers, has no model", () => {
  expect(modelOf({ id: "", name: "", dimension: 384, metadata: null })).toBeNull();
});

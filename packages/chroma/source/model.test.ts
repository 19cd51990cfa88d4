import { expect, test } from "vitest";
import type { ChromaCollection } from "./described.ts";
import { modelOf } from "./model.ts";

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
    "OpenAI cut to fewer dimensions",
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
  [
    "another provider",
    known("cohere", { model_name: "embed-english-v3.0" }),
    1024,
    "cohere/embed-english-v3.0",
  ],
  ["a collection that is empty yet", known("default"), null, "local/all-MiniLM-L6-v2"],
  // Clients write their default function down also where the caller brought vectors of his own.
  ["the default, but vectors of another size", known("default"), 1536, null],
  [
    "a model, but vectors of another size",
    known("openai", { model_name: "text-embedding-3-small" }),
    8,
    null,
  ],
  ["a function that Chroma does not know", { type: "legacy" }, 384, null],
  ["a provider whose model is not said", known("cohere"), 1024, null],
  ["nothing", null, 384, null],
])("%s", (_name, described, dimension, expected) => {
  expect(model(described, dimension)).toBe(expected);
});

test("a collection without a configuration, as old servers have, has no model", () => {
  expect(modelOf({ id: "", name: "", dimension: 384, metadata: null })).toBeNull();
});

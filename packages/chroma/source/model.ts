import { modelDimensions } from "@cairn/core/embedding/models.ts";
import type { ChromaCollection } from "./described.ts";

/** Names that Chroma's embedding functions store of themselves, and Cairn's provider for each. */
const PROVIDERS: Readonly<Record<string, string>> = {
  default: "local",
  onnx_mini_lm_l6_v2: "local",
  sentence_transformer: "local",
  huggingface: "local",
  ollama: "local",
  openai: "openai",
};

const CHROMA_DEFAULT = "all-MiniLM-L6-v2";

/**
 * The model of a collection's embedding function, as `provider/model`; null where Chroma does not say. Its clients name
 * their default function also where the caller brought vectors of his own, so a model whose size is not the
 * collection's is not believed.
 */
export function modelOf({ configuration_json: configuration, dimension }: ChromaCollection): string | null {
  const described = configuration?.embedding_function;
  if (!described?.name || described.type !== "known") return null;
  const provider = PROVIDERS[described.name] ?? described.name;
  const named = described.config?.model_name ?? described.config?.model;
  const model =
    typeof named === "string" ? named.replace(/^sentence-transformers\//, "") : defaultModel(described.name);
  if (!model) return null;
  const full = `${provider}/${model}`;
  const expected = configuredDimensions(described.config) ?? modelDimensions(full);
  return expected !== undefined && dimension !== null && expected !== dimension ? null : full;
}

function defaultModel(name: string): string | null {
  if (name === "default" || name === "onnx_mini_lm_l6_v2" || name === "sentence_transformer")
    return CHROMA_DEFAULT;
  return name === "openai" ? "text-embedding-ada-002" : null;
}

function configuredDimensions(config: Readonly<Record<string, unknown>> | undefined): number | undefined {
  return typeof config?.dimensions === "number" ? config.dimensions : undefined;
}

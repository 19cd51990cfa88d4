import { isModelName } from "@cairn/core/collection/create.ts";
import { modelDimensions } from "@cairn/core/embedding/models.ts";
import type { ChromaCollection } from "./chroma-collection.ts";

/** Cairn's provider for the name of each of Chroma's embedding functions. */
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
 * The model of a collection's embedding function, as `provider/model`; null if unknown. Chroma's clients name their default
 * function even if the caller provides vectors, so a model whose dimensions differ from the collection's is ignored.
 */
export function modelOf(collection: ChromaCollection): string | null {
  const name = nameModel(collection);
  if (name === null || !isModelName(name)) return null;
  const { configuration_json: configuration, dimension } = collection;
  const expected = configuredDimensions(configuration?.embedding_function?.config) ?? modelDimensions(name);
  return expected !== undefined && dimension !== null && expected !== dimension ? null : name;
}

/** Chroma's name of a collection's model, shortened, if it is not a valid model name in Cairn; otherwise null. */
export function unusableModelOf(collection: ChromaCollection): string | null {
  const name = nameModel(collection);
  return name === null || isModelName(name) ? null : name.slice(0, MAX_SHOWN_CHARACTERS);
}

/** Characters of an unusable name that messages show. */
const MAX_SHOWN_CHARACTERS = 200;

/** `provider/model` as Chroma names it, even if Cairn cannot use the name. */
function nameModel({ configuration_json: configuration }: ChromaCollection): string | null {
  const embeddingFunction = configuration?.embedding_function;
  if (typeof embeddingFunction?.name !== "string" || !embeddingFunction.name || embeddingFunction.type !== "known")
    return null;
  const provider = Object.hasOwn(PROVIDERS, embeddingFunction.name)
    ? PROVIDERS[embeddingFunction.name]
    : embeddingFunction.name;
  const configuredName = embeddingFunction.config?.model_name ?? embeddingFunction.config?.model ?? null;
  if (configuredName !== null && typeof configuredName !== "string") return null;
  const model =
    configuredName === null
      ? defaultModel(embeddingFunction.name)
      : configuredName.replace(/^sentence-transformers\//, "");
  return model ? `${provider}/${model}` : null;
}

function defaultModel(name: string): string | null {
  if (name === "default" || name === "onnx_mini_lm_l6_v2" || name === "sentence_transformer") return CHROMA_DEFAULT;
  return name === "openai" ? "text-embedding-ada-002" : null;
}

function configuredDimensions(config: Readonly<Record<string, unknown>> | undefined): number | undefined {
  return typeof config?.dimensions === "number" ? config.dimensions : undefined;
}

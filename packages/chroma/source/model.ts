import { isModelName } from "@cairn/core/collection/create.ts";
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
export function modelOf(collection: ChromaCollection): string | null {
  const name = nameModel(collection);
  if (name === null || !isModelName(name)) return null;
  const { configuration_json: configuration, dimension } = collection;
  const expected = configuredDimensions(configuration?.embedding_function?.config) ?? modelDimensions(name);
  return expected !== undefined && dimension !== null && expected !== dimension ? null : name;
}

/** What Chroma calls a collection's model, shortened, where Cairn cannot use it as a name; null where it can. */
export function unusableModelOf(collection: ChromaCollection): string | null {
  const name = nameModel(collection);
  return name === null || isModelName(name) ? null : name.slice(0, SHOWN);
}

/** Characters of an unusable name that are shown. */
const SHOWN = 200;

/** `provider/model` by what Chroma says, whether or not Cairn can use it. */
function nameModel({ configuration_json: configuration }: ChromaCollection): string | null {
  const described = configuration?.embedding_function;
  if (typeof described?.name !== "string" || !described.name || described.type !== "known") return null;
  const provider = Object.hasOwn(PROVIDERS, described.name) ? PROVIDERS[described.name] : described.name;
  const named = described.config?.model_name ?? described.config?.model ?? null;
  if (named !== null && typeof named !== "string") return null;
  const model = named === null ? defaultModel(described.name) : named.replace(/^sentence-transformers\//, "");
  return model ? `${provider}/${model}` : null;
}

function defaultModel(name: string): string | null {
  if (name === "default" || name === "onnx_mini_lm_l6_v2" || name === "sentence_transformer")
    return CHROMA_DEFAULT;
  return name === "openai" ? "text-embedding-ada-002" : null;
}

function configuredDimensions(config: Readonly<Record<string, unknown>> | undefined): number | undefined {
  return typeof config?.dimensions === "number" ? config.dimensions : undefined;
}

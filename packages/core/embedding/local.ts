import { resolve } from "node:path";
import { AppError } from "../error.ts";
import type { Embedded, Embedder } from "./embedder.ts";
import { assertModelDimensions, findModelFault } from "./model-fault.ts";

export interface LocalOptions {
  /** `local/<name>`, as a collection stores it. */
  readonly model: string;
  /** Folder with one subfolder per model (`config.json`, `tokenizer.json`, `onnx/model.onnx`). Undefined: the Hugging Face hub. */
  readonly modelsDirectory?: string;
  /** Texts per model call. Default 32. */
  readonly batchSize?: number;
  /** How messages name the options. */
  readonly names?: ModelSourceNames;
}

/** What the caller calls the options that say where local models are. */
export interface ModelSourceNames {
  readonly localUrl: string;
  readonly localModels: string;
}

export const MODEL_SOURCE_NAMES: ModelSourceNames = {
  localUrl: "local.baseUrl",
  localModels: "local.modelsDirectory",
};

/** The used part of @huggingface/transformers. */
interface Transformers {
  pipeline(task: "feature-extraction", model: string, options: object): Promise<FeatureExtractor>;
}
type FeatureExtractor = (
  texts: string[],
  options: { pooling: "mean"; normalize: boolean },
) => Promise<{ readonly dims: readonly number[]; readonly data: Float32Array }>;

/** A variable, so that no bundler includes the package: it is optional and has 330 MB of native code. */
const TRANSFORMERS = "@huggingface/transformers";
const HUB_PUBLISHER = "Xenova";

/** Hub models that use mean pooling, as implemented here. Other models must be in a local folder. */
const HUB_MODELS = new Set([
  "all-MiniLM-L6-v2",
  "all-MiniLM-L12-v2",
  "all-mpnet-base-v2",
  "multi-qa-MiniLM-L6-cos-v1",
  "paraphrase-multilingual-MiniLM-L12-v2",
]);

/**
 * An embedder that runs an ONNX model in this process: mean pooling of the last layer, unit length, 32-bit floats, like
 * Chroma's default embedding function. A text longer than the model's limit (256 to 512 tokens) is truncated, so keep
 * passages short. Throws `embedder_unavailable` if the package or the model cannot be loaded.
 */
export function createLocalEmbedder(options: LocalOptions): Embedder {
  const { model, batchSize = 32 } = options;
  const source = findModel(options);
  let loading: Promise<FeatureExtractor> | undefined;
  return {
    model,
    async embed(texts, { dimensions, onBatch, signal }) {
      const embedded: Embedded[] = [];
      for (let offset = 0; offset < texts.length; offset += batchSize) {
        signal?.throwIfAborted();
        loading ??= loadExtractor(model, source).catch((error) => {
          loading = undefined;
          throw error;
        });
        const batch = await embedTexts(await loading, texts.slice(offset, offset + batchSize), {
          model,
          dimensions,
        });
        await onBatch?.(
          batch.flatMap((vector, at) => (vector instanceof AppError ? [] : [{ index: offset + at, vector }])),
        );
        embedded.push(...batch);
      }
      return embedded;
    },
  };
}

interface ModelSource {
  /** A folder, or a name on the hub. */
  readonly path: string;
  readonly isLocal: boolean;
  readonly names: ModelSourceNames;
}

/** The source of a model. A tenant may name the model, so the name must not leave the folder or trigger arbitrary downloads. */
function findModel({ model, modelsDirectory, names = MODEL_SOURCE_NAMES }: LocalOptions): ModelSource {
  const name = model.slice(model.indexOf("/") + 1);
  if (!/^\w[\w.-]*(\/\w[\w.-]*)?$/.test(name)) throw unavailable(model, "The model name is invalid.");
  if (modelsDirectory !== undefined) return { path: resolve(modelsDirectory, name), isLocal: true, names };
  const hubName = name.replace(/^(sentence-transformers|Xenova)\//, "");
  if (HUB_MODELS.has(hubName)) return { path: `${HUB_PUBLISHER}/${hubName}`, isLocal: false, names };
  throw unavailable(
    model,
    `Serve it with an OpenAI-compatible server (Ollama, TEI, vLLM) and set ${names.localUrl}, or put its ONNX files in a folder and set ${names.localModels}.`,
  );
}

async function loadExtractor(model: string, { path, isLocal, names }: ModelSource): Promise<FeatureExtractor> {
  let library: Transformers;
  try {
    library = (await import(TRANSFORMERS)) as Transformers;
  } catch (error) {
    throw unavailable(
      model,
      `The package @huggingface/transformers, which runs models in this process, cannot be loaded. Install it with npm install @huggingface/transformers, or set ${names.localUrl} to an OpenAI-compatible server (Ollama, TEI, vLLM).`,
      error,
    );
  }
  try {
    return await library.pipeline("feature-extraction", path, { dtype: "fp32", local_files_only: isLocal });
  } catch (error) {
    const where = isLocal
      ? `from the model folder in ${names.localModels}`
      : `from huggingface.co/${path}. Without network access, set ${names.localModels} to a folder that contains it`;
    throw unavailable(model, `It cannot be loaded ${where}.`, error);
  }
}

async function embedTexts(
  extract: FeatureExtractor,
  texts: readonly string[],
  { model, dimensions }: { readonly model: string; readonly dimensions: number },
): Promise<readonly Embedded[]> {
  const { dims, data } = await extract([...texts], { pooling: "mean", normalize: true });
  assertModelDimensions(model, dims[1] ?? 0, dimensions);
  return texts.map((_, index) => {
    const vector = data.slice(index * dimensions, (index + 1) * dimensions);
    const fault = findModelFault(vector);
    if (fault === undefined) return vector;
    return new AppError("embedding_failed", `The vector from ${model} for this text cannot be used: ${fault}.`);
  });
}

/** The error for a model that cannot be used. */
export function unavailable(model: string, reason: string, cause?: unknown): AppError {
  return new AppError(
    "embedder_unavailable",
    `The model ${JSON.stringify(model.slice(0, 100))} cannot be used. ${reason}`,
    { cause },
  );
}

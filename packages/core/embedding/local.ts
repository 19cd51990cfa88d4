import { resolve } from "node:path";
import { AppError } from "../error.ts";
import type { Embedded, Embedder } from "./embedder.ts";
import { assertSize, findModelFault } from "./openai-reply.ts";

export interface LocalOptions {
  /** `local/<name>`, as a collection names it. */
  readonly model: string;
  /** Folder with a folder a model (`config.json`, `tokenizer.json`, `onnx/model.onnx`). Undefined: Hugging Face's hub. */
  readonly modelsDirectory?: string;
  /** Texts through the model at once. Default 32. */
  readonly batchSize?: number;
}

/** As much of @huggingface/transformers as is used. */
interface Transformers {
  pipeline(task: "feature-extraction", model: string, options: object): Promise<Extract>;
}
type Extract = (
  texts: string[],
  options: { pooling: "mean"; normalize: boolean },
) => Promise<{ readonly dims: readonly number[]; readonly data: Float32Array }>;

/** A variable, so that no bundler follows it: the package is the user's own choice, 330 MB of native code. */
const TRANSFORMERS = "@huggingface/transformers";
const PUBLISHER = "Xenova";

/** Models of the hub whose vectors are the mean of the tokens', as computed here; others must be put in a folder. */
const HUB_MODELS = new Set([
  "all-MiniLM-L6-v2",
  "all-MiniLM-L12-v2",
  "all-mpnet-base-v2",
  "multi-qa-MiniLM-L6-cos-v1",
  "paraphrase-multilingual-MiniLM-L12-v2",
]);

/**
 * An embedder inside this process, by ONNX models: the mean of the last layer, to unit length, in 32 bits, as
 * Chroma's default embedding function gives. A text longer than the model reads (256 to 512 tokens) is cut off at
 * its end, so keep passages short. Throws `embedder_unavailable` where the package or the model cannot be loaded.
 */
export function createLocalEmbedder({ model, modelsDirectory, batchSize = 32 }: LocalOptions): Embedder {
  const source = findModel(model, modelsDirectory);
  let loading: Promise<Extract> | undefined;
  return {
    model,
    async embed(texts, { dimensions, onBatch, signal }) {
      const embedded: Embedded[] = [];
      for (let offset = 0; offset < texts.length; offset += batchSize) {
        signal?.throwIfAborted();
        loading ??= load(model, source).catch((error) => {
          loading = undefined;
          throw error;
        });
        const some = await run(await loading, texts.slice(offset, offset + batchSize), { model, dimensions });
        await onBatch?.(
          some.flatMap((vector, at) => (vector instanceof AppError ? [] : [{ index: offset + at, vector }])),
        );
        embedded.push(...some);
      }
      return embedded;
    },
  };
}

interface Source {
  /** A folder or a name on the hub. */
  readonly path: string;
  readonly local: boolean;
}

/** A tenant may name a collection's model: it must neither leave the folder nor make the service download at will. */
function findModel(model: string, directory: string | undefined): Source {
  const name = model.slice(model.indexOf("/") + 1);
  if (!/^\w[\w.-]*(\/\w[\w.-]*)?$/.test(name)) throw unavailable(model, "It is no name of a model.");
  if (directory !== undefined) return { path: resolve(directory, name), local: true };
  const known = name.replace(/^(sentence-transformers|Xenova)\//, "");
  if (HUB_MODELS.has(known)) return { path: `${PUBLISHER}/${known}`, local: false };
  throw unavailable(
    model,
    "Serve it by an OpenAI-compatible server (Ollama, TEI, vLLM) and set CAIRN_LOCAL_URL, or put its ONNX files in a folder and set CAIRN_LOCAL_MODELS.",
  );
}

async function load(model: string, { path, local }: Source): Promise<Extract> {
  let library: Transformers;
  try {
    library = (await import(TRANSFORMERS)) as Transformers;
  } catch (error) {
    throw unavailable(
      model,
      "It runs in this process by a package that cannot be loaded. Install it: npm install @huggingface/transformers; or set CAIRN_LOCAL_URL to an OpenAI-compatible server (Ollama, TEI, vLLM).",
      error,
    );
  }
  try {
    return await library.pipeline("feature-extraction", path, { dtype: "fp32", local_files_only: local });
  } catch (error) {
    const where = local
      ? "from the folder of local models that CAIRN_LOCAL_MODELS names"
      : `from huggingface.co/${path}; without a network, set CAIRN_LOCAL_MODELS to a folder that has it`;
    throw unavailable(model, `It cannot be loaded ${where}.`, error);
  }
}

async function run(
  extract: Extract,
  texts: readonly string[],
  { model, dimensions }: { readonly model: string; readonly dimensions: number },
): Promise<readonly Embedded[]> {
  const { dims, data } = await extract([...texts], { pooling: "mean", normalize: true });
  assertSize(model, dims[1] ?? 0, dimensions);
  return texts.map((_, index) => {
    const vector = data.slice(index * dimensions, (index + 1) * dimensions);
    const fault = findModelFault(vector);
    if (fault === undefined) return vector;
    return new AppError(
      "embedding_failed",
      `The vector that ${model} gives for this text cannot be used: ${fault}.`,
    );
  });
}

function unavailable(model: string, reason: string, cause?: unknown): AppError {
  return new AppError(
    "embedder_unavailable",
    `The model ${JSON.stringify(model.slice(0, 100))} cannot be used. ${reason}`,
    { cause },
  );
}

import { AppError } from "../error.ts";
import { BUNDLED_MODEL } from "./bundled/dimensions.ts";
import type { DefaultModel, Embedder, Embedders } from "./embedder.ts";
import { createLocalEmbedder, MODEL_SOURCE_NAMES, type ModelSourceNames, unavailable } from "./local.ts";
import { modelDimensions } from "./models.ts";
import { createOpenAiEmbedder } from "./openai.ts";
import type { OpenAiOptions } from "./openai-options.ts";
import { GLOVE_MODEL } from "./word-table/dimensions.ts";

/** A server that speaks OpenAI's embeddings protocol. Default `apiKey`: none, for servers without authentication. */
type EmbeddingServer = Partial<Pick<OpenAiOptions, "apiKey" | "baseUrl">>;

export interface EmbeddingConfig {
  /** Server of `openai/<model>`: OpenAI or a compatible server. */
  readonly openai?: EmbeddingServer;
  /** Server of `local/<model>` if `baseUrl` is set. Otherwise this process runs models from a folder or the hub. */
  readonly local?: EmbeddingServer & { readonly modelsDirectory?: string };
  /** Model of a collection that names none. Default `openai/text-embedding-3-small` if `openai` is set, else see `bundledByDefault`. */
  readonly defaultModel?: string;
  /**
   * Whether `bundled/use-lite` is the default if no model is configured. Default false: a deployed service uses this
   * small model only if it is named.
   */
  readonly bundledByDefault?: boolean;
  /** Default: the model's native dimensions; 1,536 for `offline/words`. */
  readonly defaultDimensions?: number;
  /** Timeouts, retries and size limits of requests to a server. */
  readonly requests?: Pick<
    OpenAiOptions,
    "deadline" | "attemptTimeout" | "attempts" | "backoff" | "maxInputs" | "maxTextTokens"
  >;
  /** How messages name these options. Default: as here. */
  readonly names?: OptionNames;
}

/** What the caller calls the options in its own settings. */
export interface OptionNames extends ModelSourceNames {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly defaultModel: string;
  readonly defaultDimensions: string;
}

const OPTION_NAMES: OptionNames = {
  ...MODEL_SOURCE_NAMES,
  apiKey: "openai.apiKey",
  baseUrl: "openai.baseUrl",
  defaultModel: "defaultModel",
  defaultDimensions: "defaultDimensions",
};

const OFFLINE = "offline/words";
const OFFLINE_DIMENSIONS = 1536;
/** Models that are no match for a provider's, and why. */
const LIMITED_MODELS: ReadonlyMap<string, string> = new Map([
  [OFFLINE, "which finds words, not meaning"],
  [BUNDLED_MODEL, "a small model for English"],
  [GLOVE_MODEL, "a table of English word vectors"],
]);
const OPENAI_DEFAULT = "openai/text-embedding-3-small";
/** Maximum cached embedders. There is a limit because a tenant may name any model. */
const MAX_CACHED_EMBEDDERS = 100;

/**
 * The embedders of a configuration. Each is created on first use; the 100 most recently used are cached. Opens nothing.
 * Throws `invalid_input` if the dimensions of the default model are neither known nor configured.
 */
export function createEmbedders(config: EmbeddingConfig): Embedders {
  const cached = new Map<string, Embedder>();
  const defaultModel = chooseDefault(config);
  return Object.freeze({
    default: defaultModel,
    notice: createNotice(defaultModel, config),
    get(model: string) {
      const embedder = cached.get(model) ?? createEmbedder(model, config);
      cached.delete(model);
      cached.set(model, embedder);
      if (cached.size > MAX_CACHED_EMBEDDERS) cached.delete(cached.keys().next().value as string); // the least recently used
      return embedder;
    },
  });
}

function chooseDefault(config: EmbeddingConfig): DefaultModel | undefined {
  const model =
    config.defaultModel ?? (config.openai ? OPENAI_DEFAULT : config.bundledByDefault ? BUNDLED_MODEL : undefined);
  if (model === undefined) return undefined;
  const { defaultDimensions } = config.names ?? OPTION_NAMES;
  const dimensions =
    config.defaultDimensions ?? modelDimensions(model) ?? (model === OFFLINE ? OFFLINE_DIMENSIONS : undefined);
  if (dimensions !== undefined) return Object.freeze({ model, dimensions });
  throw new AppError(
    "invalid_input",
    `The default model ${model} cannot be used: its number of dimensions is unknown. Set ${defaultDimensions}.`,
    { path: defaultDimensions },
  );
}

/** The notice for a missing or offline default model. Names the option to set. */
function createNotice(defaultModel: DefaultModel | undefined, config: EmbeddingConfig): string | undefined {
  const names = config.names ?? OPTION_NAMES;
  const hint = config.local
    ? `${names.defaultModel} is not set. Set it to a model of the local server or folder, as in local/nomic-embed-text.`
    : `${serverHint(names)}, or name a model in ${names.defaultModel}.`;
  if (!defaultModel)
    return `No embedding model is configured. ${hint} ${GLOVE_MODEL} needs neither a key nor a server.`;
  const { model } = defaultModel;
  const what = LIMITED_MODELS.get(model);
  if (what === undefined) return undefined;
  if (config.defaultModel)
    return `Texts are embedded by ${model}, ${what}. Set ${names.defaultModel} to another model.`;
  return `Texts are embedded by ${model}, ${what}, because no embedding model is configured. ${hint}`;
}

/** Text for the user about the model of a collection, if it is no match for a provider's. */
export function noticeOf({ default: defaultModel, notice }: Embedders, model: string | null): string | undefined {
  if (model === null) return undefined;
  if (model === defaultModel?.model) return notice;
  const what = LIMITED_MODELS.get(model);
  return what && `Texts are embedded by ${model}, ${what}.`;
}

function serverHint({ apiKey, baseUrl }: OptionNames): string {
  return `Set ${apiKey}, or ${baseUrl} for another OpenAI-compatible server (Ollama, TEI, vLLM)`;
}

function createEmbedder(model: string, config: EmbeddingConfig): Embedder {
  const [, provider, name] = /^([\w-]+)\/(\S+)$/.exec(model) ?? [];
  const { openai, local, requests, names = OPTION_NAMES } = config;
  if (provider === "offline" && model === OFFLINE) return offlineEmbedder();
  if (provider === "offline") throw unavailable(model, `The only offline embedder is ${OFFLINE}.`);
  if (model === BUNDLED_MODEL) return bundledEmbedder();
  if (model === GLOVE_MODEL) return gloveEmbedder();
  if (provider === "bundled")
    throw unavailable(model, `The only bundled models are ${BUNDLED_MODEL} and ${GLOVE_MODEL}.`);
  if (provider === "openai" && name) {
    if (!openai) throw unavailable(model, `${serverHint(names)}.`);
    return serverEmbedder(model, name, { ...openai, ...requests });
  }
  if (provider === "local" && name) {
    if (local?.baseUrl) return serverEmbedder(model, name, { ...local, ...requests });
    return createLocalEmbedder({ model, modelsDirectory: local?.modelsDirectory, names });
  }
  throw unavailable(model, `Write it as openai/<name>, local/<name>, ${BUNDLED_MODEL}, ${GLOVE_MODEL} or ${OFFLINE}.`);
}

/** Loads the offline embedder with the first text. Services that use a model server never load it. */
function offlineEmbedder(): Embedder {
  return {
    model: OFFLINE,
    cacheable: false,
    async embed(texts, options) {
      const { createOfflineEmbedder } = await import("./offline.ts");
      return createOfflineEmbedder(OFFLINE).embed(texts, options);
    },
  };
}

/** Loads the bundled model with the first text. Processes without threads and files cannot use it. */
function bundledEmbedder(): Embedder {
  return {
    model: BUNDLED_MODEL,
    async embed(texts, options) {
      const { createBundledEmbedder } = await import("./bundled/embedder.ts");
      return createBundledEmbedder().embed(texts, options);
    },
  };
}

/** Loads the table of word vectors with the first text. */
function gloveEmbedder(): Embedder {
  return {
    model: GLOVE_MODEL,
    cacheable: false,
    async embed(texts, options) {
      const { createGloveEmbedder } = await import("./word-table/embedder.ts");
      return createGloveEmbedder().embed(texts, options);
    },
  };
}

function serverEmbedder(
  model: string,
  remoteModel: string,
  server: EmbeddingServer & EmbeddingConfig["requests"],
): Embedder {
  return createOpenAiEmbedder({ ...server, model, remoteModel, apiKey: server.apiKey ?? "none" });
}

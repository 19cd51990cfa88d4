import { AppError } from "../error.ts";
import type { DefaultModel, Embedder, Embedders } from "./embedder.ts";
import { createLocalEmbedder } from "./local.ts";
import { modelDimensions } from "./models.ts";
import { createOpenAiEmbedder } from "./openai.ts";
import type { OpenAiOptions } from "./openai-options.ts";

/** A server that speaks OpenAI's embeddings protocol. */
export interface EmbeddingServer {
  /** Default: none, for servers that ask for none. */
  readonly apiKey?: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
}

export interface EmbeddingConfig {
  /** For `openai/<model>`: OpenAI, or a server in its place. */
  readonly openai?: EmbeddingServer;
  /** For `local/<model>`: a server where `baseUrl` is given, else this process and models of a folder or the hub. */
  readonly local?: EmbeddingServer & { readonly modelsDirectory?: string };
  /** Model of a collection that names none. Default `openai/text-embedding-3-small` where `openai` is given, else see `wordsByDefault`. */
  readonly defaultModel?: string;
  /**
   * Whether `offline/words` is the default where no model is configured. Default false: a service on a server never
   * falls back to an embedder that finds words only, unless it is named.
   */
  readonly wordsByDefault?: boolean;
  /** Default: the model's own, 1,536 for `offline/words`. */
  readonly defaultDimensions?: number;
  /** How long and how often requests to a server are tried, and how much it takes. */
  readonly requests?: Pick<
    OpenAiOptions,
    "deadline" | "attemptTimeout" | "attempts" | "backoff" | "maxInputs" | "maxTextTokens"
  >;
}

const OFFLINE = "offline/words";
const OFFLINE_DIMENSIONS = 1536;
const OPENAI_DEFAULT = "openai/text-embedding-3-small";
/** Embedders that are kept: a tenant may name any model in a collection. */
const MAX_KEPT = 100;
const OPENAI_MISSING =
  "Set OPENAI_API_KEY, or OPENAI_BASE_URL for another OpenAI-compatible server (Ollama, TEI, vLLM)";
const DEFAULT_MISSING = `${OPENAI_MISSING}, or name a model in CAIRN_EMBEDDING_MODEL.`;
const LOCAL_UNNAMED =
  "CAIRN_EMBEDDING_MODEL is not set. Set it to a model of the local server or folder, as in local/nomic-embed-text.";

/**
 * The embedders that a configuration gives, each made when first requested and then kept, up to 100. Opens nothing.
 * Throws `invalid_input` where the default's dimensions are neither known nor said.
 */
export function createEmbedders(config: EmbeddingConfig): Embedders {
  const made = new Map<string, Embedder>();
  const chosen = chooseDefault(config);
  return Object.freeze({
    default: chosen,
    notice: noticeOf(chosen, config),
    get(model: string) {
      const embedder = made.get(model) ?? createEmbedder(model, config);
      made.delete(model);
      made.set(model, embedder);
      if (made.size > MAX_KEPT) made.delete(made.keys().next().value as string); // the one unused for longest
      return embedder;
    },
  });
}

function chooseDefault(config: EmbeddingConfig): DefaultModel | undefined {
  const model =
    config.defaultModel ?? (config.openai ? OPENAI_DEFAULT : config.wordsByDefault ? OFFLINE : undefined);
  if (model === undefined) return undefined;
  const dimensions =
    config.defaultDimensions ??
    modelDimensions(model) ??
    (model === OFFLINE ? OFFLINE_DIMENSIONS : undefined);
  if (dimensions !== undefined) return Object.freeze({ model, dimensions });
  throw new AppError(
    "invalid_input",
    `How many dimensions ${model} gives is not known. Set CAIRN_EMBEDDING_DIMENSIONS.`,
    { path: "CAIRN_EMBEDDING_DIMENSIONS" },
  );
}

/** Names the variable that is really missing. */
function noticeOf(chosen: DefaultModel | undefined, config: EmbeddingConfig): string | undefined {
  const missing = config.local ? LOCAL_UNNAMED : DEFAULT_MISSING;
  if (!chosen) return `No embedding model is configured. ${missing}`;
  if (!chosen.model.startsWith("offline/")) return undefined;
  if (config.defaultModel)
    return `Texts are embedded by ${chosen.model}, which finds words, not meaning. Set CAIRN_EMBEDDING_MODEL to another model for meaning.`;
  return `Texts are embedded by ${chosen.model}, which finds words, not meaning, because no embedding model is configured. ${missing}`;
}

function createEmbedder(model: string, config: EmbeddingConfig): Embedder {
  const [, provider, name] = /^([\w-]+)\/(\S+)$/.exec(model) ?? [];
  const { openai, local, requests } = config;
  if (provider === "offline" && model === OFFLINE) return offlineEmbedder();
  if (provider === "offline") throw unavailable(model, `The only offline embedder is ${OFFLINE}.`);
  if (provider === "openai" && name) {
    if (!openai) throw unavailable(model, `${OPENAI_MISSING}.`);
    return serverEmbedder(model, name, { ...openai, ...requests });
  }
  if (provider === "local" && name) {
    if (local?.baseUrl) return serverEmbedder(model, name, { ...local, ...requests });
    return createLocalEmbedder({ model, modelsDirectory: local?.modelsDirectory });
  }
  throw unavailable(model, "A model is written openai/<name>, local/<name> or offline/words.");
}

/** Loaded with the first text: a service whose model has a server never needs it. */
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

function serverEmbedder(
  model: string,
  remoteModel: string,
  server: EmbeddingServer & EmbeddingConfig["requests"],
): Embedder {
  const {
    apiKey = "none",
    baseUrl,
    deadline,
    attemptTimeout,
    attempts,
    backoff,
    maxInputs,
    maxTextTokens,
  } = server;
  return createOpenAiEmbedder({
    model,
    remoteModel,
    apiKey,
    baseUrl,
    deadline,
    attemptTimeout,
    attempts,
    backoff,
    maxInputs,
    maxTextTokens,
  });
}

function unavailable(model: string, reason: string): AppError {
  return new AppError(
    "embedder_unavailable",
    `The model ${JSON.stringify(model.slice(0, 100))} cannot be used. ${reason}`,
  );
}

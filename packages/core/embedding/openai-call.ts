import type { OpenAI } from "openai";
import { AppError } from "../error.ts";
import type { EmbeddingCall } from "./embed-batch.ts";
import type { EmbeddedText, EmbedOptions } from "./embedder.ts";
import type { LearnedLimits } from "./learned-limits.ts";
import type { VectorFault } from "./model-fault.ts";
import { modelDimensions } from "./models.ts";
import { explainFailure } from "./openai-fault.ts";
import type { OpenAiOptions } from "./openai-options.ts";
import { InvalidReplyError, readVectors } from "./openai-reply.ts";
import { type Fault, FaultError, retry } from "./retry.ts";

export interface CallOptions extends OpenAiOptions {
  /** Server and port, for messages. */
  readonly host: string;
  readonly learned: LearnedLimits;
  readonly texts: readonly string[];
  readonly call: EmbedOptions;
}

type Vectors = readonly (Float32Array | VectorFault)[];

/** A plain word that distinguishes a failing server from a failing text. */
const PROBE = "hello";

/** Matches the error message of a server that rejects the parameter `dimensions`. */
const DIMENSIONS_MESSAGE = /dimension|matryoshka/i;

/** The state of one embedding call to a server. */
export function openEmbeddingCall(client: OpenAI, options: CallOptions): EmbeddingCall {
  const { learned, texts, call, attempts = 5 } = options;
  const { dimensions, onBatch } = call;
  const results: EmbeddingCall["results"] = new Map();
  const parameter = createDimensionsParameter(options);
  const requestVectors = createRequester(client, options, parameter);
  return {
    attempts,
    results,
    maxInputs: learned.maxInputs,
    learnMaxInputs: learned.learnMaxInputs,
    failures: 0,
    hasSucceeded: false,
    async send(indexes, attemptLimit) {
      const arrived: EmbeddedText[] = [];
      let pending = indexes;
      const pendingTexts = () => pending.map((index) => texts[index] as string);
      try {
        await requestVectors(pendingTexts, attemptLimit, (vectors) => {
          for (const [at, vector] of vectors.entries())
            if (typeof vector !== "string") arrived.push({ index: pending[at] as number, vector });
          pending = pending.filter((_, at) => typeof vectors[at] === "string");
          parameter.isConfirmed ||= arrived.length > 0;
          assertUsable(vectors);
        });
      } finally {
        for (const { index, vector } of arrived) results.set(index, vector);
        if (arrived.length > 0) {
          if (!parameter.isSent) learned.learnNativeDimensions(dimensions);
          await onBatch?.(arrived);
        }
      }
    },
    adapt: (fault) => DIMENSIONS_MESSAGE.test(fault.serverMessage ?? "") && parameter.omitAfter(fault),
    async probe() {
      const probeTexts = () => [PROBE];
      try {
        await requestVectors(probeTexts, 1, assertUsable);
        return false;
      } catch (error) {
        if (!(error instanceof FaultError && parameter.omitAfter(error.fault))) throw error;
        await requestVectors(probeTexts, 1, assertUsable);
        return true;
      }
    },
  };
}

/** The request parameter `dimensions`. */
interface DimensionsParameter {
  /** Whether requests contain it. */
  isSent: boolean;
  /** Whether vectors of the requested dimensions have arrived. */
  isConfirmed: boolean;
  /** The server's message, if it rejects the parameter. */
  rejection: string | undefined;
  /** Omits the parameter after a rejection. False: it was not sent, or the fault is not a rejection. */
  readonly omitAfter: (fault: Fault) => boolean;
}

/** The parameter is omitted if it equals the model's native dimensions, because many servers do not support it. */
function createDimensionsParameter({ model, learned, call }: CallOptions): DimensionsParameter {
  const nativeDimensions = modelDimensions(model) ?? learned.nativeDimensions();
  const parameter: DimensionsParameter = {
    isSent: call.dimensions !== nativeDimensions,
    isConfirmed: false,
    rejection: undefined,
    omitAfter({ inputFault, serverMessage }) {
      if (!parameter.isSent || inputFault !== "rejected") return false;
      parameter.isSent = false;
      parameter.rejection = serverMessage;
      return true;
    },
  };
  return parameter;
}

/** A function that requests the vectors of `texts()` and retries until `accept` does not throw, within the call's deadline. */
function createRequester(client: OpenAI, options: CallOptions, parameter: DimensionsParameter) {
  const { model, remoteModel, host, apiKey, call } = options;
  const { deadline = 60_000, attemptTimeout = 30_000, backoff = 500 } = options;
  const { dimensions, signal } = call;
  const endsAt = performance.now() + deadline;
  return async (
    texts: () => readonly string[],
    attempts: number,
    accept: (vectors: Vectors) => void,
  ): Promise<void> => {
    const request = async (attempt: AbortSignal) => {
      const input = texts().map((text) => text.toWellFormed());
      const reply: unknown = await client.embeddings.create(
        // By default the client requests base64 and misreads a reply in plain numbers.
        { model: remoteModel, input, encoding_format: "float", ...(parameter.isSent ? { dimensions } : {}) },
        // The client's own timeout stays at ten minutes. Two equal timeouts could fire in either order.
        { signal: attempt },
      );
      accept(
        readVectors(reply, {
          model,
          count: input.length,
          dimensions,
          isSizeConfirmed: parameter.isConfirmed,
        }),
      );
    };
    const explain = (error: unknown, timedOut: boolean) =>
      explainFailure(error, { host, model, texts: texts(), apiKey, timedOut });
    try {
      await retry(request, { deadline: endsAt, attemptTimeout, attempts, backoff, signal, explain });
    } catch (error) {
      throw addRejection(error, parameter.rejection);
    }
  };
}

function assertUsable(vectors: Vectors): void {
  const reason = vectors.find((vector) => typeof vector === "string");
  if (reason !== undefined) throw new InvalidReplyError(`a vector cannot be used: ${reason}`);
}

/** Adds the server's rejection of the parameter `dimensions` to an error about wrong dimensions. */
function addRejection(error: unknown, rejection: string | undefined): unknown {
  if (!rejection || !(error instanceof AppError) || error.code !== "dimension_mismatch") return error;
  return new AppError(error.code, `${error.message} The server rejects the parameter dimensions: ${rejection}`);
}

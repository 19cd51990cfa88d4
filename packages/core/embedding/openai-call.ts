import type { OpenAI } from "openai";
import { AppError } from "../error.ts";
import type { EmbeddedText, EmbedOptions } from "./embedder.ts";
import type { Sending } from "./isolate.ts";
import type { LearnedLimits } from "./learned-limits.ts";
import { modelDimensions } from "./models.ts";
import { explainFailure } from "./openai-fault.ts";
import type { OpenAiOptions } from "./openai-options.ts";
import { BrokenReply, readVectors, type VectorFault } from "./openai-reply.ts";
import { type Fault, FaultError, retry } from "./retry.ts";

export interface CallOptions extends OpenAiOptions {
  /** Server and port, to name it by. */
  readonly host: string;
  readonly learned: LearnedLimits;
  readonly texts: readonly string[];
  readonly call: EmbedOptions;
}

type Vectors = readonly (Float32Array | VectorFault)[];

/** A plain word, to tell a server that is at fault from a text that is. */
const PROBE = "hello";

/** A server that does not take the parameter `dimensions` says so in such words. */
const ABOUT_DIMENSIONS = /dimension|matryoshka/i;

/** One call to a server: how its requests are sent, and what has arrived. */
export function openSending(client: OpenAI, options: CallOptions): Sending {
  const { learned, texts, call, attempts = 5 } = options;
  const { dimensions, onBatch } = call;
  const results: Sending["results"] = new Map();
  const size = createSize(options);
  const exchange = createExchange(client, options, size);
  return {
    attempts,
    results,
    maxInputs: learned.maxInputs,
    learnMaxInputs: learned.learnMaxInputs,
    failures: 0,
    proven: false,
    async send(places, most) {
      const arrived: EmbeddedText[] = [];
      let left = places;
      const sent = () => left.map((index) => texts[index] as string);
      try {
        await exchange(sent, most, (vectors) => {
          for (const [at, vector] of vectors.entries())
            if (typeof vector !== "string") arrived.push({ index: left[at] as number, vector });
          left = left.filter((_, at) => typeof vectors[at] === "string");
          size.seen ||= arrived.length > 0;
          assertUsable(vectors);
        });
      } finally {
        for (const { index, vector } of arrived) results.set(index, vector);
        if (arrived.length > 0) {
          if (!size.requested) learned.learnOwnDimensions(dimensions);
          await onBatch?.(arrived);
        }
      }
    },
    adapt: (fault) => ABOUT_DIMENSIONS.test(fault.said ?? "") && size.drop(fault),
    async probe() {
      const word = () => [PROBE];
      try {
        await exchange(word, 1, assertUsable);
        return false;
      } catch (error) {
        if (!(error instanceof FaultError && size.drop(error.fault))) throw error;
        await exchange(word, 1, assertUsable);
        return true;
      }
    },
  };
}

/** Whether the server is told how many dimensions to give. */
interface Size {
  requested: boolean;
  /** Whether vectors of it have arrived. */
  seen: boolean;
  /** What the server said where it does not take the parameter. */
  refusal: string | undefined;
  /** Leaves the parameter out after a refusal; false: it was not sent, or this is no refusal. */
  readonly drop: (fault: Fault) => boolean;
}

/** Where the model gives as many by itself, the parameter is left out: many servers do not know it. */
function createSize({ model, learned, call }: CallOptions): Size {
  const own = modelDimensions(model) ?? learned.ownDimensions();
  const size: Size = {
    requested: call.dimensions !== own,
    seen: false,
    refusal: undefined,
    drop({ input, said }) {
      if (!size.requested || input !== "refused") return false;
      size.requested = false;
      size.refusal = said;
      return true;
    },
  };
  return size;
}

/** Requests the vectors of `texts()`, with retries until `take` accepts them, all before the call's deadline. */
function createExchange(client: OpenAI, options: CallOptions, size: Size) {
  const { model, remoteModel, host, apiKey, call } = options;
  const { deadline = 60_000, attemptTimeout = 30_000, backoff = 500 } = options;
  const { dimensions, signal } = call;
  const end = performance.now() + deadline;
  return async (
    texts: () => readonly string[],
    attempts: number,
    take: (vectors: Vectors) => void,
  ): Promise<void> => {
    const request = async (attempt: AbortSignal) => {
      const input = texts().map((text) => text.toWellFormed());
      const reply: unknown = await client.embeddings.create(
        // The client asks for base64 otherwise, and reads a reply in plain numbers as a few wrong ones.
        { model: remoteModel, input, encoding_format: "float", ...(size.requested ? { dimensions } : {}) },
        // The client's own clock is left at its ten minutes: of two for one time, either may strike first.
        { signal: attempt },
      );
      take(readVectors(reply, { model, count: input.length, dimensions, sized: size.seen }));
    };
    const explain = (error: unknown, timedOut: boolean) =>
      explainFailure(error, { host, model, texts: texts(), apiKey, timedOut });
    try {
      await retry(request, { deadline: end, attemptTimeout, attempts, backoff, signal, explain });
    } catch (error) {
      throw explainSize(error, size.refusal);
    }
  };
}

function assertUsable(vectors: Vectors): void {
  const reason = vectors.find((vector) => typeof vector === "string");
  if (reason !== undefined) throw new BrokenReply(`a vector cannot be used: ${reason}`);
}

/** A model's own size is wrong, and the server was asked for another: what it said belongs to the error. */
function explainSize(error: unknown, refusal: string | undefined): unknown {
  if (!refusal || !(error instanceof AppError) || error.code !== "dimension_mismatch") return error;
  return new AppError(
    error.code,
    `${error.message} The server does not take the parameter dimensions: ${refusal}`,
  );
}

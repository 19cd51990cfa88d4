import type { EmbeddingRequest } from "./embedding-api.ts";

/** A response in a server's own words. */
export interface Refusal {
  readonly status: number;
  readonly body: unknown;
}

/** One item of a reply's `data`. */
export interface ReplyItem {
  readonly object?: "embedding";
  readonly index?: number | string;
  readonly embedding: unknown;
}

/** How a server's OpenAI-compatible route differs from OpenAI's. */
export interface Dialect {
  /** What it does not take, before it embeds. */
  readonly refuse?: (request: EmbeddingRequest) => Refusal | undefined;
  /** Texts that its model fails at: the whole request fails. */
  readonly poison?: (text: string) => Refusal | undefined;
  /** The vector of a text. Default: of `vectorOf`. */
  readonly vector?: (text: string, dimensions: number) => Float32Array;
  /** Writes a vector. Default: as requested. */
  readonly write?: (vector: Float32Array, text: string) => unknown;
  /** Writes the reply's items. */
  readonly items?: (items: readonly ReplyItem[]) => readonly ReplyItem[];
  readonly usage?: boolean;
}

/** Hugging Face's text-embeddings-inference: 32 inputs, and 512 tokens (here: words) a text. */
export function tei({ inputs = 32, words = 512 } = {}): Dialect {
  const say = (status: number, message: string, type: string): Refusal => ({
    status,
    body: { message, code: status, type },
  });
  return {
    refuse: ({ input }) =>
      input.length > inputs
        ? say(422, `batch size ${input.length} > maximum allowed batch size ${inputs}`, "Validation")
        : undefined,
    poison(text) {
      const tokens = text.split(/\s+/).length;
      return tokens > words
        ? say(413, `\`inputs\` must have less than ${words} tokens. Given: ${tokens}`, "Validation")
        : undefined;
    },
  };
}

/** Alibaba's DashScope: 10 inputs. */
export const dashScope: Dialect = {
  refuse: ({ input }) =>
    input.length > 10
      ? {
          status: 400,
          body: {
            error: {
              message:
                "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it should not be larger than 10.: input.contents",
              type: "InvalidParameter",
              code: "InvalidParameter",
              param: null,
            },
            request_id: "b1c6",
          },
        }
      : undefined,
};

/** Ollama: one text whose vector has NaN fails the whole batch. */
export function ollama(isPoison: (text: string) => boolean): Dialect {
  const message = "failed to encode response: json: unsupported value: NaN";
  return {
    poison: (text) =>
      isPoison(text)
        ? { status: 500, body: { error: { message, type: "api_error", param: null, code: null } } }
        : undefined,
  };
}

/** A server over protobuf's JSON: zero values are left out, 64-bit integers are strings, and there is no usage. */
export const protobuf: Dialect = {
  usage: false,
  items: (items) =>
    items.map(({ index, embedding }) => (index === 0 ? { embedding } : { index: String(index), embedding })),
};

/** A server that numbers nothing. */
export const unnumbered: Dialect = {
  usage: false,
  items: (items) => items.map(({ embedding }) => ({ embedding })),
};

/** FastAPI with a strict model: what it does not know or take comes back as `detail`, the input quoted. */
export function fastApi({ inputs = Number.POSITIVE_INFINITY, dimensions = false } = {}): Dialect {
  const detail = (type: string, field: string, msg: string, input: unknown): Refusal => ({
    status: 422,
    body: { detail: [{ type, loc: ["body", field], msg, input }] },
  });
  return {
    refuse(request) {
      if (!dimensions && request.dimensions !== undefined)
        return detail("extra_forbidden", "dimensions", "Extra inputs are not permitted", request.dimensions);
      if (request.input.length > inputs)
        return detail("too_long", "input", `List should have at most ${inputs} items`, request.input);
      return undefined;
    },
  };
}

/** A server that gives base64 whatever is requested. */
export const alwaysBase64: Dialect = {
  write: (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64"),
};

/** The same vector for all texts, in base64: costs next to nothing, for tests of memory and time. */
export function cheap(dimensions: number): Dialect {
  const vector = new Float32Array(dimensions).fill(1 / Math.sqrt(dimensions));
  const written = Buffer.from(vector.buffer).toString("base64");
  return { vector: () => vector, write: () => written };
}

/** A model that gives some texts a vector of its own, unusable, kind. */
export function unusable(writeOf: (text: string) => unknown): Dialect {
  return { write: (vector, text) => writeOf(text) ?? Array.from(vector) };
}

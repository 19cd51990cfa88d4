export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly string[];
  readonly encoding_format?: string;
  readonly dimensions?: number;
}

/** An error response of a server. */
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

/** Differences of a server's OpenAI-compatible route from OpenAI's. */
export interface Dialect {
  /** Refuses a request before embedding. */
  readonly refuse?: (request: EmbeddingRequest) => Refusal | undefined;
  /** Refuses a text that the model fails on. The complete request then fails. */
  readonly poison?: (text: string) => Refusal | undefined;
  /** The vector of a text. Default: `vectorOf`. */
  readonly vector?: (text: string, dimensions: number) => Float32Array;
  /** Encodes a vector. Default: the requested encoding. */
  readonly write?: (vector: Float32Array, text: string) => unknown;
  /** Changes the items of the response. */
  readonly items?: (items: readonly ReplyItem[]) => readonly ReplyItem[];
  readonly usage?: boolean;
}

/** Hugging Face's text-embeddings-inference: at most 32 inputs, and 512 tokens (here: words) per text. */
export function tei({ inputs = 32, words = 512 } = {}): Dialect {
  const refusal = (status: number, message: string, type: string): Refusal => ({
    status,
    body: { message, code: status, type },
  });
  return {
    refuse: ({ input }) =>
      input.length > inputs
        ? refusal(422, `batch size ${input.length} > maximum allowed batch size ${inputs}`, "Validation")
        : undefined,
    poison(text) {
      const tokens = text.split(/\s+/).length;
      return tokens > words
        ? refusal(413, `\`inputs\` must have less than ${words} tokens. Given: ${tokens}`, "Validation")
        : undefined;
    },
  };
}

/** Alibaba's DashScope: at most 10 inputs. */
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

/** Ollama: one text whose vector contains NaN fails the batch. */
export function ollama(isPoison: (text: string) => boolean): Dialect {
  const message = "failed to encode response: json: unsupported value: NaN";
  return {
    poison: (text) =>
      isPoison(text)
        ? { status: 500, body: { error: { message, type: "api_error", param: null, code: null } } }
        : undefined,
  };
}

/** A server that uses protobuf's JSON: no zero values, 64-bit integers as strings, no usage. */
export const protobuf: Dialect = {
  usage: false,
  items: (items) =>
    items.map(({ index, embedding }) => (index === 0 ? { embedding } : { index: String(index), embedding })),
};

/** A server that returns items without an index. */
export const unnumbered: Dialect = {
  usage: false,
  items: (items) => items.map(({ embedding }) => ({ embedding })),
};

/** FastAPI with a strict model: an unknown field or invalid value is returned in `detail`, with the input. */
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

/** A server that always returns base64. */
export const alwaysBase64: Dialect = {
  write: (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64"),
};

/** The same vector for all texts, in base64. It costs almost nothing, for tests of memory and time. */
export function cheap(dimensions: number): Dialect {
  const vector = new Float32Array(dimensions).fill(1 / Math.sqrt(dimensions));
  const encoded = Buffer.from(vector.buffer).toString("base64");
  return { vector: () => vector, write: () => encoded };
}

/** A model that returns unusable vectors for some texts. */
export function unusable(writeOf: (text: string) => unknown): Dialect {
  return { write: (vector, text) => writeOf(text) ?? Array.from(vector) };
}

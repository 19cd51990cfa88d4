import * as z from "zod";
import { findVectorFault } from "../collection/vector-fault.ts";
import { AppError } from "../error.ts";
import { readServerError, type ServerError } from "./server-error.ts";

/** A reply that cannot be used. A retry may succeed. Its message is safe to show. */
export class InvalidReplyError extends Error {
  /** Whether one of the texts may be the cause. */
  readonly isInputRelated: boolean;

  constructor(message: string, { isInputRelated = true }: { readonly isInputRelated?: boolean } = {}) {
    super(message);
    this.isInputRelated = isInputRelated;
  }
}

/** A reply of status 200 that reports a failure. It has the fields of the client's error for a failed response. */
export class ErrorReply extends Error {
  readonly status: number;
  readonly headers: Headers | undefined = undefined;
  readonly error: Pick<ServerError, "message" | "status">;
  readonly code: unknown;
  readonly type: unknown;

  constructor(error: ErrorReply["error"] & { readonly code?: unknown; readonly type?: unknown }) {
    super("The reply reports a failure.");
    this.status = error.status ?? 200;
    this.error = error;
    this.code = error.code;
    this.type = error.type;
  }
}

interface Expected {
  readonly model: string;
  /** Number of texts sent. */
  readonly count: number;
  readonly dimensions: number;
  /** Whether the model has returned vectors of these dimensions before. Other dimensions are then a fault of the single text. */
  readonly isSizeConfirmed?: boolean;
}

/** Why a text's vector cannot be used. */
export type VectorFault = string;

// The schema leaves out the elements, because checking them would copy every vector.
const reply = z.object({
  data: z.array(z.looseObject({ index: z.unknown().optional(), embedding: z.unknown().optional() })),
});

/**
 * The vectors of a reply in the order of the texts. They are matched by `index`, because some servers reorder them, or by
 * position if the index is omitted. Vectors may be numbers or base64 of 32-bit floats, whatever was requested. A vector
 * with wrong dimensions, a non-finite element or only zeros is replaced by the reason.
 * Throws ErrorReply if the body reports a failure, InvalidReplyError if vectors are missing or duplicated, and
 * `dimension_mismatch` if all vectors have other dimensions.
 */
export function readVectors(body: unknown, expected: Expected): readonly (Float32Array | VectorFault)[] {
  const parsed = reply.safeParse(body);
  const data = parsed.data?.data;
  if (data?.length !== expected.count) {
    const error = typeof body === "object" ? readServerError(body) : undefined;
    if (error) throw new ErrorReply(error);
    if (!data) throw new InvalidReplyError("it is not a list of vectors");
    throw new InvalidReplyError(`it has ${data.length} vectors for ${expected.count} texts`);
  }
  const textIndexes = resolveIndexes(data.map(({ index }) => index));
  const vectors = new Array<Float32Array | VectorFault>(expected.count);
  for (const [position, { embedding }] of data.entries())
    vectors[textIndexes[position] as number] = readVector(embedding);
  const usable = vectors.filter((vector) => typeof vector !== "string");
  if (!expected.isSizeConfirmed && usable.length > 0 && usable.every(({ length }) => length !== expected.dimensions))
    assertModelDimensions(expected.model, usable[0]?.length ?? 0, expected.dimensions);
  return vectors.map((vector) => findFault(vector, expected) ?? vector);
}

/**
 * The index of the text that each item belongs to. Servers that use protobuf omit an index of 0 and write the others as
 * strings. A single item without an index belongs to the remaining text, several items to the texts at their positions.
 */
function resolveIndexes(indexes: readonly unknown[]): readonly number[] {
  const count = indexes.length;
  const parsed = indexes.map((index, position) => readIndex(index, position, count));
  const used = new Set<number>();
  for (const textIndex of parsed) {
    if (textIndex === undefined) continue;
    if (used.has(textIndex))
      throw new InvalidReplyError(`it has two vectors for text ${textIndex}`, { isInputRelated: false });
    used.add(textIndex);
  }
  const unused = Array.from(parsed.keys()).filter((textIndex) => !used.has(textIndex));
  return parsed.map((textIndex, position) => {
    if (textIndex !== undefined) return textIndex;
    if (unused.length === 1) return unused[0] as number;
    if (used.has(position))
      throw new InvalidReplyError("it mixes vectors with and without an index", { isInputRelated: false });
    return position;
  });
}

function readIndex(index: unknown, position: number, count: number): number | undefined {
  if (index === undefined || index === null) return undefined;
  const textIndex = typeof index === "string" && /^\d{1,9}$/.test(index) ? Number(index) : index;
  if (typeof textIndex === "number" && Number.isInteger(textIndex) && textIndex >= 0 && textIndex < count)
    return textIndex;
  const item = typeof textIndex === "number" ? `text ${textIndex}` : `an index that is not a number (item ${position})`;
  throw new InvalidReplyError(`it has a vector for ${item} of ${count}`, { isInputRelated: false });
}

function readVector(embedding: unknown): Float32Array | VectorFault {
  if (typeof embedding === "string") return decodeBase64(embedding);
  if (!Array.isArray(embedding)) return "it is not a list of numbers";
  if (embedding.length === 0) return "it is empty";
  const vector = new Float32Array(embedding.length);
  for (let at = 0; at < vector.length; at++) {
    const element: unknown = embedding[at];
    if (typeof element !== "number") return `its element ${at} is not a finite number`;
    vector[at] = element;
  }
  return vector;
}

/** Decodes base64 of little-endian 32-bit floats, the format that OpenAI's clients request. */
function decodeBase64(text: string): Float32Array | VectorFault {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return "it is not complete base64";
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % 4 !== 0) return `its ${bytes.length} bytes are not a whole number of 32-bit floats`;
  const vector = new Float32Array(bytes.length / 4);
  for (let at = 0; at < vector.length; at++) vector[at] = bytes.readFloatLE(at * 4);
  return vector;
}

function findFault(vector: Float32Array | VectorFault, { dimensions }: Expected): VectorFault | undefined {
  if (typeof vector === "string") return undefined;
  if (vector.length !== dimensions) return `it has ${vector.length} dimensions instead of ${dimensions}`;
  return findModelFault(vector);
}

/** Why a model's vector cannot be used; undefined: it can. Applies the strictest metric, cosine, because embeddings are directions. */
export function findModelFault(vector: Float32Array): VectorFault | undefined {
  const fault = findVectorFault(vector, "cosine");
  return fault && `it ${fault.description}`;
}

/** Throws `dimension_mismatch` with both numbers if a model's vectors do not have the collection's dimensions. */
export function assertModelDimensions(model: string, actual: number, dimensions: number): void {
  if (actual === dimensions) return;
  throw new AppError(
    "dimension_mismatch",
    `The vectors of ${model} cannot be used: they have ${actual} dimensions, and the collection has ${dimensions} dimensions. Use a collection of ${actual} dimensions, or a model that returns ${dimensions}.`,
  );
}

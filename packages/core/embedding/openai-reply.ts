import * as z from "zod";
import { findVectorFault } from "../collection/vector-fault.ts";
import { AppError } from "../error.ts";
import { readServerError, type ServerError } from "./server-error.ts";

/** A reply that cannot be used as it is; another attempt may bring a whole one. Its message is safe to show. */
export class BrokenReply extends Error {
  /** Whether it may come of one of the texts. */
  readonly ofText: boolean;

  constructor(message: string, { ofText = true }: { readonly ofText?: boolean } = {}) {
    super(message);
    this.ofText = ofText;
  }
}

/** A reply of status 200 that tells of a failure. Has what the client's error of an answered request has. */
class ErrorReply extends Error {
  readonly status: number;
  readonly headers = undefined;
  readonly error: ServerError;
  readonly code: string | undefined;
  readonly type: string | undefined;

  constructor(error: ServerError) {
    super("The reply tells of a failure.");
    this.status = error.status ?? 200;
    this.error = error;
    this.code = error.code;
    this.type = error.type;
  }
}

interface Expected {
  readonly model: string;
  /** Texts that were sent. */
  readonly count: number;
  readonly dimensions: number;
  /** Whether the model is known to give vectors of this size: another is then a fault of its text. */
  readonly sized?: boolean;
}

/** Why a text's vector cannot be used. */
export type VectorFault = string;

// The elements are read where they are: a schema for them would copy every vector.
const reply = z.object({
  data: z.array(z.looseObject({ index: z.unknown().optional(), embedding: z.unknown().optional() })),
});

/**
 * The vectors of a server's reply in the order of the texts, matched by `index` (servers do reorder them), or by
 * position where it is left out. Vectors come as numbers or as base64 of 32-bit floats, whatever was requested. In the
 * place of one that has a wrong size or an element that is no finite number, or is all zeros, stands the reason.
 * Throws ErrorReply where the body tells of a failure, BrokenReply where vectors are missing or doubled,
 * `dimension_mismatch` where all have another size.
 */
export function readVectors(body: unknown, expected: Expected): readonly (Float32Array | VectorFault)[] {
  const parsed = reply.safeParse(body);
  const data = parsed.data?.data;
  if (data?.length !== expected.count) {
    const error = typeof body === "object" ? readServerError(body) : undefined;
    if (error) throw new ErrorReply(error);
    if (!data) throw new BrokenReply("its reply is not a list of vectors");
    throw new BrokenReply(`it gave ${data.length} vectors for ${expected.count} texts`);
  }
  const places = readPlaces(data.map(({ index }) => index));
  const vectors = new Array<Float32Array | VectorFault>(expected.count);
  for (const [position, { embedding }] of data.entries())
    vectors[places[position] as number] = readVector(embedding);
  const complete = vectors.filter((vector) => typeof vector !== "string");
  if (
    !expected.sized &&
    complete.length > 0 &&
    complete.every(({ length }) => length !== expected.dimensions)
  )
    assertSize(expected.model, complete[0]?.length ?? 0, expected.dimensions);
  return vectors.map((vector) => findFault(vector, expected) ?? vector);
}

/**
 * The text that each item belongs to. Servers over protobuf leave an index of 0 out, and write others as strings: a
 * single item without one belongs to the text that is left, several to the texts at their positions.
 */
function readPlaces(indexes: readonly unknown[]): readonly number[] {
  const count = indexes.length;
  const given = indexes.map((index, position) => readIndex(index, position, count));
  const taken = new Set<number>();
  for (const place of given) {
    if (place === undefined) continue;
    if (taken.has(place)) throw new BrokenReply(`it gave two vectors for text ${place}`, { ofText: false });
    taken.add(place);
  }
  const free = Array.from(given.keys()).filter((place) => !taken.has(place));
  return given.map((place, position) => {
    if (place !== undefined) return place;
    if (free.length === 1) return free[0] as number;
    if (taken.has(position))
      throw new BrokenReply("it gave vectors without an index among others with one", { ofText: false });
    return position;
  });
}

function readIndex(index: unknown, position: number, count: number): number | undefined {
  if (index === undefined || index === null) return undefined;
  const place = typeof index === "string" && /^\d{1,9}$/.test(index) ? Number(index) : index;
  if (typeof place === "number" && Number.isInteger(place) && place >= 0 && place < count) return place;
  const shown = typeof place === "number" ? `text ${place}` : `an index that is no number (item ${position})`;
  throw new BrokenReply(`it gave a vector for ${shown} of ${count}`, { ofText: false });
}

function readVector(embedding: unknown): Float32Array | VectorFault {
  if (typeof embedding === "string") return decodeBase64(embedding);
  if (!Array.isArray(embedding)) return "it is no list of numbers";
  if (embedding.length === 0) return "it is empty";
  const vector = new Float32Array(embedding.length);
  for (let at = 0; at < vector.length; at++) {
    const element: unknown = embedding[at];
    if (typeof element !== "number") return `its element ${at} is not a finite number`;
    vector[at] = element;
  }
  return vector;
}

/** Base64 of 32-bit floats, little-endian, as OpenAI's own clients request it. */
function decodeBase64(text: string): Float32Array | VectorFault {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return "it is not whole base64";
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % 4 !== 0) return `its ${bytes.length} bytes are no whole 32-bit floats`;
  const vector = new Float32Array(bytes.length / 4);
  for (let at = 0; at < vector.length; at++) vector[at] = bytes.readFloatLE(at * 4);
  return vector;
}

function findFault(vector: Float32Array | VectorFault, { dimensions }: Expected): VectorFault | undefined {
  if (typeof vector === "string") return undefined;
  if (vector.length !== dimensions) return `it has ${vector.length} dimensions instead of ${dimensions}`;
  return findModelFault(vector);
}

/** Why a model's vector cannot be used; undefined where it can. By the strictest metric: a model gives directions. */
export function findModelFault(vector: Float32Array): VectorFault | undefined {
  const fault = findVectorFault(vector, "cosine");
  return fault && `it ${fault.says}`;
}

/** Throws `dimension_mismatch` naming both sizes where a model's vector is not as long as the collection's. */
export function assertSize(model: string, actual: number, dimensions: number): void {
  if (actual === dimensions) return;
  throw new AppError(
    "dimension_mismatch",
    `${model} gives vectors of ${actual} dimensions, and ${dimensions} are needed. Use a collection of ${actual} dimensions, or a model that gives ${dimensions}.`,
  );
}

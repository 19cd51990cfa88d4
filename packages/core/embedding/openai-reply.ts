import * as z from "zod";
import { AppError } from "../error.ts";

/** A reply that cannot be used as it is; another attempt may bring a whole one. Its message is safe to show. */
export class BrokenReply extends Error {}

interface Expected {
  readonly model: string;
  /** Texts that were sent. */
  readonly count: number;
  readonly dimensions: number;
}

const reply = z.object({ data: z.array(z.object({ index: z.number(), embedding: z.array(z.unknown()) })) });

/**
 * The vectors of a server's reply in the order of the texts, matched by `index`: servers do reorder them.
 * Throws BrokenReply where one is missing, doubled or not of finite numbers, `dimension_mismatch` where the size is wrong.
 */
export function readVectors(body: unknown, expected: Expected): readonly Float32Array[] {
  const parsed = reply.safeParse(body);
  if (!parsed.success) throw new BrokenReply("its reply is not a list of vectors with their indexes");
  const { data } = parsed.data;
  if (data.length !== expected.count)
    throw new BrokenReply(`it gave ${data.length} vectors for ${expected.count} texts`);
  const vectors = new Array<Float32Array | undefined>(expected.count).fill(undefined);
  for (const { index, embedding } of data) {
    if (!(index in vectors)) throw new BrokenReply(`it gave a vector for text ${index} of ${expected.count}`);
    if (vectors[index]) throw new BrokenReply(`it gave two vectors for text ${index}`);
    vectors[index] = readVector(embedding, expected);
  }
  return vectors as Float32Array[];
}

function readVector(elements: readonly unknown[], { model, dimensions }: Expected): Float32Array {
  assertSize(model, elements.length, dimensions);
  const vector = new Float32Array(elements.length);
  for (const [at, element] of elements.entries()) {
    vector[at] = typeof element === "number" ? element : Number.NaN;
    if (!Number.isFinite(vector[at]))
      throw new BrokenReply(`element ${at} of a vector is not a finite number`);
  }
  return vector;
}

/** Throws `dimension_mismatch` naming both sizes where a model's vector is not as long as the collection's. */
export function assertSize(model: string, actual: number, dimensions: number): void {
  if (actual === dimensions) return;
  throw new AppError(
    "dimension_mismatch",
    `${model} gives vectors of ${actual} dimensions, and ${dimensions} are needed. Use a collection of ${actual} dimensions, or a model that gives ${dimensions}.`,
  );
}

import { isFiniteVector } from "@cairn/core/database/vector.ts";
import { nextTurn } from "@cairn/core/turn.ts";
import { invalidArgument, undeserializable } from "../error.ts";
import type { Body } from "../request/body.ts";
import { missingField, wrongType } from "../request/fields.ts";

// Vectors in requests: lists of numbers, or little-endian 32-bit floats in base64.

/** Elements that are converted in one time slice. */
const SLICE_ELEMENTS = 65_536;

/** The vectors of an add or an upsert: one for each record. */
export async function requiredEmbeddings(body: Body): Promise<readonly Float32Array[]> {
  const list = body.embeddings;
  if (list === undefined) throw missingField("embeddings");
  if (!Array.isArray(list)) throw noVariant("EmbeddingsPayload");
  const vectors = await toVectors(list, "EmbeddingsPayload");
  if (vectors.some((vector) => vector === undefined)) throw noVariant("EmbeddingsPayload");
  return vectors as readonly Float32Array[];
}

/** The vectors of an update. Undefined: the record keeps its vector. */
export async function optionalEmbeddings(body: Body): Promise<readonly (Float32Array | undefined)[] | undefined> {
  const list = body.embeddings;
  if (list == null) return undefined;
  if (!Array.isArray(list)) throw noVariant("UpdateEmbeddingsPayload");
  return toVectors(list, "UpdateEmbeddingsPayload");
}

/** The vectors of a query, which are lists of numbers. */
export async function queryEmbeddings(body: Body): Promise<readonly Float32Array[]> {
  const list = body.query_embeddings;
  if (list === undefined) throw missingField("query_embeddings");
  if (!Array.isArray(list)) throw wrongType("query_embeddings", list, "a sequence");
  const wrong = list.findIndex((item) => !Array.isArray(item));
  if (wrong >= 0) throw wrongType(`query_embeddings[${wrong}]`, list[wrong], "a sequence");
  return list.map((numbers: readonly unknown[], index) => {
    const vector = fromNumbers(numbers);
    if (vector) return toFinite(vector, index);
    const at = numbers.findIndex((number) => typeof number !== "number" && typeof number !== "bigint");
    throw wrongType(`query_embeddings[${index}][${at}]`, numbers[at], "f32");
  });
}

async function toVectors(list: readonly unknown[], payload: string): Promise<readonly (Float32Array | undefined)[]> {
  const vectors: (Float32Array | undefined)[] = [];
  const isBase64 = list.some((item) => typeof item === "string");
  let elements = 0;
  for (const [index, item] of list.entries()) {
    if (item === null) vectors.push(undefined);
    else if (typeof item === "string") vectors.push(toFinite(fromBase64(item), index));
    else {
      const vector = Array.isArray(item) && !isBase64 ? fromNumbers(item) : undefined;
      if (!vector) throw noVariant(payload);
      vectors.push(toFinite(vector, index));
    }
    elements += vectors.at(-1)?.length ?? 0;
    if (elements < SLICE_ELEMENTS) continue;
    elements = 0;
    await nextTurn();
  }
  return vectors;
}

function noVariant(payload: string) {
  return undeserializable("embeddings", `data did not match any variant of untagged enum ${payload}`);
}

/** The numbers as a vector; undefined: one of them is none. A plain loop: callbacks take ten times as long. */
function fromNumbers(numbers: readonly unknown[]): Float32Array | undefined {
  const vector = new Float32Array(numbers.length);
  for (let at = 0; at < numbers.length; at++) {
    const number = numbers[at];
    if (typeof number === "number") vector[at] = number;
    else if (typeof number === "bigint") vector[at] = Number(number);
    else return undefined;
  }
  return vector;
}

function fromBase64(text: string): Float32Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % 4 !== 0)
    throw invalidArgument(
      `Invalid byte length: ${bytes.length} bytes cannot be converted to f32 values (must be divisible by 4)`,
    );
  if (Buffer.byteLength(text, "base64") !== bytes.length) throw invalidArgument("Invalid base64 in an embedding");
  const vector = new Float32Array(bytes.length / 4);
  bytes.copy(Buffer.from(vector.buffer));
  return vector;
}

function toFinite(vector: Float32Array, index: number): Float32Array {
  if (isFiniteVector(vector)) return vector;
  const wrong = vector.findIndex((element) => !Number.isFinite(element));
  const shown = Number.isNaN(vector[wrong]) ? "NaN" : (vector[wrong] as number) > 0 ? "inf" : "-inf";
  throw invalidArgument(`Non-finite float value at embedding index ${index}: ${shown}`);
}

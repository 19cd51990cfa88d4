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
    const at = numbers.findIndex((number) => !isNumber(number));
    if (at >= 0) throw wrongType(`query_embeddings[${index}][${at}]`, numbers[at], "f32");
    return toFinite(fromNumbers(numbers), index);
  });
}

async function toVectors(list: readonly unknown[], payload: string): Promise<readonly (Float32Array | undefined)[]> {
  const vectors: (Float32Array | undefined)[] = [];
  const isBase64 = list.some((item) => typeof item === "string");
  let elements = 0;
  for (const [index, item] of list.entries()) {
    if (item === null) vectors.push(undefined);
    else if (typeof item === "string") vectors.push(toFinite(fromBase64(item), index));
    else if (Array.isArray(item) && !isBase64 && item.every(isNumber)) vectors.push(toFinite(fromNumbers(item), index));
    else throw noVariant(payload);
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

function isNumber(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function fromNumbers(numbers: readonly unknown[]): Float32Array {
  return Float32Array.from(numbers as readonly number[], Number);
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
  const wrong = vector.findIndex((element) => !Number.isFinite(element));
  if (wrong < 0) return vector;
  const shown = Number.isNaN(vector[wrong]) ? "NaN" : (vector[wrong] as number) > 0 ? "inf" : "-inf";
  throw invalidArgument(`Non-finite float value at embedding index ${index}: ${shown}`);
}

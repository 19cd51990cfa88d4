import type { Collection } from "@cairn/core/collection/collection.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { keysOf } from "@cairn/core/document/id.ts";
import type { RecordRow } from "@cairn/core/record/read.ts";
import { ChromaError, invalidArgument } from "../error.ts";
import type { Body } from "../request/body.ts";
import { optionalCount, optionalStrings } from "../request/fields.ts";
import { type Include, parseInclude } from "../request/include.ts";
import { conditionsOf } from "../request/where.ts";
import { arrayPieces, encodePieces } from "../response/json.ts";
import { float32Text } from "../response/number.ts";
import { queryEmbeddings } from "./embeddings.ts";
import { findHits, MAX_RESULTS } from "./find-hits.ts";
import { embeddingJson } from "./get.ts";
import { readPage } from "./page.ts";
import type { QueryContext, QueryHit } from "./query-types.ts";
import { servingId } from "./target.ts";

/** The response of `query`, and the number of its hits. */
export async function queryRecords(context: QueryContext, body: Body) {
  const vectors = await queryEmbeddings(body);
  const ids = optionalStrings(body, "ids");
  const limit = optionalCount(body, "n_results") ?? 10;
  const include = parseInclude(body, ["documents", "metadatas", "distances"]);
  if (limit > MAX_RESULTS)
    throw invalidArgument(
      `n_results is ${limit}, and a query returns at most ${MAX_RESULTS} results. Lower n_results.`,
    );
  const id = await servingId(context.database, context.route);
  if (ids) await assertKnown(context, ids);
  const { results, collection } = await findHits(context, {
    id,
    limit,
    include,
    conditions: conditionsOf(body, ids),
    vectors,
  });
  const embeddings = include.includes("embeddings") ? await readEmbeddings(context, results) : undefined;
  const json = await encodePieces(responsePieces(results, { include, embeddings, collection }));
  return { json, count: results.reduce((sum, hits) => sum + hits.length, 0) };
}

/** Throws Chroma's error if an id of a query does not exist. */
async function assertKnown({ database, route, maxBytes }: QueryContext, ids: readonly string[]): Promise<void> {
  const { rows } = await readPage(database, route, { fields: [], ids, maxBytes });
  if (rows.length < new Set(ids).size)
    throw new ChromaError(500, "InternalError", "Error executing plan: Internal error: Error finding id");
}

/** The vectors of the hits, by the stored key. */
async function readEmbeddings(
  { database, route, maxBytes }: QueryContext,
  results: readonly (readonly QueryHit[])[],
): Promise<ReadonlyMap<string, Pick<RecordRow, "embedding">>> {
  const ids = [...new Set(results.flatMap((hits) => hits.map(({ id }) => id)))];
  const { rows } = await readPage(database, route, { fields: ["embedding"], ids, maxBytes });
  return new Map(rows.map((row) => [row.id, row]));
}

interface ResponseOptions {
  readonly include: readonly Include[];
  readonly embeddings: ReadonlyMap<string, Pick<RecordRow, "embedding">> | undefined;
  readonly collection: Collection;
}

function* responsePieces(
  results: readonly (readonly QueryHit[])[],
  { include, embeddings, collection }: ResponseOptions,
): Generator<string> {
  const lists = (toJson: (hit: QueryHit) => string) => arrayPieces(results, (hits) => `[${hits.map(toJson).join()}]`);
  const column = (name: Include, toJson: (hit: QueryHit) => string) =>
    include.includes(name) ? lists(toJson) : ["null"];
  yield '{"ids":';
  yield* lists(({ id }) => JSON.stringify(id));
  yield ',"embeddings":';
  yield* column("embeddings", ({ id }) => {
    const row = embeddings?.get(keysOf([id])[0] as string) ?? { embedding: null };
    return embeddingJson(row, collection.dimensions);
  });
  yield ',"documents":';
  yield* column("documents", ({ content }) => JSON.stringify(content));
  yield ',"uris":';
  yield* column("uris", ({ uri }) => JSON.stringify(uri));
  yield ',"metadatas":';
  yield* column("metadatas", ({ metadata }) => (Object.keys(metadata).length > 0 ? stringifyJson(metadata) : "null"));
  yield ',"distances":';
  yield* column("distances", ({ distance }) => float32Text(distance));
  yield `,"include":${JSON.stringify(include)}}`;
}

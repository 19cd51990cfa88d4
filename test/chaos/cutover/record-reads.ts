import type { Collection, GetResult, Metadata } from "chromadb";
import { type Asked, ask } from "./ask.ts";
import type { Round } from "./log.ts";
import { type Content, keyOf, type Model } from "./model.ts";
import type { Random } from "./random.ts";
import { ALL_IDS } from "./record-writes.ts";

/** A collection while it exists, from its creation to its deletion. */
export interface Incarnation {
  readonly tenant: string;
  /** The id by which clients know it. */
  readonly id: string;
  name: string;
  metadata: Metadata;
  readonly model: Model;
}

const INCLUDE: ("documents" | "metadatas" | "embeddings")[] = ["documents", "metadatas", "embeddings"];

/** Reads records by ids, and checks that each is one that the model allows. Undefined: no answer. */
export async function readRecords(
  round: Round,
  random: Random,
  { collection, ids }: { readonly collection: Incarnation; readonly ids: readonly string[] },
): Promise<void> {
  const asked = await ask(round, random, {
    what: `${collection.name} get ${ids.join(",")}`,
    work: (client) => client.collection(collection.id).get({ ids: [...ids], include: INCLUDE }),
  });
  if (!isAnswered(round, collection, asked)) return;
  checkRecords(round, collection, { found: toContents(asked.value), ids, startedAt: asked.startedAt, isAlone: true });
}

/** Reads the collection as a whole, while its records are written. */
export async function readWhole(round: Round, random: Random, collection: Incarnation): Promise<void> {
  const kind = random.pick(["get", "where", "count", "query"] as const);
  const { name } = collection;
  const read = <T>(work: (handle: Collection) => Promise<T>) =>
    ask(round, random, { what: `${name} read ${kind}`, work: (client) => work(client.collection(collection.id)) });
  if (kind === "count") {
    const asked = await read((handle) => handle.count());
    if (isAnswered(round, collection, asked)) checkCount(round, collection, asked);
    return;
  }
  if (kind === "query") {
    const asked = await read(async (handle) => {
      const [hits] = (await handle.query({ queryEmbeddings: [[1, 2, 3]], nResults: 10, include: INCLUDE })).rows();
      return new Map((hits ?? []).map((row) => [row.id, toContent(row)]));
    });
    if (!isAnswered(round, collection, asked)) return;
    const ids = [...asked.value.keys()];
    return checkRecords(round, collection, { found: asked.value, ids, startedAt: asked.startedAt, isAlone: false });
  }
  const where = kind === "where" ? { tag: "a" } : undefined;
  const asked = await read((handle) => handle.get({ where, include: INCLUDE }));
  if (!isAnswered(round, collection, asked)) return;
  const found = toContents(asked.value);
  const ids = where ? [...found.keys()] : ALL_IDS;
  if (where && [...found.values()].some(({ metadata }) => metadata.tag !== "a"))
    round.log.violate(`${name} get tag a answered with another tag`);
  checkRecords(round, collection, { found, ids, startedAt: asked.startedAt, isAlone: false });
}

/** Whether a read has an answer. A collection that exists may be missing only in an old answer after a change of phase. */
function isAnswered<T>(
  { log }: Round,
  { tenant, name }: Incarnation,
  asked: Asked<T>,
): asked is Extract<Asked<T>, { readonly outcome: "ok" }> {
  log.count("reads");
  const isOld = log.staleSince(tenant, asked.startedAt) < asked.startedAt;
  if (asked.outcome === "refused" && !isOld && !asked.error.startsWith("ChromaRateLimitError"))
    log.violate(`a read of ${name} was refused: ${asked.error}`);
  return asked.outcome === "ok";
}

interface CheckedRead {
  readonly found: ReadonlyMap<string, Content>;
  readonly ids: readonly string[];
  readonly startedAt: number;
  /** Whether no write of these records is sent meanwhile. */
  readonly isAlone: boolean;
}

function checkRecords(
  { log }: Round,
  { tenant, name, model }: Incarnation,
  { found, ids, startedAt, isAlone }: CheckedRead,
): void {
  const from = log.staleSince(tenant, startedAt);
  for (const id of ids) {
    const content = found.get(id);
    const allowed = model.allowed(id, from);
    const isAllowed = isAlone ? allowed.has(keyOf(content)) : isMixed(content, [...allowed.values()]);
    if (!isAllowed)
      log.violate(`${name} ${id} was read as ${keyOf(content)}, and may be ${[...allowed.keys()].join(" or ")}`);
    else if (isAlone && from === startedAt) model.learn(id, content);
  }
}

/**
 * Whether the text with the metadata, and the vector, are each from an allowed state. Chroma reads them one after the other, so a read
 * during a write may return the new text with the old vector or with none, and a query the vector of a record whose text is deleted.
 */
function isMixed(content: Content | undefined, allowed: readonly (Content | undefined)[]): boolean {
  if (!content) return allowed.includes(undefined);
  const textOf = (state: Content) => keyOf({ ...state, embedding: [] });
  const vectors = allowed.map((state) => JSON.stringify(state?.embedding ?? []));
  const isDeleted = content.document === null && allowed.includes(undefined);
  const hasText = isDeleted || allowed.some((state) => state && textOf(state) === textOf(content));
  return hasText && (content.embedding.length === 0 || vectors.includes(JSON.stringify(content.embedding)));
}

function checkCount(
  { log }: Round,
  { tenant, name, model }: Incarnation,
  { value, startedAt }: { readonly value: number; readonly startedAt: number },
): void {
  const from = log.staleSince(tenant, startedAt);
  const states = ALL_IDS.map((id) => model.allowed(id, from));
  const least = states.filter((allowed) => !allowed.has("absent")).length;
  const most = states.filter((allowed) => [...allowed.keys()].some((key) => key !== "absent")).length;
  if (value < least || value > most) log.violate(`${name} has ${value} records instead of ${least} to ${most}`);
}

/** The records of an answer by id. */
export function toContents(result: GetResult<Metadata>): ReadonlyMap<string, Content> {
  return new Map(result.rows().map((row) => [row.id, toContent(row)]));
}

function toContent({
  document,
  metadata,
  embedding,
}: {
  readonly document?: string | null;
  readonly metadata?: Metadata | null;
  readonly embedding?: readonly number[] | null;
}): Content {
  return {
    document: document ?? null,
    metadata: (metadata ?? {}) as Content["metadata"],
    embedding: [...(embedding ?? [])],
  };
}

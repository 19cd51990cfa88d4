import type { Collection, Metadata, Where } from "chromadb";
import type { Content, Effect } from "./model.ts";
import type { Random } from "./random.ts";

/** Record ids of one range. The writes of a range are sent one after the other. */
const IDS = 5;
export const RANGES = 3;

const idsOf = (range: number) => Array.from({ length: IDS }, (_, at) => `r${range}-${at}`);
export const ALL_IDS = Array.from({ length: RANGES }, (_, range) => idsOf(range)).flat();

/** A write of records of one range. */
export interface RecordWrite {
  readonly what: string;
  readonly ids: readonly string[];
  readonly effectOf: (id: string) => Effect;
  /** Whether every one of `ids` is changed when it succeeds. */
  readonly certain: boolean;
  send(collection: Collection): Promise<unknown>;
}

const KINDS = ["add", "add", "upsert", "upsert", "update", "patch", "delete", "deleteWhere", "deleteLimit"] as const;

let version = 0;

/**
 * A random write of some of the range's records. `exists`: whether a record certainly exists. Only then is its vector updated: Chroma keeps
 * the vector of an update without a record, and gives it to the record that is added later.
 */
export function createWrite(random: Random, range: number, exists: (id: string) => boolean): RecordWrite {
  const picked = random.pick(KINDS);
  const candidates = picked === "update" ? idsOf(range).filter(exists) : idsOf(range);
  const kind = candidates.length === 0 ? "upsert" : picked;
  const ids = candidates.filter(() => random.chance(0.4));
  if (ids.length === 0) ids.push(random.pick(candidates.length === 0 ? idsOf(range) : candidates));
  const contents = new Map(ids.map((id) => [id, createContent(random, range)]));
  const contentOf = (id: string) => contents.get(id) as Content;
  const batch = {
    ids,
    embeddings: ids.map((id) => [...contentOf(id).embedding]),
    documents: ids.map((id) => contentOf(id).document as string),
  };
  const metadatas = ids.map((id) => ({ ...contentOf(id).metadata }) as Metadata);
  const what = `${kind} ${ids.join(",")}`;
  switch (kind) {
    case "add":
      return write(what, ids, {
        effectOf: (id) => (old) => old ?? contentOf(id),
        send: (to) => to.add({ ...batch, metadatas }),
      });
    case "upsert":
      return write(what, ids, {
        effectOf: (id) => () => contentOf(id),
        send: (to) => to.upsert({ ...batch, metadatas }),
      });
    case "update":
      return write(what, ids, {
        effectOf: (id) => (old) => old && { ...contentOf(id), metadata: old.metadata },
        send: (to) => to.update(batch),
      });
    case "patch":
      return write(what, ids, {
        effectOf: (id) => (old) =>
          old && { ...old, metadata: { ...old.metadata, v: contentOf(id).metadata.v as number } },
        send: (to) => to.update({ ids, metadatas: ids.map((id) => ({ v: contentOf(id).metadata.v as number })) }),
      });
    case "delete":
      return write(what, ids, { effectOf: () => () => undefined, send: (to) => to.delete({ ids }) });
    default:
      return deleteByCondition(random, range, kind === "deleteLimit");
  }
}

function deleteByCondition(random: Random, range: number, isLimited: boolean): RecordWrite {
  const tag = random.pick(["a", "b"]);
  const where: Where = { $and: [{ range }, { tag }] };
  const limit = isLimited ? 1 : undefined;
  return {
    what: `delete range ${range} tag ${tag}${isLimited ? " limit 1" : ""}`,
    ids: idsOf(range),
    effectOf: () => (old) => (old?.metadata.tag === tag ? undefined : old),
    certain: !isLimited,
    send: (to) => to.delete({ where, limit }),
  };
}

function write(
  what: string,
  ids: readonly string[],
  { effectOf, send }: Pick<RecordWrite, "effectOf" | "send">,
): RecordWrite {
  return { what, ids, effectOf, certain: true, send };
}

/** Numbers that a 32-bit float holds exactly. */
function createContent(random: Random, range: number): Content {
  const v = ++version;
  return {
    document: `text ${v}`,
    metadata: { range, tag: random.pick(["a", "b"]), v, share: random.below(8) / 8 },
    embedding: [random.below(64) / 8, random.below(64) / 8, v],
  };
}

import type { RefusedRecord, TargetRecord } from "../../target/target.ts";
import type { RecordWrite } from "./compare-record.ts";
import type { CollectionPair, ToChromaContext } from "./context.ts";

/**
 * Writes records and returns those that Chroma refuses. A record is replaced only after Chroma has accepted its new content, so
 * that a refusal deletes nothing.
 */
export async function writeRecords(
  { target }: Pick<ToChromaContext, "target">,
  { chroma }: CollectionPair,
  writes: readonly RecordWrite[],
): Promise<readonly RefusedRecord[]> {
  const ofKind = (kind: RecordWrite["kind"]) =>
    writes.flatMap((write) => (write.kind === kind && "record" in write ? [write.record] : []));
  const updated = ofKind("update");
  const sent = [...ofKind("upsert"), ...updated];
  const refused = [
    ...(await target.upsert(chroma, ofKind("upsert"))),
    ...(await target.update(
      chroma,
      updated.map((record) => ({ ...record, embedding: null })),
    )),
  ];
  // A server may not know that a null removes a key.
  const retried = among(sent, refused).filter(({ removedKeys, embedding }) => removedKeys.length > 0 && embedding);
  const replaced = [...ofKind("replace"), ...retried].map((record) => ({ ...record, removedKeys: [] }));
  const kept = except(refused, retried);
  if (replaced.length === 0) return kept;
  const unfit = await target.upsert(chroma, replaced);
  const accepted = except(replaced, unfit);
  await target.deleteIds(
    chroma,
    accepted.map(({ id }) => id),
  );
  return [...kept, ...unfit, ...(await target.upsert(chroma, accepted))];
}

type Identified = Pick<TargetRecord, "id">;

function among<T extends Identified>(records: readonly T[], others: readonly Identified[]): readonly T[] {
  const ids = new Set(others.map(({ id }) => id));
  return records.filter(({ id }) => ids.has(id));
}

function except<T extends Identified>(records: readonly T[], others: readonly Identified[]): readonly T[] {
  const ids = new Set(others.map(({ id }) => id));
  return records.filter(({ id }) => !ids.has(id));
}

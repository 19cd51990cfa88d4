import type { ChromaClient } from "../source/client.ts";
import { collectionPath } from "../source/path.ts";
import type { SourceCollection } from "../source/source.ts";
import { batchJson, type EncodedRecord, toBatches } from "./batch.ts";
import type { Capabilities } from "./capabilities.ts";
import { describeRefusal, refusedWith } from "./refusal.ts";
import type { RefusedRecord, TargetRecord } from "./target.ts";

/** Bytes of a request. Servers accept 40 MB by default; a proxy may accept less. */
const MAX_BATCH_BYTES = 8_000_000;

/** Records of a request. More records are not written faster. */
const MAX_BATCH_RECORDS = 1_000;

/** Writes records in batches. A batch that Chroma refuses is halved until the refused records are known. */
export function createRecordWriter(client: ChromaClient, { maxBatchSize, base64 }: Capabilities) {
  let maxRecords = Math.min(maxBatchSize, MAX_BATCH_RECORDS);

  async function writeBatch(url: string, batch: readonly EncodedRecord[]): Promise<readonly RefusedRecord[]> {
    const refusal = await refusedWith(() => client.request("POST", url, () => undefined, { json: batchJson(batch) }));
    const [first] = batch;
    if (!refusal || !first) return [];
    if (batch.length === 1) return [{ id: first.id, detail: describeRefusal(refusal) }];
    const middle = batch.length >> 1;
    const refused = [
      ...(await writeBatch(url, batch.slice(0, middle))),
      ...(await writeBatch(url, batch.slice(middle))),
    ];
    // Each half is accepted and both together are not, so the server limits the size of a request.
    if (refused.length === 0) maxRecords = Math.min(maxRecords, batch.length - middle);
    return refused;
  }

  return async (
    verb: "upsert" | "update",
    collection: SourceCollection,
    records: readonly TargetRecord[],
  ): Promise<readonly RefusedRecord[]> => {
    const url = `${collectionPath(collection)}/${verb}`;
    const refused: RefusedRecord[] = [];
    const limits = () => ({ records: maxRecords, bytes: MAX_BATCH_BYTES });
    for (const batch of toBatches(records, { limits, base64 })) refused.push(...(await writeBatch(url, batch)));
    return refused;
  };
}

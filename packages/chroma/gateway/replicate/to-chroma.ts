import { readStored } from "../../copy/stored.ts";
import { compareRecord, type RecordWrite } from "./compare-record.ts";
import type { CollectionPair, ReplicaFinding, ToChromaContext } from "./context.ts";
import { toIdPages } from "./pages.ts";
import { isChromaId, withRecords } from "./read-records.ts";
import { writeRecords } from "./write-records.ts";

export interface ReplicationResult {
  /** Ids that were equal, or in neither system. */
  readonly equal: number;
  readonly written: number;
  readonly deleted: number;
  /** Ids of the records that differed. */
  readonly differing: readonly string[];
  /** Documents that cannot be equal. What Chroma has under their ids is left as it is. */
  readonly findings: readonly ReplicaFinding[];
}

export interface ReplicationOptions {
  /** `compare`: only compares. `written` and `deleted` then count what differs. Default `write`. */
  readonly mode?: "write" | "compare";
  /** Whether records that only Chroma has are deleted. Default true. */
  readonly deletes?: boolean;
}

/**
 * Makes the records with these ids in Chroma equal to the documents in Cairn: reads both, compares them exactly, and writes what
 * differs. Can be repeated after an interruption at any point. Ids: several thousand; memory is limited by pages. Throws
 * `source_unavailable`, and `not_found` if the collection does not exist in Chroma.
 */
export async function replicateToChroma(
  context: ToChromaContext,
  pair: CollectionPair,
  ids: readonly string[],
  options: ReplicationOptions = {},
): Promise<ReplicationResult> {
  const counts = { equal: 0, written: 0, deleted: 0 };
  const differing: string[] = [];
  const findings: ReplicaFinding[] = [];
  for (const page of await toIdPages(context.database, pair.cairn, ids)) {
    findings.push(...(await findPassages(context, pair, page.split)));
    await withRecords(context.source, pair.chroma, page.ids, async (part, records) => {
      const changes = await compareRecords(context, pair, part, records);
      const result = await applyChanges(context, pair, changes, options);
      counts.equal += part.length - changes.writes.size - changes.extras.length - changes.split.length;
      counts.written += result.written;
      counts.deleted += result.deleted;
      differing.push(...result.differing);
      findings.push(...result.findings);
    });
  }
  return { ...counts, differing, findings };
}

/** What differs in a part of the ids. */
interface Changes {
  readonly writes: ReadonlyMap<string, RecordWrite>;
  /** Ids that only Chroma has. */
  readonly extras: readonly string[];
  /** Documents that were given several passages since the page was planned. */
  readonly split: readonly string[];
}

async function compareRecords(
  { database }: ToChromaContext,
  pair: CollectionPair,
  ids: readonly string[],
  records: Parameters<Parameters<typeof withRecords>[3]>[1],
): Promise<Changes> {
  const stored = await readStored(database, pair.cairn, ids);
  const writes = new Map<string, RecordWrite>();
  const extras: string[] = [];
  const split: string[] = [];
  for (const id of ids) {
    const [row, ...others] = stored.get(id) ?? [];
    const record = records.get(id);
    if (others.length > 0) split.push(id);
    else if (row) {
      const write: RecordWrite = isChromaId(id)
        ? await compareRecord(pair, id, { stored: row, record })
        : { kind: "refused", detail: INVALID_ID };
      if (write.kind !== "none") writes.set(id, write);
    } else if (record) extras.push(id);
  }
  return { writes, extras, split };
}

async function applyChanges(
  context: ToChromaContext,
  pair: CollectionPair,
  { writes, extras, split }: Changes,
  { mode = "write", deletes = true }: ReplicationOptions,
): Promise<Omit<ReplicationResult, "equal">> {
  const all = [...writes.values()];
  const refused = mode === "write" ? await writeRecords(context, pair, all) : [];
  if (mode === "write" && deletes) await context.target.deleteIds(pair.chroma, extras);
  const findings = [
    ...writes.entries().flatMap(([id, write]) => (write.kind === "refused" ? [refusedFinding(id, write.detail)] : [])),
    ...refused.map(({ id, detail }) => refusedFinding(id, detail)),
    ...(await findPassages(context, pair, split)),
  ];
  const unsent = new Set(findings.map(({ recordId }) => recordId));
  const sent = [...writes.keys()].filter((id) => !unsent.has(id));
  const deleted = deletes ? extras : [];
  return { written: sent.length, deleted: deleted.length, differing: [...sent, ...deleted], findings };
}

function refusedFinding(recordId: string, detail: string): ReplicaFinding {
  return { recordId, kind: "refused", detail };
}

/** Ids in one request. Chroma Cloud accepts no more. */
const MAX_IDS = 300;

/** The findings for documents of several passages. */
async function findPassages(
  { source }: ToChromaContext,
  { chroma }: CollectionPair,
  ids: readonly string[],
): Promise<readonly ReplicaFinding[]> {
  const existing = new Set<string>();
  const sent = ids.filter(isChromaId);
  for (let start = 0; start < sent.length; start += MAX_IDS)
    for (const id of await source.filterExisting(chroma, sent.slice(start, start + MAX_IDS))) existing.add(id);
  return ids.map((recordId) => ({
    recordId,
    kind: "passages",
    detail: `${PASSAGES}${existing.has(recordId) ? " Chroma has an earlier record of this id, which is left as it is." : ""}`,
  }));
}

/** Why a document of several passages is no record. */
export const PASSAGES = "The document has several passages, and a record of Chroma is one row.";
const INVALID_ID = "Chroma accepts neither an empty id nor one with half a surrogate pair.";

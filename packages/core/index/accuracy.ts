import type { Accuracy, BuildNotes, IndexedRange } from "./indexed-range.ts";
import type { IndexPlan } from "./settings.ts";

/** A plan with other numbers of candidates, where they are set. Half and full precision ignore `rerank`. */
export function withCandidates(
  plan: IndexedRange["plan"],
  { efSearch = plan.efSearch, rerank }: { readonly efSearch?: number; readonly rerank?: number },
): IndexedRange["plan"] {
  const { accuracy } = plan;
  if (accuracy.kind === "full" || rerank === undefined) return { ...plan, efSearch };
  return { ...plan, efSearch, accuracy: { filterDepth: 0, ...accuracy, kind: "binary", rerank } };
}

/** The accuracy of the tail's index, from that of the vector index before it. */
export function tailAccuracy(accuracy: Accuracy): Accuracy {
  const binary = accuracy.kind === "binary" ? accuracy : { kind: "uncalibrated_binary" as const };
  return { ...binary, isBinaryTooCoarse: false };
}

/** Settings in `collection_indexes.settings`. Earlier versions read and write the same names, but some have no `depth`. */
export interface StoredSettings extends Partial<IndexPlan>, Omit<BuildNotes, "accuracy" | "requested"> {
  readonly reranked?: number;
  readonly depth?: number;
  readonly coarse?: true;
  readonly asked?: BuildNotes["requested"];
}

/** The settings of an index from their stored form. */
export function readSettings<Stored extends StoredSettings>(stored: Stored) {
  const { reranked: rerank, depth: filterDepth = 0, coarse, asked: requested, ...settings } = stored;
  const kind = stored.precision === "bit" ? "uncalibrated_binary" : "full";
  const isBinaryTooCoarse = coarse === true;
  const accuracy: Accuracy =
    kind === "full" || rerank === undefined
      ? { kind, isBinaryTooCoarse }
      : { kind: "binary", isBinaryTooCoarse, rerank, filterDepth };
  return { ...settings, accuracy, requested };
}

/** The stored form of settings, without keys for undefined values as JSON. */
export function storedSettings({ accuracy, requested, ...settings }: Partial<BuildNotes>): StoredSettings {
  const binary = accuracy?.kind === "binary" ? accuracy : undefined;
  const coarse = accuracy?.isBinaryTooCoarse ? true : undefined;
  return { ...settings, reranked: binary?.rerank, depth: binary?.filterDepth, coarse, asked: requested };
}

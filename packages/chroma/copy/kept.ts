import type { Finding } from "../ledger/collection.ts";
import type { Change } from "./page.ts";

// What was made in Cairn since an earlier run, and stays: the ledger marks the kind of such a finding.

const MARK = "cairn:";

/** A finding of a difference that was made in Cairn. */
export function madeInCairn({ id, kind, detail }: Finding): Finding {
  return { id, kind: `${MARK}${kind}`, detail };
}

/** The kind of a finding without its mark, and whether it had one. */
export function readMark(kind: string): { readonly kind: string; readonly inCairn: boolean } {
  const inCairn = kind.startsWith(MARK);
  return { kind: inCairn ? kind.slice(MARK.length) : kind, inCairn };
}

/** Records that were edited or deleted in Cairn, as findings. */
export function keptFindings(edited: readonly Change[], deleted: readonly string[]): readonly Finding[] {
  return [
    ...edited.map(({ difference }) =>
      madeInCairn({
        ...difference,
        detail: `${difference.detail} It was changed in Cairn since and is kept; --discard-changes takes Chroma's.`,
      }),
    ),
    ...deleted.map((id) => madeInCairn({ id, kind: "deleted", detail: DELETED })),
  ];
}

const DELETED = "It was deleted in Cairn since and stays deleted; --discard-changes restores it.";

/** A record that Cairn has and Chroma has not. */
export function extraFinding(id: string, own: boolean): Finding {
  if (own)
    return madeInCairn({
      id,
      kind: "extra",
      detail: "It was added in Cairn and is kept; --discard-changes deletes it.",
    });
  return {
    id,
    kind: "extra",
    detail: "It is in Cairn and not in Chroma: deleted there since. --prune deletes it here, too.",
  };
}

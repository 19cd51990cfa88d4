import type { Finding } from "../ledger/collection.ts";
import type { Change } from "./page.ts";

// Changes that were made in Cairn since an earlier run and are kept. The ledger marks the kind of such a finding.

const MARK = "cairn:";

/** Marks a finding as a difference that was made in Cairn. */
export function markMadeInCairn({ id, kind, detail }: Finding): Finding {
  return { id, kind: `${MARK}${kind}`, detail };
}

/** The kind of a finding without the mark, and whether the difference was made in Cairn. */
export function parseFindingKind(kind: string): { readonly kind: string; readonly inCairn: boolean } {
  const inCairn = kind.startsWith(MARK);
  return { kind: inCairn ? kind.slice(MARK.length) : kind, inCairn };
}

/** Findings for records that were edited or deleted in Cairn. */
export function cairnChangeFindings(edited: readonly Change[], deleted: readonly string[]): readonly Finding[] {
  return [
    ...edited.map(({ difference }) =>
      markMadeInCairn({
        ...difference,
        detail: `${difference.detail} The record was changed in Cairn since the migration and is kept. --discard-changes takes Chroma's version.`,
      }),
    ),
    ...deleted.map((id) => markMadeInCairn({ id, kind: "deleted", detail: DELETED })),
  ];
}

const DELETED = "The record was deleted in Cairn since the migration and stays deleted. --discard-changes restores it.";

/** The finding for a record that only Cairn has. */
export function extraFinding(id: string, writtenByService: boolean): Finding {
  if (writtenByService)
    return markMadeInCairn({
      id,
      kind: "extra",
      detail: "The record was added in Cairn and is kept. --discard-changes deletes it.",
    });
  return {
    id,
    kind: "extra",
    detail: "The record is in Cairn and not in Chroma, where it was deleted. --prune deletes it in Cairn too.",
  };
}

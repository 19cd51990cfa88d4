/** How two answers differ, in one sentence of ids and counts. */
export function describeDifference(difference: Readonly<Record<string, unknown>>): string {
  switch (difference.kind) {
    case "status":
      return `Chroma answered ${difference.chroma}, Cairn ${difference.cairn}.`;
    case "count":
      return `Chroma counts ${difference.chroma} records, Cairn ${difference.cairn}.`;
    case "records":
      return describeRecords(difference);
    case "hits":
      return describeHits(difference);
    default:
      return "";
  }
}

interface Hit {
  readonly id: string;
}

function describeRecords({ onlyInChroma, onlyInCairn, differing }: Readonly<Record<string, unknown>>): string {
  return join([
    listed("only in Chroma", onlyInChroma),
    listed("only in Cairn", onlyInCairn),
    describeFields(differing),
  ]);
}

function describeHits({ chroma, cairn, differing }: Readonly<Record<string, unknown>>): string {
  const [ofChroma, ofCairn] = [idsOf(chroma), idsOf(cairn)];
  return join([
    listed(
      "only Chroma returned",
      ofChroma.filter((id) => !ofCairn.includes(id)),
    ),
    listed(
      "only Cairn returned",
      ofCairn.filter((id) => !ofChroma.includes(id)),
    ),
    describeFields(differing),
  ]);
}

function idsOf(hits: unknown): readonly string[] {
  return ((hits ?? []) as readonly Hit[]).map(({ id }) => id);
}

function describeFields(differing: unknown): string {
  const records = (differing ?? []) as readonly { readonly id: string; readonly fields: readonly string[] }[];
  return listed(
    "other fields",
    records.map(({ id, fields }) => `${id} (${fields.join(", ")})`),
  );
}

/** Ids that a sentence shows. */
const SHOWN = 5;

function listed(title: string, ids: unknown): string {
  const all = (ids ?? []) as readonly string[];
  if (all.length === 0) return "";
  const rest = all.length - SHOWN;
  return `${title}: ${all.slice(0, SHOWN).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function join(parts: readonly string[]): string {
  return parts.filter(Boolean).join("; ") || "the same records at other distances";
}

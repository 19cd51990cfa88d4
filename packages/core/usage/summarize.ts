import type { Usage } from "./read.ts";

/** What one tenant used on one day. */
export interface TenantDay {
  readonly day: string;
  readonly tenantId: string;
  readonly tenant: string;
  readonly requests: number;
  readonly searches: number;
  /** The last measurement of the day. Null: there was none. */
  readonly storedRows: number | null;
  readonly storedBytes: number | null;
  readonly tokens: readonly ModelTokens[];
}

export interface ModelTokens {
  /** `embedding`, `chat_input`, `chat_output`, `rerank`. */
  readonly kind: string;
  /** `provider/model`. */
  readonly model: string;
  readonly tokens: number;
}

const TOKENS = "_tokens";

/** The rows of each tenant and day together, in the order of the rows. */
export function byTenantAndDay({ rows }: Pick<Usage, "rows">): readonly TenantDay[] {
  const groups = Map.groupBy(rows, ({ day, tenantId }) => `${day} ${tenantId}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const countOf = (kind: string) => group.find((row) => row.kind === kind)?.n;
    return {
      day: first.day,
      tenantId: first.tenantId,
      tenant: first.tenant,
      requests: countOf("requests") ?? 0,
      searches: countOf("searches") ?? 0,
      storedRows: countOf("stored_rows") ?? null,
      storedBytes: countOf("stored_bytes") ?? null,
      tokens: group
        .filter(({ kind }) => kind.endsWith(TOKENS))
        .map(({ kind, model, n }) => ({ kind: kind.slice(0, -TOKENS.length), model, tokens: n })),
    };
  });
}

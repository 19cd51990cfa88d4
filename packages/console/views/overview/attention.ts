import type { Tone } from "../../components/badge.tsx";
import { countOf, formatCount, formatShare } from "../../components/format.ts";
import { type CollectionState, indexStateOf, type TenantState } from "./state.ts";

/** Something that a person should know or do. */
export interface Attention {
  readonly key: string;
  readonly tone: Tone;
  readonly tenant: TenantState;
  /** Undefined: it concerns the tenant. */
  readonly collection?: CollectionState;
  readonly title: string;
  /** A full sentence. */
  readonly reason: string;
  /** What to do: `reindex` runs pending index work, `jobs` shows the jobs. Undefined: the reason says it. */
  readonly remedy?: "reindex" | "jobs";
}

/** Share of the daily token budget from which a tenant is named. */
const BUDGET_SHARE = 0.8;

const ORDER: readonly Tone[] = ["bad", "warning", "busy", "good", "quiet"];

/** What needs attention in these tenants, the most urgent first. */
export function findAttention(tenants: readonly TenantState[]): readonly Attention[] {
  const found = tenants.flatMap((tenant) => [
    ...tenant.collections.flatMap((collection) => findInCollection(tenant, collection)),
    ...findInTenant(tenant),
  ]);
  return found.toSorted((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone));
}

function findInCollection(tenant: TenantState, collection: CollectionState): readonly Attention[] {
  const shared = { key: `${tenant.id} ${collection.id}`, tenant, collection, remedy: "reindex" } as const;
  const reason = sentence(collection.due.reason ?? "");
  switch (indexStateOf(collection)) {
    case "failed":
      return [{ ...shared, tone: "bad", title: "Index build failed", reason }];
    case "pending":
      return [{ ...shared, tone: "warning", title: "Index work pending", reason }];
    case "unused":
      return [{ ...shared, tone: "busy", title: "Unused index", reason }];
    default:
      return [];
  }
}

function findInTenant(tenant: TenantState): readonly Attention[] {
  const { id, jobs, tokens_today: tokens, limits } = tenant;
  const budget = limits.embedding_tokens_per_day;
  const found: Attention[] = [];
  if (jobs.failed > 0)
    found.push({
      key: `${id} jobs`,
      tone: "bad",
      tenant,
      title: countOf(jobs.failed, "failed job"),
      reason: "Within the last 24 hours. Each job names its error.",
      remedy: "jobs",
    });
  if (budget !== undefined && budget > 0 && tokens >= BUDGET_SHARE * budget)
    found.push({
      key: `${id} budget`,
      tone: tokens >= budget ? "bad" : "warning",
      tenant,
      title: "Embedding budget",
      reason: `${formatCount(tokens)} of ${formatCount(budget)} tokens of today are used (${formatShare(tokens / budget)}). It starts again at 00:00 UTC. The operator can raise it: PATCH /v1/tenants/${tenant.name}.`,
    });
  return found;
}

function sentence(reason: string): string {
  const capital = reason.charAt(0).toUpperCase() + reason.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

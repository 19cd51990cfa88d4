import { linkTo } from "../../app/route.ts";
import { Badge } from "../../components/badge.tsx";
import { formatCount, formatMs, formatShare, formatShort } from "../../components/format.ts";
import { type Column, Table } from "../../components/table.tsx";
import type { Attention } from "./attention.ts";
import { indexStateOf, passagesOf, type TenantState } from "./state.ts";

interface TenantsTableProps {
  readonly tenants: readonly TenantState[];
  readonly attention: readonly Attention[];
}

/** All tenants. Those that need attention come first. */
export function TenantsTable({ tenants, attention }: TenantsTableProps) {
  const rank = new Map([...new Set(attention.map(({ tenant }) => tenant.id))].map((id, index) => [id, index]));
  const rankOf = ({ id }: TenantState) => rank.get(id) ?? attention.length;
  const rows = tenants.toSorted((a, b) => rankOf(a) - rankOf(b));
  return (
    <Table
      caption="Tenants, those that need attention first"
      columns={COLUMNS}
      rows={rows}
      keyOf={({ id }) => id}
      isCompact
    />
  );
}

const COLUMNS: readonly Column<TenantState>[] = [
  { head: "Tenant", cell: ({ id, name }) => <a href={linkTo(["overview", id])}>{name}</a> },
  { head: "Index work", cell: (tenant) => <IndexWork tenant={tenant} /> },
  { head: "Collections", isNumeric: true, cell: ({ collections }) => formatCount(collections.length) },
  { head: "Passages", isNumeric: true, cell: (tenant) => formatShort(passagesOf(tenant)) },
  { head: "Slowest p95", isNumeric: true, cell: (tenant) => slowest(tenant) },
  { head: "Tokens today", isNumeric: true, cell: (tenant) => tokens(tenant) },
  { head: "Jobs running", isNumeric: true, cell: ({ jobs }) => formatCount(jobs.in_progress) },
];

function IndexWork({ tenant: { collections, disabled_at: disabledAt } }: { readonly tenant: TenantState }) {
  if (disabledAt) return <Badge tone="quiet">tenant disabled</Badge>;
  const states = collections.map(indexStateOf);
  const count = (wanted: string) => states.filter((state) => state === wanted).length;
  if (count("failed") > 0) return <Badge tone="bad">{count("failed")} failed</Badge>;
  if (count("pending") > 0) return <Badge tone="warning">{count("pending")} pending</Badge>;
  if (count("unused") > 0) return <Badge tone="busy">{count("unused")} unused</Badge>;
  if (count("building") > 0) return <Badge tone="busy">building</Badge>;
  return (
    <Badge tone={collections.length > 0 ? "good" : "quiet"}>{collections.length > 0 ? "none" : "no collection"}</Badge>
  );
}

function slowest({ collections }: TenantState) {
  const times = collections.flatMap(({ latency }) => (latency ? [latency.p95_ms] : []));
  return times.length > 0 ? formatMs(Math.max(...times)) : <span class="soft">no searches</span>;
}

function tokens({ tokens_today: used, limits }: TenantState) {
  const budget = limits.embedding_tokens_per_day;
  return budget ? `${formatShort(used)} (${formatShare(used / budget)})` : formatShort(used);
}

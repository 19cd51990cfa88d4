import { useState } from "preact/hooks";
import { linkTo } from "../../app/route.ts";
import { Badge } from "../../components/badge.tsx";
import { Field } from "../../components/field.tsx";
import { countOf, formatCount, formatShare } from "../../components/format.ts";
import { Moment } from "../../components/moment.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { type CutoverSummary, isComparing, type Phase } from "./api.ts";
import { formatSeconds, type Row } from "./attention.ts";
import { Track } from "./track.tsx";

interface TenantsTableProps {
  readonly rows: readonly Row[];
  /** Only tenants in this phase. */
  readonly phase: Phase | undefined;
}

/** Tenants from which on the list can be searched. */
const MANY = 10;

export function TenantsTable({ rows, phase }: TenantsTableProps) {
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const shown = rows.filter(
    ({ summary }) =>
      (phase === undefined || summary.phase === phase) && summary.tenant.name.toLowerCase().includes(wanted),
  );
  const isFiltered = shown.length < rows.length;
  return (
    <Section title="Tenants" note={phase && `In the phase ${phase}.`} isWide>
      {rows.length > MANY && (
        <Field label="Search tenants">
          {(props) => (
            <input
              {...props}
              type="search"
              value={search}
              onInput={({ currentTarget }) => setSearch(currentTarget.value)}
            />
          )}
        </Field>
      )}
      <Table
        caption={isFiltered ? `${shown.length} of ${countOf(rows.length, "tenant")}` : countOf(rows.length, "tenant")}
        columns={COLUMNS}
        rows={shown}
        keyOf={({ summary }) => summary.tenant.id}
        empty="No tenant matches."
      />
    </Section>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  {
    head: "Tenant",
    cell: ({ summary: { tenant } }) => <a href={linkTo(["cutover", tenant.id])}>{tenant.name}</a>,
  },
  {
    head: "Phase",
    cell: ({ summary: { phase } }) => (
      <span class="in-phase">
        <Track phase={phase} />
        {phase}
      </span>
    ),
  },
  { head: "Since", cell: ({ summary: { since } }) => <Moment iso={since} /> },
  { head: "Records", cell: ({ summary }) => <Compared summary={summary} /> },
  {
    head: "Reads agree",
    isNumeric: true,
    cell: ({ summary: { reads } }) =>
      reads.agreement !== null && (
        <>
          {formatShare(reads.agreement)}
          <small>of {formatCount(reads.compared)}</small>
        </>
      ),
  },
  {
    head: "Journal",
    isNumeric: true,
    cell: ({ summary: { journal } }) => (
      <>
        <span class={journal.changes === 0 ? "soft" : undefined}>{formatCount(journal.changes)}</span>
        {journal.oldest_seconds !== null && <small>oldest {formatSeconds(journal.oldest_seconds)}</small>}
      </>
    ),
  },
  {
    head: "Attention",
    cell: ({ attention }) =>
      attention.map(({ tone, title }) => (
        <div key={title}>
          <Badge tone={tone}>{title}</Badge>
        </div>
      )),
  },
];

function Compared({ summary: { compared, phase } }: { readonly summary: CutoverSummary }) {
  if (phase === "chroma" || phase === "done") return null;
  if (!compared) return <Badge tone="busy">copying</Badge>;
  if (isComparing(compared)) return <Badge tone="busy">comparing</Badge>;
  return (
    <>
      <Badge tone={compared.identical ? "good" : "warning"}>{compared.identical ? "identical" : "different"}</Badge>
      <small>
        {countOf(compared.records, "record")}, <Moment iso={compared.finished_at} />
      </small>
    </>
  );
}

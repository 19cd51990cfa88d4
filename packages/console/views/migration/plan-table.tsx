import { Badge } from "../../components/badge.tsx";
import { countOf, formatBytes, formatCount } from "../../components/format.ts";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import type { Plan, PlannedCollection } from "./api.ts";

/** Where each collection goes, and what is in it. */
export function PlanTable({ plan: { collections } }: { readonly plan: Plan }) {
  return (
    <Section title="Plan" isWide>
      <Table
        caption={countOf(collections.length, "collection")}
        columns={COLUMNS}
        rows={collections}
        keyOf={({ source }) => source.id}
      />
      <p class="soft">{explainVectors(collections)}</p>
    </Section>
  );
}

/** Why vectors are copied or embedded again: `12 collections: the model stays the same.` */
function explainVectors(collections: readonly PlannedCollection[]): string {
  const groups = [...Map.groupBy(collections, ({ why }) => why)];
  return groups.map(([why, { length }]) => `${countOf(length, "collection")}: ${why}.`).join(" ");
}

const COLUMNS: readonly Column<PlannedCollection>[] = [
  {
    head: "Collection in Chroma",
    cell: ({ source: { tenant, database, name } }) => (
      <>
        {name}
        {(tenant !== "default_tenant" || database !== "default_database") && (
          <small>
            {tenant} / {database}
          </small>
        )}
      </>
    ),
  },
  {
    head: "Target",
    cell: ({ target: { tenant, collection, exists } }) => (
      <>
        <bdi>{tenant}</bdi> / <bdi>{collection}</bdi>
        <small>{exists ? "exists" : "is created"}</small>
      </>
    ),
  },
  { head: "Records", isNumeric: true, cell: ({ count }) => formatCount(count) },
  {
    head: "Vectors",
    cell: ({ vectors, model, dimensions, metric }) => (
      <>
        {vectors === "copy" ? "copied" : "embedded again"}
        <small>
          {[dimensions === null ? "empty" : `${dimensions} dimensions`, metric, model ?? "unknown model"].join(", ")}
        </small>
      </>
    ),
  },
  { head: "No text", isNumeric: true, cell: ({ nullDocuments }) => orNothing(nullDocuments) },
  { head: "Odd metadata", isNumeric: true, cell: ({ oddMetadata }) => orNothing(oddMetadata) },
  { head: "Problems", cell: (collection) => <Problems collection={collection} /> },
  { head: "Size", isNumeric: true, cell: ({ bytes }) => formatBytes(bytes) },
];

function orNothing(count: number) {
  return count === 0 ? <span class="soft">0</span> : formatCount(count);
}

function Problems({ collection: { quarantined, unreadableCount } }: { readonly collection: PlannedCollection }) {
  const withoutVector = Object.values(quarantined).reduce((sum, count) => sum + count, 0);
  if (withoutVector + unreadableCount === 0) return <Badge tone="good">none</Badge>;
  const texts = [
    ...(withoutVector > 0 ? [`${formatCount(withoutVector)} without a vector`] : []),
    ...(unreadableCount > 0 ? [`${formatCount(unreadableCount)} unreadable`] : []),
  ];
  return <Badge tone="warning">{texts.join(", ")}</Badge>;
}

import { countOf, formatBytes, formatCount, formatMs, formatShort } from "../../components/format.ts";
import { type Column, Table } from "../../components/table.tsx";
import { IndexBadge } from "./index-badge.tsx";
import { type CollectionState, indexStateOf } from "./state.ts";

/** The collections of a tenant. */
export function CollectionsTable({ collections }: { readonly collections: readonly CollectionState[] }) {
  return (
    <Table
      caption={countOf(collections.length, "collection")}
      columns={COLUMNS}
      rows={collections}
      keyOf={({ id }) => id}
      empty="There is no collection yet. The first document that is added creates one."
    />
  );
}

const COLUMNS: readonly Column<CollectionState>[] = [
  { head: "Collection", cell: (collection) => <Name collection={collection} /> },
  { head: "Index", cell: (collection) => <Index collection={collection} /> },
  { head: "Documents", isNumeric: true, cell: ({ documents }) => formatCount(documents) },
  { head: "Passages", isNumeric: true, cell: (collection) => <Passages collection={collection} /> },
  { head: "Not indexed", isNumeric: true, cell: (collection) => <Tail collection={collection} /> },
  { head: "p95 of searches", isNumeric: true, cell: (collection) => <Latency collection={collection} /> },
];

interface CellProps {
  readonly collection: CollectionState;
}

function Name({ collection: { name, model, dimensions, metric, is_replaced: isReplaced } }: CellProps) {
  const space = dimensions === null ? metric : `${dimensions} dimensions, ${metric}`;
  return (
    <>
      <bdi>{name}</bdi>
      <small>
        {model ?? "vectors only"} · {space}
      </small>
      {isReplaced && <small>replaced by another model, kept for a way back</small>}
    </>
  );
}

const PRECISIONS: Readonly<Record<string, string>> = {
  bit: "binary",
  halfvec: "half precision",
  vector: "full precision",
};

function Index({ collection }: CellProps) {
  const vectorIndexes = collection.indexes.filter(({ kind }) => kind === "vector");
  const bytes = collection.indexes.reduce((sum, index) => sum + index.bytes, 0);
  const precisions = [...new Set(vectorIndexes.map(({ precision }) => PRECISIONS[precision ?? ""] ?? precision))];
  return (
    <>
      <IndexBadge state={indexStateOf(collection)} />
      {vectorIndexes.length > 0 && (
        <small>
          {precisions.join(", ")} · {formatBytes(bytes)}
        </small>
      )}
    </>
  );
}

/** Passages without a vector are found by keyword only, so they are named if there are others with one. */
function Passages({ collection: { passages, vectors } }: CellProps) {
  return (
    <>
      {formatCount(passages)}
      {vectors > 0 && vectors < passages && <small>{formatCount(passages - vectors)} without a vector</small>}
    </>
  );
}

/** A small collection is searched exactly, so its rows need no index. */
function Tail({ collection }: CellProps) {
  const state = indexStateOf(collection);
  if (state === "exact" || state === "empty") return <span class="soft">none needed</span>;
  return <>{formatShort(collection.tail)}</>;
}

function Latency({ collection: { latency } }: CellProps) {
  if (!latency) return <span class="soft">no searches</span>;
  return (
    <>
      {formatMs(latency.p95_ms)}
      <small>{countOf(latency.searches, "search", "searches")}</small>
    </>
  );
}

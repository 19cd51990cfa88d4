import { Badge, type Tone } from "../../components/badge.tsx";
import { countOf, formatCount } from "../../components/format.ts";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import type { CollectionProgress, Migration } from "./api.ts";
import { shareDone } from "./state.tsx";

interface RunProgressProps {
  readonly run: Migration & { readonly progress: readonly CollectionProgress[] };
}

/** How far a run is, in total and for each collection. */
export function RunProgress({ run }: RunProgressProps) {
  const { collections = 0, finished = 0, records = 0 } = run.counts;
  const share = shareDone(run, run.progress);
  const text = `${countOf(records, "record")} read, ${formatCount(finished)} of ${countOf(collections, "collection")} done`;
  return (
    <>
      <div class="total" role="status">
        <progress aria-label="Progress" max={1} {...(share === undefined ? {} : { value: share })} />
        <p>{collections === 0 ? "Asking Chroma for its collections …" : text}</p>
      </div>
      {run.progress.length > 0 && (
        <Section title="Collections" note="What failed and what is in work comes first." isWide>
          <Table
            caption={`${formatCount(run.progress.length)} of ${countOf(collections, "collection")}`}
            columns={run.dry_run ? COLUMNS.filter(({ head }) => head !== "Tenant") : COLUMNS}
            rows={run.progress}
            keyOf={({ id }) => id}
          />
        </Section>
      )}
    </>
  );
}

const PHASES: Readonly<Record<CollectionProgress["phase"], readonly [Tone, string]>> = {
  copy: ["busy", "reading"],
  verify: ["busy", "comparing"],
  index: ["busy", "building the index"],
  done: ["good", "done"],
  failed: ["bad", "failed"],
};

const COLUMNS: readonly Column<CollectionProgress>[] = [
  { head: "Collection", cell: ({ collection }) => collection },
  { head: "Tenant", cell: ({ tenant }) => tenant },
  {
    head: "State",
    cell: ({ phase, pass }) => (
      <Badge tone={PHASES[phase][0]}>
        {PHASES[phase][1]}
        {pass > 1 && phase !== "done" && phase !== "failed" && `, pass ${pass}`}
      </Badge>
    ),
  },
  {
    head: "Progress",
    cell: ({ collection, phase, done, total, detail }) =>
      phase === "failed" ? (
        <span class="soft">{detail}</span>
      ) : (
        <progress
          aria-label={collection}
          max={Math.max(1, total)}
          value={phase === "done" ? Math.max(1, total) : done}
        />
      ),
  },
  {
    head: "Records",
    isNumeric: true,
    cell: ({ done, total }) => `${formatCount(done)} of ${formatCount(total)}`,
  },
];

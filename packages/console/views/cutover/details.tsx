import { Badge } from "../../components/badge.tsx";
import { countOf, formatCount, formatShare } from "../../components/format.ts";
import { Moment } from "../../components/moment.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import type { CutoverReport, Disagreement, Finding } from "./api.ts";
import { describeDifference } from "./difference.ts";

interface DetailsProps {
  readonly report: CutoverReport;
}

/** Reads that disagreed, with ids and never with texts. */
export function Disagreements({ report: { disagreements, disagreement_count: count } }: DetailsProps) {
  return (
    <Section title="Disagreements" note="The worst first." isWide>
      <Table
        caption={captionOf(disagreements.length, { count, noun: "disagreement" })}
        columns={DISAGREEMENT_COLUMNS}
        rows={disagreements.map((row, n) => ({ ...row, n }))}
        keyOf={({ n }) => String(n)}
      />
    </Section>
  );
}

function captionOf(shown: number, { count, noun }: { readonly count: number; readonly noun: string }): string {
  return shown < count ? `${formatCount(shown)} of ${countOf(count, noun)}` : countOf(count, noun);
}

const DISAGREEMENT_COLUMNS: readonly Column<Disagreement>[] = [
  { head: "Collection", cell: ({ collection }) => collection },
  { head: "Read", cell: ({ kind }) => kind },
  {
    head: "Outcome",
    cell: ({ outcome }) =>
      outcome === "missed" ? <Badge tone="quiet">Chroma missed records</Badge> : <Badge tone="bad">differed</Badge>,
  },
  { head: "Agreement", isNumeric: true, cell: ({ agreement }) => formatShare(agreement) },
  { head: "Difference", cell: ({ difference }) => describeDifference(difference) },
  { head: "When", cell: ({ at }) => <Moment iso={at} /> },
];

/** What keeps both sides from being equal. */
export function Findings({ report: { findings, finding_count: count } }: DetailsProps) {
  return (
    <Section title="Findings" note="What is open comes first." isWide>
      <Table
        caption={captionOf(findings.length, { count, noun: "finding" })}
        columns={FINDING_COLUMNS}
        rows={findings}
        keyOf={({ collection, record_id: id, kind }) => `${collection} ${id} ${kind}`}
      />
    </Section>
  );
}

const KINDS: Readonly<Record<string, string>> = {
  refused: "refused",
  passages: "several passages",
  conflict: "conflict",
  bypass: "written past the gateway",
};

const FINDING_COLUMNS: readonly Column<Finding>[] = [
  {
    head: "Record",
    cell: ({ collection, record_id: id }) => (
      <>
        {id === "" ? "the collection" : <code>{id}</code>}
        <small>{collection}</small>
      </>
    ),
  },
  {
    head: "Finding",
    cell: ({ kind, resolved_at: resolved }) => (
      <Badge tone={resolved === null ? "warning" : "quiet"}>
        {KINDS[kind] ?? kind}
        {resolved !== null && ", resolved"}
      </Badge>
    ),
  },
  { head: "By", cell: ({ side }) => (side === "chroma" ? "Chroma" : "Cairn") },
  { head: "Detail", cell: ({ detail }) => detail },
  { head: "Times", isNumeric: true, cell: ({ occurrences }) => formatCount(occurrences) },
  { head: "Last", cell: ({ last_at: at }) => <Moment iso={at} /> },
];

/** The changes of the phase, and what was overridden. */
export function History({ report: { events } }: DetailsProps) {
  return (
    <Section title="History" note="Newest first.">
      <ul class="problems">
        {events.map(({ at, from, to, overridden }) => (
          <li key={at}>
            <p>
              <span>
                {from} → {to}
              </span>
              <span class="soft">
                <Moment iso={at} />
              </span>
              {overridden.length > 0 && <Badge tone="warning">overridden: {overridden.join(", ")}</Badge>}
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

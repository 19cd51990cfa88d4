import { useState } from "preact/hooks";
import { Badge } from "../../components/badge.tsx";
import { Button } from "../../components/button.tsx";
import { Figures } from "../../components/figures.tsx";
import { countOf, formatCount, formatShare } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { ReportFrame } from "../../components/report-frame.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { useRequest } from "../../request/use-request.ts";
import { type CollectionResult, getReport, type Migration, type Report } from "./api.ts";
import { VERDICTS } from "./state.tsx";

/** The result of a migration: the verdict, each collection, and the report. */
export function Result({ run }: { readonly run: Migration }) {
  const { data: report, error, reload } = useRequest(() => getReport<Report>(run.id), [run.id]);
  const [isShown, setIsShown] = useState(false);
  if (!report) return error === undefined ? <Loading what="Report" /> : <Problem error={error} retry={reload} />;
  const failed = report.differences.filter(({ kind }) => kind === "failed");
  return (
    <Page title="Migration" lead={describe(report)}>
      <Figures figures={figuresOf(report)} />
      {failed.length > 0 && (
        <Section title="Failed" note="The other collections were migrated. The next run continues with these.">
          <ul class="problems">
            {failed.map(({ collection, detail }) => (
              <li key={collection}>
                <p>
                  <Badge tone="bad">failed</Badge>
                  <bdi>{collection}</bdi>
                </p>
                <p class="soft">{detail}</p>
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title="Collections" note="Every record of both sides was compared." isWide>
        <Table
          caption={countOf(report.collections.length, "collection")}
          columns={COLUMNS}
          rows={report.collections}
          keyOf={({ source }) => source.id}
          empty="No collection was migrated."
        />
      </Section>
      <Section
        title="Report"
        note="What was compared, what differs, and why. It has ids, and no text of a document."
        isWide
      >
        {isShown ? (
          <ReportFrame
            title="Report of the migration"
            path={`/v1/migrations/${run.id}/report?format=html`}
            fileName={`migration-${run.created_at.slice(0, 10)}.html`}
          />
        ) : (
          <Button onClick={() => setIsShown(true)}>Show the report</Button>
        )}
      </Section>
    </Page>
  );
}

function describe({ verdict, totals }: Report): string {
  const { compared, sourceRecords, differences, exceptions, changedInCairn = 0 } = totals;
  const records = `${formatCount(compared)} of ${countOf(sourceRecords, "record")} compared`;
  if (verdict === "identical") return `Both sides are identical: ${records}.`;
  if (verdict === "identical_with_exceptions")
    return `Identical, with ${countOf(exceptions, "exception")}: ${records}. The exceptions are kept, and listed in the report.`;
  const own = changedInCairn > 0 ? ` ${formatCount(changedInCairn)} of them were made in Cairn and are kept.` : "";
  return `Not identical: ${countOf(differences, "difference")}, ${records}.${own}`;
}

function figuresOf({ totals, search, seconds }: Report) {
  return [
    { name: "collections", value: formatCount(totals.collections) },
    { name: "records in Cairn", value: formatCount(totals.targetRecords) },
    { name: "written by this run", value: formatCount(totals.written) },
    { name: "differences", value: formatCount(totals.differences) },
    { name: "exceptions", value: formatCount(totals.exceptions) },
    ...(search ? [{ name: "same search hits", value: formatShare(search.meanOverlapWithChroma) }] : []),
    { name: "time", value: `${formatCount(Math.max(1, Math.round(seconds)))}\u00a0s` },
  ];
}

const COLUMNS: readonly Column<CollectionResult>[] = [
  { head: "Collection in Chroma", cell: ({ source }) => source.name },
  {
    head: "Target",
    cell: ({ target: { tenantName, collection } }) => (
      <>
        <bdi>{tenantName}</bdi> / <bdi>{collection}</bdi>
      </>
    ),
  },
  {
    head: "Verdict",
    cell: ({ verdict }) => <Badge tone={VERDICTS[verdict][0]}>{VERDICTS[verdict][1]}</Badge>,
  },
  { head: "Records in Chroma", isNumeric: true, cell: ({ sourceCount }) => formatCount(sourceCount) },
  { head: "Records in Cairn", isNumeric: true, cell: ({ targetCount }) => formatCount(targetCount) },
  { head: "Compared", isNumeric: true, cell: ({ compared }) => formatCount(compared) },
  { head: "Written", isNumeric: true, cell: ({ written }) => formatCount(written) },
  { head: "Differences", cell: ({ differences }) => describeDifferences(differences) },
];

const KINDS: Readonly<Record<string, string>> = {
  missing: "missing in Cairn",
  extra: "in Cairn only",
  deleted: "deleted in Cairn",
  content: "with another text",
  metadata: "with other metadata",
  vector: "with another vector",
  uri: "with another URI",
};

function describeDifferences(differences: CollectionResult["differences"]): string {
  const found = Object.entries(differences).filter(([, count]) => count > 0);
  return found.map(([kind, count]) => `${formatCount(count)} ${KINDS[kind] ?? kind}`).join(", ");
}

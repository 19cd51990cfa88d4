import { Badge } from "../../components/badge.tsx";
import { Figures } from "../../components/figures.tsx";
import { countOf, formatCount } from "../../components/format.ts";
import { Moment } from "../../components/moment.tsx";
import { Section } from "../../components/section.tsx";
import { type CutoverStatus, isComparing } from "./api.ts";
import { formatSeconds } from "./attention.ts";

/** How equal the records of both sides are: the last comparison of all, and the changes that are not replicated. */
export function Comparison({ status }: { readonly status: CutoverStatus }) {
  const { compared, journal, phase } = status;
  if (phase === "chroma") return null;
  const { failing, failure, in_flight: inFlight, oldest_seconds: oldest } = journal;
  return (
    <Section title="Records" note={<LastComparison status={status} />}>
      <Figures
        figures={[
          { name: "records compared", value: compared ? formatCount(compared.records) : "–" },
          { name: "copied since they differed", value: compared ? formatCount(compared.written) : "–" },
          { name: "changes in the journal", value: formatCount(journal.changes) },
          { name: "oldest change", value: oldest === null ? "–" : formatSeconds(oldest) },
        ]}
      />
      {failing > 0 && (
        <div class="problem">
          <p>
            {countOf(failing, "change")} could not be replicated and {failing === 1 ? "is" : "are"} tried again:{" "}
            {failure}
          </p>
        </div>
      )}
      <p class="soft">{describe(status, inFlight)}</p>
    </Section>
  );
}

function LastComparison({ status: { compared, phase } }: { readonly status: CutoverStatus }) {
  if (phase === "done") return <>Chroma is not compared any more.</>;
  if (!compared) return <Badge tone="busy">copying all records</Badge>;
  if (isComparing(compared)) return <Badge tone="busy">comparing</Badge>;
  return (
    <span class="last-comparison">
      <Badge tone={compared.identical ? "good" : "warning"}>{compared.identical ? "identical" : "different"}</Badge>
      <Moment iso={compared.finished_at} />
    </span>
  );
}

function describe({ compared }: CutoverStatus, inFlight: number): string {
  const parts = [
    inFlight > 0 && `${countOf(inFlight, "write")} in flight.`,
    compared && compared.refused > 0 && `One side cannot hold ${countOf(compared.refused, "record")}.`,
    compared &&
      compared.bypassed > 0 &&
      `${countOf(compared.bypassed, "record")} differed without a recorded write: somebody writes past the gateway.`,
    compared && compared.deleted > 0 && `${countOf(compared.deleted, "record")} deleted.`,
  ];
  return parts.filter(Boolean).join(" ") || "Every write is recorded before it is sent, and replicated within seconds.";
}

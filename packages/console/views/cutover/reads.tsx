import { Figures } from "../../components/figures.tsx";
import { countOf, formatCount, formatMs, formatShare } from "../../components/format.ts";
import { Section } from "../../components/section.tsx";
import { AgreementChart } from "./agreement-chart.tsx";
import type { CutoverReport, CutoverStatus, Reads, Side } from "./api.ts";

interface ReadsSectionProps {
  readonly status: CutoverStatus;
  readonly report: CutoverReport | undefined;
}

/** How the reads of both sides agree, and how long each side takes. */
export function ReadsSection({ status: { reads }, report }: ReadsSectionProps) {
  return (
    <Section
      title="Reads"
      note="A sample of the reads, answered by Chroma and compared with Cairn's answer, since the phase began."
    >
      <Figures
        figures={[
          { name: "agree", value: reads.agreement === null ? "–" : formatShare(reads.agreement) },
          { name: "compared", value: formatCount(reads.compared) },
          { name: "differed", value: formatCount(reads.differed) },
          { name: "missed by Chroma's index", value: formatCount(reads.missed) },
        ]}
      />
      {report && report.series.length > 0 && <AgreementChart report={report} />}
      {reads.compared > 0 && <Latency latency={reads.latency} />}
      <p class="soft">{describe(reads)}</p>
    </Section>
  );
}

function describe({ excluded, failed, dropped }: Reads): string {
  const parts = [
    excluded > 0 && `${countOf(excluded, "read")} excluded, because their records were being written.`,
    failed > 0 && `${countOf(failed, "read")} not answered by Cairn in time.`,
    dropped > 0 && `${countOf(dropped, "read")} not compared for lack of room.`,
  ];
  return (
    parts.filter(Boolean).join(" ") ||
    "A read that Chroma's index missed counts as agreement: an exact search shows that Cairn has the true nearest records."
  );
}

const SIDES: readonly (readonly [Side, string])[] = [
  ["chroma", "Chroma"],
  ["cairn", "Cairn"],
];

/** The latency of both sides as bars on one scale. */
function Latency({ latency }: Pick<Reads, "latency">) {
  const longest = Math.max(...SIDES.flatMap(([side]) => [latency[side].p50 ?? 0, latency[side].p95 ?? 0]), 0.001);
  const bars = (["p50", "p95"] as const).flatMap((percentile) =>
    SIDES.map(([side, name]) => ({ side, name, percentile, value: latency[side][percentile] })),
  );
  return (
    <figure>
      <figcaption>Latency of the same reads on both sides</figcaption>
      <dl class="bars">
        {bars.map(({ side, name, percentile, value }) => (
          <div key={side + percentile}>
            <dt>
              {name} <span class="soft">{percentile}</span>
            </dt>
            <dd>
              <span class={`latency ${side}`} style={{ width: `${(70 * (value ?? 0)) / longest}%` }} />
              {value === null ? "–" : formatMs(value)}
            </dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}

import { useState } from "preact/hooks";
import { linkTo } from "../../app/route.ts";
import { Badge } from "../../components/badge.tsx";
import { Button } from "../../components/button.tsx";
import { countOf } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { useRequest } from "../../request/use-request.ts";
import { type CutoverSummary, listCutover, PHASES, type Phase } from "./api.ts";
import { attentionOf, type Row } from "./attention.ts";
import { FirstSteps } from "./first-steps.tsx";
import { MoveTenant } from "./move-tenant.tsx";
import { PhaseStrip } from "./phase-strip.tsx";
import { TenantsTable } from "./tenants-table.tsx";

const INTERVAL_MS = 5_000;

/** All tenants of the cut-over. What needs attention comes first. */
export function Tenants() {
  const { data, error, reload } = useRequest(listCutover, [], { everyMs: INTERVAL_MS });
  const [phase, setPhase] = useState<Phase>();
  const [isMoving, setIsMoving] = useState(false);
  const rows = (data ?? []).map((summary) => ({ summary, attention: attentionOf(summary) })).toSorted(compareRows);
  const urgent = rows.filter(({ attention }) => attention.length > 0);
  return (
    <Page
      title="Cut-over"
      lead={data && data.length > 0 && describe(data, urgent.length)}
      actions={data && data.length > 0 && <Button onClick={() => setIsMoving(true)}>Move another tenant</Button>}
    >
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!data && error === undefined && <Loading what="Cut-over" />}
      {data?.length === 0 && <FirstSteps onMove={() => setIsMoving(true)} />}
      {rows.length > 0 && (
        <>
          <PhaseStrip counts={countPhases(rows)} chosen={phase} onChoose={setPhase} />
          {urgent.length > 0 && <AttentionSection rows={urgent} />}
          <TenantsTable rows={rows} phase={phase} />
        </>
      )}
      {isMoving && <MoveTenant onClose={() => setIsMoving(false)} />}
    </Page>
  );
}

function describe(all: readonly CutoverSummary[], urgent: number): string {
  const moved = all.filter(({ phase }) => phase === "cairn" || phase === "done").length;
  const attention = urgent === 0 ? "None needs attention." : `${urgent} ${urgent === 1 ? "needs" : "need"} attention.`;
  return `Cairn answers ${moved} of ${countOf(all.length, "tenant")}. ${attention}`;
}

function countPhases(rows: readonly Row[]): Readonly<Record<Phase, number>> {
  const count = (name: Phase) => rows.filter(({ summary }) => summary.phase === name).length;
  return Object.fromEntries(PHASES.map((name) => [name, count(name)])) as Record<Phase, number>;
}

/** Those that need attention first, the most urgent of them at the top; then by phase, and by name. */
function compareRows(a: Row, b: Row): number {
  const phaseOf = ({ summary }: Row) => PHASES.indexOf(summary.phase);
  return (
    urgency(b) - urgency(a) || phaseOf(a) - phaseOf(b) || a.summary.tenant.name.localeCompare(b.summary.tenant.name)
  );
}

function urgency({ attention: [first] }: Row): number {
  if (!first) return 0;
  return first.tone === "bad" ? 2 : 1;
}

/** Tenants that are shown at first. */
const SHOWN = 8;

function AttentionSection({ rows }: { readonly rows: readonly Row[] }) {
  const [isWhole, setIsWhole] = useState(false);
  const shown = isWhole ? rows : rows.slice(0, SHOWN);
  return (
    <Section title="Needs attention" note="The most urgent first.">
      <ul class="problems">
        {shown.map(({ summary: { tenant, phase }, attention }) => (
          <li key={tenant.id}>
            <p>
              <a href={linkTo(["cutover", tenant.id])}>{tenant.name}</a>
              <span class="soft">{phase}</span>
              {attention.map(({ tone, title }) => (
                <Badge key={title} tone={tone}>
                  {title}
                </Badge>
              ))}
            </p>
            <p class="soft">{attention.map(({ reason }) => reason).join(" ")}</p>
          </li>
        ))}
      </ul>
      {shown.length < rows.length && (
        <Button onClick={() => setIsWhole(true)}>Show {countOf(rows.length - SHOWN, "other")}</Button>
      )}
    </Section>
  );
}

import { CairnError } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { linkTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { ReportFrame } from "../../components/report-frame.tsx";
import { Section } from "../../components/section.tsx";
import { useRequest } from "../../request/use-request.ts";
import { type CutoverReport, type CutoverStatus, getCutover, getCutoverReport } from "./api.ts";
import { Comparison } from "./comparison.tsx";
import { Conditions } from "./conditions.tsx";
import { Disagreements, Findings, History } from "./details.tsx";
import { PhaseActions } from "./phase-actions.tsx";
import { PHASE_TEXTS } from "./phases.ts";
import { ReadsSection } from "./reads.tsx";
import { SettingsSection } from "./settings.tsx";
import { Way } from "./way.tsx";

const INTERVAL_MS = 3_000;

/** A tenant of the cut-over: its phase, what the next one requires, and how both sides agree. */
export function Tenant({ id }: { readonly id: string }) {
  const status = useRequest(() => getCutover(id), [id], { everyMs: INTERVAL_MS });
  const report = useRequest(() => getCutoverReport(id).catch(ignoreNotFound), [id], { everyMs: 5 * INTERVAL_MS });
  const { data, error } = status;
  const reload = () => {
    status.reload();
    report.reload();
  };
  return (
    <>
      <p class="crumb">
        <a href={linkTo(["cutover"])}>All tenants</a>
      </p>
      {!data && error === undefined && <Loading what="Tenant" />}
      {data && (
        <Page
          title={data.tenant.name}
          lead={`${PHASE_TEXTS[data.phase]}.`}
          actions={<PhaseActions status={data} onChange={reload} />}
        >
          {error !== undefined && <Problem error={error} retry={reload} />}
          <Content status={data} report={report.data} onChange={reload} />
        </Page>
      )}
      {!data && error !== undefined && <Problem error={error} retry={reload} />}
    </>
  );
}

/** A tenant that has never left Chroma has no report. */
function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof CairnError && error.status === 404)) throw error;
}

interface ContentProps {
  readonly status: CutoverStatus;
  readonly report: CutoverReport | undefined;
  readonly onChange: () => void;
}

function Content({ status, report, onChange }: ContentProps) {
  return (
    <>
      <Way phase={status.phase} since={status.since} />
      <Conditions status={status} />
      <Comparison status={status} />
      {(status.reads.compared > 0 || status.phase === "shadow") && <ReadsSection status={status} report={report} />}
      {report && report.disagreements.length > 0 && <Disagreements report={report} />}
      {report && report.finding_count > 0 && <Findings report={report} />}
      <SettingsSection status={status} onChange={onChange} />
      {report && report.events.length > 0 && <History report={report} />}
      {report && <Report tenant={status.tenant} />}
    </>
  );
}

function Report({ tenant: { id, name } }: Pick<CutoverStatus, "tenant">) {
  const [isShown, setIsShown] = useState(false);
  return (
    <Section title="Report" note="All of this as one page to keep or to send. It has ids, and no texts." isWide>
      {isShown ? (
        <ReportFrame
          title={`Report of the cut-over of ${name}`}
          path={`/v1/cutover/${id}/report`}
          fileName={`cutover-${id}.html`}
        />
      ) : (
        <Button onClick={() => setIsShown(true)}>Show the report</Button>
      )}
    </Section>
  );
}

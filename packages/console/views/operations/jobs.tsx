import { read } from "@cairn/client/client.ts";
import { useEffect, useState } from "preact/hooks";
import { Badge, type Tone } from "../../components/badge.tsx";
import { countOf, formatCount } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Moment } from "../../components/moment.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { tenantOrOwnClient } from "../../request/client.ts";
import { followJob, type Job } from "../../request/follow-job.ts";
import { tenantCredential } from "../../request/session.ts";
import { useRequest } from "../../request/use-request.ts";

/** Milliseconds between two requests for the list. The events of running jobs come in between. */
const INTERVAL_MS = 10_000;

/** Jobs that are followed by their events. The list shows the others. */
const MAX_FOLLOWED = 4;

const SHOWN = 50;

/** The newest jobs, with the progress of those that run. */
export function Jobs({ isOperator }: { readonly isOperator: boolean }) {
  const as = tenantCredential() ? "tenant" : "own";
  const { data, error, reload } = useRequest(
    () => read(tenantOrOwnClient(as).v1.jobs.$get({ query: { limit: SHOWN } })),
    [],
    { everyMs: INTERVAL_MS },
  );
  const jobs = useFollowed(data?.jobs ?? [], as);
  const cancel = async (id: string) => {
    await read(tenantOrOwnClient(as).v1.jobs[":job"].cancel.$post({ param: { job: id }, header: {} }));
    reload();
  };
  const note = isOperator
    ? "Migrations and other work of the operator. Open a tenant to see its jobs."
    : "Uploads, index work and changes of the model, newest first.";
  return (
    <Section id="jobs" title="Jobs" note={note} isWide>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!data && error === undefined && <Loading what="Jobs" />}
      {data && (
        <Table
          caption={jobs.length === SHOWN ? `The ${SHOWN} newest jobs` : countOf(jobs.length, "job")}
          columns={columnsOf(cancel)}
          rows={jobs}
          keyOf={({ id }) => id}
          empty="There is no job yet."
        />
      )}
    </Section>
  );
}

/** The jobs, with the events of those that run. */
function useFollowed(jobs: readonly Job[], as: "own" | "tenant"): readonly Job[] {
  const [newer, setNewer] = useState<Readonly<Record<string, Job>>>({});
  const running = jobs.filter(({ status }) => status === "in_progress").slice(0, MAX_FOLLOWED);
  const ids = running.map(({ id }) => id).join(" ");
  useEffect(() => {
    const abort = new AbortController();
    const onChange = (job: Job) => !abort.signal.aborted && setNewer((all) => ({ ...all, [job.id]: job }));
    for (const id of ids.split(" ").filter(Boolean))
      followJob(id, { as, signal: abort.signal, onChange }).catch(() => {}); // the list is requested again anyway
    return () => abort.abort();
  }, [ids, as]);
  return jobs.map((job) => latestOf(job, newer[job.id]));
}

function latestOf(job: Job, other: Job | undefined): Job {
  return other && other.updated_at >= job.updated_at ? other : job;
}

const STATES: Readonly<Record<Job["status"], readonly [Tone, string]>> = {
  in_progress: ["busy", "in progress"],
  completed: ["good", "completed"],
  failed: ["bad", "failed"],
  cancelled: ["quiet", "cancelled"],
};

function columnsOf(cancel: (id: string) => Promise<void>): readonly Column<Job>[] {
  return [
    {
      head: "Job",
      cell: ({ id, kind }) => (
        <>
          {kind}
          <small>
            <code>{id.slice(0, 8)}</code>
          </small>
        </>
      ),
    },
    { head: "State", cell: ({ status }) => <Badge tone={STATES[status][0]}>{STATES[status][1]}</Badge> },
    { head: "Progress", cell: (job) => <Progress job={job} /> },
    { head: "Error", cell: (job) => <Failure job={job} /> },
    { head: "Started", cell: (job) => <Moment iso={job.created_at} /> },
    { head: "Ended", cell: (job) => <Moment iso={job.finished_at} none="" /> },
    {
      head: "Actions",
      cell: ({ id, kind, status }) =>
        status === "in_progress" && (
          <button type="button" class="plain" onClick={() => cancel(id)}>
            Cancel<span class="sr"> the job {kind}</span>
          </button>
        ),
    },
  ];
}

/** What a job has done so far, and how much of it. */
function Progress({ job: { kind, status, counts } }: { readonly job: Job }) {
  const { total, position = 0 } = counts;
  return (
    <>
      {status === "in_progress" && total !== undefined && total > 0 && (
        <progress max={total} value={position} aria-label={`Progress of ${kind}`} />
      )}
      {describeCounts(counts)}
    </>
  );
}

/** `1,200 documents, 3 failed`. The total and the position are shown as a bar. */
function describeCounts({ total: _, position: __, failed, ...counts }: Job["counts"]): string {
  const done = Object.entries(counts).map(([name, count]) => countOf(count ?? 0, name.replace(/s$/, ""), name));
  return [...done, ...(failed ? [`${formatCount(failed)} failed`] : [])].join(", ");
}

function Failure({ job: { last_error: error } }: { readonly job: Job }) {
  if (!error) return null;
  return (
    <>
      {error.message}
      <small>
        <code>{error.code}</code>
      </small>
    </>
  );
}

import { useEffect, useRef, useState } from "preact/hooks";
import { linkTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { Confirm } from "../../components/confirm.tsx";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { followJob } from "../../request/follow-job.ts";
import { useRequest } from "../../request/use-request.ts";
import { cancelMigration, getMigration, type Migration } from "./api.ts";
import { Ended } from "./ended.tsx";
import { PlanOf } from "./plan.tsx";
import { RunProgress } from "./progress.tsx";
import { Result } from "./result.tsx";

/** A migration or a dry run: its progress, and then its result. */
export function Run({ id }: { readonly id: string }) {
  const { data, error, reload } = useRequest(() => getMigration(id), [id]);
  const [isCancelling, setIsCancelling] = useState(false);
  useFollowed(id, { isRunning: data?.status === "in_progress", onChange: reload });
  if (!data) return error === undefined ? <Loading what="Migration" /> : <Problem error={error} retry={reload} />;
  const title = data.dry_run ? "Dry run" : "Migration";
  return (
    <>
      <p class="crumb">
        <a href={linkTo(["migration"])}>All runs</a>
      </p>
      {data.status === "in_progress" ? (
        <Page
          title={title}
          lead={
            data.dry_run ? "Reads every record of Chroma. Nothing is written." : "Copies and compares every record."
          }
          actions={<Button onClick={() => setIsCancelling(true)}>Cancel</Button>}
        >
          <RunProgress run={data} />
        </Page>
      ) : (
        <Content run={data} title={title} />
      )}
      {isCancelling && (
        <Confirm
          title={`Cancel the ${title.toLowerCase()}?`}
          action="Stop it"
          onConfirm={() => cancelMigration(id)}
          onClose={() => setIsCancelling(false)}
        >
          <p>
            {data.dry_run
              ? "Nothing was written, so nothing remains."
              : "What was copied stays in Cairn. Another run with the same options continues and compares everything again."}
          </p>
        </Confirm>
      )}
    </>
  );
}

function Content({ run, title }: { readonly run: Migration; readonly title: string }) {
  if (run.status !== "completed") return <Ended run={run} title={title} />;
  return run.dry_run ? <PlanOf run={run} /> : <Result run={run} />;
}

interface FollowOptions {
  readonly isRunning: boolean;
  readonly onChange: () => void;
}

/** Calls `onChange` after each event of a running job, which says that there is something new to read. */
function useFollowed(id: string, { isRunning, onChange }: FollowOptions): void {
  const latest = useRef(onChange);
  latest.current = onChange;
  useEffect(() => {
    if (!isRunning) return;
    const abort = new AbortController();
    const { signal } = abort;
    const changed = () => signal.aborted || latest.current();
    // If the connection is lost, the next request shows whether the service is back.
    const retry = () => signal.aborted || setTimeout(changed, 2_000);
    followJob(id, { as: "own", signal, onChange: changed }).catch(retry);
    return () => abort.abort();
  }, [id, isRunning]);
}

import { read } from "@cairn/client/client.ts";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { messageOf } from "../../components/problem.tsx";
import { tenantClient } from "../../request/client.ts";
import { followJob } from "../../request/follow-job.ts";
import { tenantCredential } from "../../request/session.ts";

interface ReindexProps {
  /** Undefined: all collections of the tenant. */
  readonly collection?: string;
  readonly onChange: () => void;
}

/** Starts pending index work, and shows how it goes. */
export function Reindex({ collection, onChange }: ReindexProps) {
  const [state, setState] = useState<"running" | "done">();
  const [failure, setFailure] = useState<string>();
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);
  const canStart = tenantCredential()?.identity.scopes.includes("admin");
  const start = async () => {
    setState("running");
    setFailure(undefined);
    try {
      const started = await read(tenantClient().v1.reindex.$post({ header: {}, json: { collection } }));
      const job = await followJob(started.id, { signal: abort.current.signal, onChange: () => {} });
      setFailure(job.last_error?.message);
      setState(job.last_error ? undefined : "done");
      onChange();
    } catch (error) {
      if (abort.current.signal.aborted) return;
      setFailure(messageOf(error));
      setState(undefined);
    }
  };
  if (!canStart) return <p class="soft">A key with the scope admin can start it.</p>;
  return (
    <div class="remedy">
      <Button
        onClick={start}
        isBusy={state === "running"}
        label={`${state === "running" ? "Running …" : "Run now"}: index work of ${collection ?? "all collections"}`}
      >
        {state === "running" ? "Running …" : "Run now"}
      </Button>
      <span role="status" class="soft">
        {state === "running" && "Searches and writes continue."}
        {state === "done" && "Done."}
        {failure}
      </span>
    </div>
  );
}

import { read } from "@cairn/client/client.ts";
import { Command } from "../../components/command.tsx";
import { countOf } from "../../components/format.ts";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { tenantClient } from "../../request/client.ts";
import { tenantCredential } from "../../request/session.ts";
import { useRequest } from "../../request/use-request.ts";
import { Reindex } from "../overview/reindex.tsx";
import { indexStateOf } from "../overview/state.ts";

/** Runs pending index work now, instead of on the schedule. */
export function Maintenance({ isOperator }: { readonly isOperator: boolean }) {
  return (
    <Section
      id="maintenance"
      title="Index maintenance"
      note="It also runs by itself, on a schedule. Searches and writes continue."
    >
      {isOperator ? (
        <div>
          <p>Run the pending index work of all tenants:</p>
          <Command text="cairn reindex" />
        </div>
      ) : (
        <OfTenant />
      )}
    </Section>
  );
}

function OfTenant() {
  const { data, error, reload } = useRequest(
    () => read(tenantClient().v1.overview.$get({ query: {} })),
    [tenantCredential()?.identity.key],
  );
  const states = data?.tenants[0]?.collections.map(indexStateOf) ?? [];
  const pending = states.filter((state) => state === "pending" || state === "unused" || state === "failed").length;
  return (
    <div>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data && (
        <p class="before">
          {pending === 0
            ? "No index work is pending."
            : `Index work is pending for ${countOf(pending, "collection")} of ${states.length}.`}
        </p>
      )}
      <Reindex onChange={reload} />
    </div>
  );
}
